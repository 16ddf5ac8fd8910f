"""The limit of an image's size."""

load(":origin.bzl", "PATH_MAPPING", "own_file", "refuse", "shown")

visibility("private")

SIZE_ATTRS = {
    "max_size": attr.int(
        doc = """The largest size of the image in bytes, as in `10000000`. Default: 0, no limit.

A larger image fails the build, and the error lists its ten largest files. Bazel still
makes and caches the image.""",
    ),
}

def size_limit(ctx, rule):
    """The attribute `max_size`, if it is a size.

    Args:
        ctx: the context of a target with this attribute, an int.
        rule: the rule's name, for errors.

    Returns:
        A number of bytes; 0 for no limit.
    """
    if ctx.attr.max_size < 0:
        refuse(ctx, rule, "max_size", "it is {}. Write a number of bytes, or 0 for no limit.", ctx.attr.max_size)
    return ctx.attr.max_size

def check_size(ctx, image, manifest):
    """Declares the action that compares an image's size with `max_size`.

    Args:
        ctx: the context of a rule with SIZE_ATTRS and `_lister`.
        image: File: the image.
        manifest: File: its manifest.

    Returns:
        A list of Files for the output group `_validation`, empty without a limit.
    """
    limit = size_limit(ctx, "portable_image")
    if not limit:
        return []
    verdict = own_file(ctx, "size")
    arguments = ctx.actions.args()
    arguments.add(limit, format = "--max-size=%s")
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
