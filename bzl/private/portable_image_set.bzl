"""The rule `portable_image_set`: one image, for each of several platforms."""

load(":origin.bzl", "own_file", "refuse")
load(":portable_image_info.bzl", "PortableImageInfo")
load(":portable_image_set_info.bzl", "PortableImageSetInfo")

visibility(["//bzl"])

def _for_each_platform_impl(_settings, attr):
    return {
        str(platform): {"//command_line_option:platforms": str(platform)}
        for platform in attr.platforms
    }

_for_each_platform = transition(
    implementation = _for_each_platform_impl,
    inputs = [],
    outputs = ["//command_line_option:platforms"],
)

def _portable_image_set_impl(ctx):
    images = {}
    groups = {}
    policies = {}
    for platform, target in ctx.split_attr.image.items():
        info = target[PortableImageInfo]
        if not info.architecture:
            refuse(
                ctx,
                "portable_image_set",
                "platforms",
                "{} has no CPU that systemd has a name for. Give the platform a constraint_value of @platforms//cpu.",
                platform,
            )
        if info.architecture in images:
            refuse(
                ctx,
                "portable_image_set",
                "platforms",
                "{} is the second platform for {}, and their images would have the same name. Put it into another portable_image_set.",
                platform,
                info.architecture,
            )

        image, named = _named(ctx, target)
        images[info.architecture] = image
        for group in _GROUPS:
            groups.setdefault(group, []).append(getattr(target[OutputGroupInfo], group))
        for group, files in named.items():
            groups.setdefault(group, []).append(depset(files))
        if hasattr(target[OutputGroupInfo], "policy"):
            for file in target[OutputGroupInfo].policy.to_list():
                # policy/UNIT.d/NAME.conf, which the architectures have in common.
                policies["/".join(file.short_path.split("/")[-3:])] = file
    if policies:
        groups["policy"] = [depset([_link(ctx, name, file) for name, file in policies.items()])]
    files = [info.image for info in images.values()]
    return [
        DefaultInfo(files = depset(files), runfiles = ctx.runfiles(files)),
        OutputGroupInfo(**{group: depset(transitive = files) for group, files in groups.items()}),
        PortableImageSetInfo(images = images),
    ]

# Output groups that a set has as well.
_GROUPS = ["checks", "manifest", "spec"]

# Those whose files get the architecture into their names, as the images do. Some images have
# some of them.
_NAMED = ["partitions", "provenance", "roothash", "sbom"]

def _named(ctx, target):
    """An image whose files have the architecture in their names.

    Args:
        ctx: the context of the set's rule.
        target: the image's Target.

    Returns:
        The image's PortableImageInfo, and a dict of lists of File: its output groups.
    """
    info = target[PortableImageInfo]
    stem = info.image.basename.removesuffix(".raw")
    links = {}

    def named(file):
        if file not in links:
            rest = file.basename.removeprefix(stem + ".")
            links[file] = _link(ctx, "{}_{}.{}".format(stem, info.architecture, rest), file)
        return links[file]

    fields = {name: getattr(info, name) for name in dir(info) if name not in ["to_json", "to_proto"]}
    for field in ["image", "provenance", "roothash", "sbom"]:
        if fields[field]:
            fields[field] = named(fields[field])
    return PortableImageInfo(**fields), {
        # Without a toolchain for SBOMs, making that file fails and says so.
        group: [named(file) for file in getattr(target[OutputGroupInfo], group).to_list()]
        for group in _NAMED
        if hasattr(target[OutputGroupInfo], group)
    }

def _link(ctx, name, file):
    link = own_file(ctx, name)
    ctx.actions.symlink(
        output = link,
        target_file = file,
        progress_message = "Naming %{output}",
    )
    return link

portable_image_set = rule(
    implementation = _portable_image_set_impl,
    doc = """Builds a `portable_image` for several platforms with one command.

The images are called NAME_ARCHITECTURE.raw or NAME_VERSION_ARCHITECTURE.raw, with
systemd's name of the architecture, as in hello_1.0_arm64.raw. They can lie in one
directory: portablectl calls each of them NAME, and systemd.v(7) picks the right one.
Their bytes equal those of the image built with --platforms.

The image may be one of `portable_verity`. A set has the output groups of its images. The
names of files that belong to one image contain its architecture. A set of any number of
platforms provides PortableImageSetInfo, and never PortableImageInfo.""",
    attrs = {
        "image": attr.label(
            doc = "The `portable_image`, or a `portable_verity` of one.",
            cfg = _for_each_platform,
            mandatory = True,
            providers = [PortableImageInfo],
        ),
        "platforms": attr.label_list(
            doc = "The platforms, as for --platforms: `@rules_go//go/toolchain:linux_arm64`, or a `platform` of your own. Each must have a different CPU.",
            allow_empty = False,
            mandatory = True,
        ),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
    provides = [PortableImageSetInfo],
)
