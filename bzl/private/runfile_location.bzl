"""The paths of runfiles."""

visibility(["//tools/vm"])

def runfile_location(workspace, file):
    """Returns a file's path below a runfiles directory, which is also its path for a runfiles library.

    Args:
        workspace: the name of the main repository: `ctx.workspace_name`.
        file: a File of a target's runfiles.

    Returns:
        A string.
    """
    if file.short_path.startswith("../"):
        return file.short_path.removeprefix("../")
    return workspace + "/" + file.short_path
