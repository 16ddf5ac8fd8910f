"""What the image action reads, as a test's data."""

load("//bzl:defs.bzl", "PortableImageInfo")

def _image_action_impl(ctx):
    image = ctx.attr.image[PortableImageInfo]

    # Under the paths that the spec names, so that the action can be run again.
    inputs = {file.path: file for file in image.inputs.to_list()}
    return [DefaultInfo(
        files = depset([image.spec]),
        runfiles = ctx.runfiles([image.spec], root_symlinks = inputs),
    )]

image_action = rule(
    implementation = _image_action_impl,
    doc = "The spec of a `portable_image`, with all inputs of its action in the runfiles.",
    attrs = {
        "image": attr.label(
            doc = "The image.",
            mandatory = True,
            providers = [PortableImageInfo],
        ),
    },
)
