"""The provider of declared image entries."""

RootfsInfo = provider(
    doc = "A part of an image: declared paths, and the files that they get their content from.",
    fields = {
        "entries": """depset of struct: one for each path, with the fields

    path: string, absolute in the image.
    type: "directory", "file" or "symlink".
    mode: string, four octal digits; "" for a symlink.
    source: File or None: a file's content; None for an empty file.
    target: string: a symlink's target; else "".
    origin: string: the label and attribute that declared it.""",
        "files": "depset of File: all sources.",
    },
)

def rootfs_entry(*, path, type, origin, mode = "", source = None, target = ""):
    """Makes an element of RootfsInfo.entries.

    Args:
        path: the path in the image.
        type: "directory", "file" or "symlink".
        origin: the label and attribute to name in errors.
        mode: four octal digits, "" for a symlink.
        source: the File with the content, None for an empty file.
        target: a symlink's target.

    Returns:
        The struct.
    """
    return struct(
        path = path,
        type = type,
        mode = mode,
        source = source,
        target = target,
        origin = origin,
    )
