"""The limit of an image's size."""

load(":origin.bzl", "PATH_MAPPING", "own_file", "shown")

visibility("private")

SIZE_ATTRS = {
    "max_size": attr.int(
        doc = """The most bytes that the image may have. A larger one fails the build, and the error lists the ten largest files.

The image is made and cached all the same. Default: 0, no limit.""",
    ),
}

def check_size(ctx, image, manifest):
    """Declares the action that compares an image's size with `max_size`.

    Args:
        ctx: the context of a rule with SIZE_ATTRS and `_lister`.
        image: File: the image.
        manifest: File: its manifest.

    Returns:
        A list of Files for the output group `_validation`, empty without a limit.
    """
    if not ctx.attr.max_size:
        return []
    verdict = own_file(ctx, "size")
    arguments = ctx.actions.args()
    arguments.add(ctx.attr.max_size, format = "--max-size=%s")
    arguments.add(shown(ctx.label), format = "--label=%s")
    arguments.add(image, format = "--image=%s")
    arguments.add(manifest, format = "--manifest=%s")
    arguments.add(verdict, format = "--output=%s")
    ctx.actions.run(
        mnemonic = "PortableSize",
        progress_message = "Checking the size of portable service image %{label}",
        executable = ctx.executable._lister,
        arguments = [arguments],
        inputs = [image, manifest],
        outputs = [verdict],
        env = {},
        execution_requirements = PATH_MAPPING,
    )
    return [verdict]
