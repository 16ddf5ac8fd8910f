"""Entries: the declarations of an image, and their form in a spec.

An entry may stand for many files. They are listed when Bazel writes the spec, so that the
analysis flattens no depset.
"""

load(":runfile_location.bzl", "runfile_location")

visibility("private")

def entry(*, path, type, origin, mode = "", owner = "", source = None, files = None, dropins = [], target = "", runfiles_of = None, archive = None):
    """Makes an element of RootfsInfo.entries.

    Args:
        path: the path in the image. With `files`, and a slash at its end, the
            directory to put them in.
        type: "directory", "file", "symlink", "tree" for a directory with all its contents,
            or "attributes" for the mode or owner of a path that another entry declares.
        origin: the label and attribute to name in errors, see `declared_by`.
        mode: four octal digits, for a tree those of its files; "" for a symlink.
        owner: "UID:GID"; "" for root's.
        source: the File with a file's content, None for an empty file.
        files: a depset of File, for a "file" entry with several files.
        dropins: Files to append to a unit.
        target: a symlink's target.
        runfiles_of: a program whose runfiles are packed below path: a struct with the fields
            `executable`, `runfiles`, `repo_mapping` (File or None) and `workspace`.
        archive: the GoArchive of a Go program, for the image's inventory.

    Returns:
        The struct.
    """
    return struct(
        path = path,
        type = type,
        mode = mode,
        owner = owner,
        source = source,
        files = files,
        dropins = tuple(dropins),
        target = target,
        runfiles_of = runfiles_of,
        archive = archive,
        origin = origin,
    )

def entry_lines(entry):
    """Writes an entry as lines of a spec. For Args.add_all.

    Args:
        entry: the entry.

    Returns:
        A list of strings.
    """
    if entry.runfiles_of:
        return _runfiles_lines(entry, entry.runfiles_of)
    if entry.files == None:
        return [_line(entry, entry.path, entry.type, entry.source)]
    into = entry.path.endswith("/")
    return [
        _line(entry, entry.path + _name_below(file) if into else entry.path, entry.type, file)
        for file in entry.files.to_list()
    ]

def tells_symlinks(file):
    """Returns whether this Bazel can identify unresolved symlinks (declare_symlink): version 8 and newer.

    Args:
        file: any File.

    Returns:
        A boolean.
    """
    return hasattr(file, "is_symlink")

def _runfiles_lines(entry, program):
    lines = []
    for file in program.runfiles.files.to_list():
        if file != program.executable:
            lines.append(_line(entry, entry.path + runfile_location(program.workspace, file), entry.type, file))
    for link in program.runfiles.symlinks.to_list():
        lines.append(_line(entry, "{}{}/{}".format(entry.path, program.workspace, link.path), entry.type, link.target_file))
    for link in program.runfiles.root_symlinks.to_list():
        lines.append(_line(entry, entry.path + link.path, entry.type, link.target_file))
    for path in program.runfiles.empty_filenames.to_list():
        path = path.removeprefix("../") if path.startswith("../") else program.workspace + "/" + path
        lines.append(_line(entry, entry.path + path, entry.type, None))

    # The runfiles libraries resolve repository names with it, so it is needed only with runfiles.
    if lines and program.repo_mapping:
        lines.append(_line(entry, entry.path + "_repo_mapping", entry.type, program.repo_mapping))
    return lines

def _line(entry, path, type, source):
    if source and source.is_directory:
        type = "tree"
    elif source and tells_symlinks(source) and source.is_symlink:
        type = "symlink"
    line = {"origin": entry.origin, "path": path, "type": type}
    if entry.mode and type != "symlink":
        line["mode"] = entry.mode
    if entry.owner:
        line["owner"] = entry.owner
    if source:
        line["source"] = source.path
    if entry.dropins:
        line["dropins"] = [file.path for file in entry.dropins]
    if entry.target:
        line["target"] = entry.target
    return json.encode(line)

def _name_below(file):
    """Returns the path below a directory entry: a source file's path in its package, or a base name."""
    if not file.is_source or not file.owner:
        return file.basename
    path = _below_repository(file)
    return path.removeprefix(file.owner.package + "/")

def _below_repository(file):
    return file.short_path.split("/", 2)[2] if file.short_path.startswith("../") else file.short_path
