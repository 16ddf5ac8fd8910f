"""Where a program finds a file that it is given with `bazel run`."""

visibility("private")

def runfile_location(ctx, file):
    """The file's path for a runfiles library.

    Args:
        ctx: the context of the target's rule.
        file: a File of the target's runfiles.

    Returns:
        A string.
    """
    if file.short_path.startswith("../"):
        return file.short_path.removeprefix("../")
    return ctx.workspace_name + "/" + file.short_path
