"""What image actions read, as a test's data."""

load("//bzl:defs.bzl", "PortableImageInfo")

visibility(["//bzl/tests/..."])

_ArgumentsInfo = provider(
    doc = "The command line of an image action.",
    fields = {
        "arguments": "list of string: the flags, and among them the lines of the spec, which its parameter file has.",
        "inventory": "list of string: the same of the action that takes the inventory. Bazel may map the paths of one action and not of the other.",
        "metadata": "list of File: what the lines of inventory name besides the image's inputs.",
    },
)

def _arguments_impl(target, _ctx):
    # Some images have a second inventory, for the SBOM in them: the last one is the image's.
    actions = {action.mnemonic: action for action in target.actions}
    return [_ArgumentsInfo(
        arguments = actions["PortableImage"].argv[1:],
        inventory = actions["PortableInventory"].argv[1:],
        metadata = [file for file in actions["PortableInventory"].inputs.to_list() if file.basename.endswith(".package-metadata.json")],
    )]

_arguments = aspect(
    implementation = _arguments_impl,
    doc = "Provides _ArgumentsInfo of a portable_image.",
    required_providers = [PortableImageInfo],
)

def _image_action_impl(ctx):
    files = []
    for image in ctx.attr.images:
        file = ctx.actions.declare_file(image.label.name + ".action")
        info = image[_ArgumentsInfo]
        ctx.actions.write(file, "\n".join(info.arguments + ["inventory " + line for line in info.inventory]) + "\n")
        files.append(file)

    # The files have the paths that the arguments name, with the configuration's name or mapped,
    # so that a test can run the actions again.
    inputs = depset(
        [file for image in ctx.attr.images for file in image[_ArgumentsInfo].metadata],
        transitive = [image[PortableImageInfo].inputs for image in ctx.attr.images],
    ).to_list()
    return [DefaultInfo(
        files = depset(files),
        runfiles = ctx.runfiles(
            files,
            root_symlinks = {_mapped(file.path): file for file in inputs} | {file.path: file for file in inputs},
        ),
    )]

def _mapped(path):
    """The path that --experimental_output_paths=strip gives an output."""
    parts = path.split("/")
    return "/".join(["bazel-out", "cfg"] + parts[2:]) if parts[0] == "bazel-out" else path

def _image_action(doc, cfg):
    return rule(
        implementation = _image_action_impl,
        doc = doc,
        attrs = {
            "images": attr.label_list(
                doc = "The images. They are not built.",
                aspects = [_arguments],
                cfg = cfg,
                mandatory = True,
                providers = [PortableImageInfo],
            ),
        },
    )

image_action = _image_action(
    doc = "NAME.action for each `portable_image`: the arguments of its action, a line each. All inputs of the actions are in the runfiles.",
    cfg = "target",
)

unchecked_image_action = _image_action(
    doc = """The same for images that fail their checks.

They are dependencies like a tool's, whose validations Bazel leaves alone.""",
    cfg = "exec",
)
