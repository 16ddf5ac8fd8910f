"""What image actions read, as a test's data."""

load("//bzl:defs.bzl", "PortableImageInfo")

visibility(["//bzl/tests/..."])

def _image_action_impl(ctx):
    images = [image[PortableImageInfo] for image in ctx.attr.images]
    specs = [image.spec for image in images]

    # Under the paths that the specs name, so that the actions can be run again.
    inputs = depset(transitive = [image.inputs for image in images])
    return [DefaultInfo(
        files = depset(specs),
        runfiles = ctx.runfiles(specs, root_symlinks = {
            file.path: file
            for file in inputs.to_list()
        }),
    )]

def _image_action(doc, cfg):
    return rule(
        implementation = _image_action_impl,
        doc = doc,
        attrs = {
            "images": attr.label_list(
                doc = "The images. They are not built.",
                cfg = cfg,
                mandatory = True,
                providers = [PortableImageInfo],
            ),
        },
    )

image_action = _image_action(
    doc = "The specs of `portable_image`s, with all inputs of their actions in the runfiles.",
    cfg = "target",
)

unchecked_image_action = _image_action(
    doc = """The same for images that fail their checks.

They are dependencies like a tool's, whose validations Bazel leaves alone.""",
    cfg = "exec",
)
