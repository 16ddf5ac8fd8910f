"""The rule `rootfs`, and the attributes that it shares with `portable_image`."""

load(":origin.bzl", "declared_by", "shown")
load(":rootfs_info.bzl", "RootfsInfo", "rootfs_entry")

ROOTFS_ATTRS = {
    "directories": attr.string_list(
        doc = """Directories to make, with mode 0755 unless `modes` says otherwise.

A parent directory needs not be declared; it gets mode 0755.""",
    ),
    "empty_files": attr.string_list(
        doc = "Empty files to make, with mode 0644 unless `modes` says otherwise: places for the host to mount a file over.",
    ),
    "files": attr.label_keyed_string_dict(
        doc = """Files to pack: label to path in the image, as in `{":app.conf": "/etc/app/app.conf"}`.

A path that ends in a slash is a directory to put the label's files in, under
their own names; else the label must stand for one file. The mode is 0644 unless
`modes` says otherwise, whatever the source's permissions are: those depend on
the machine.""",
        allow_files = True,
    ),
    "modes": attr.string_dict(
        doc = """Modes that differ from the default: path to four octal digits.

Each path must be declared by this target, as in `{"/tmp": "1777"}`. Owner and
group are always root: an image is read-only, and a service with DynamicUser=
has no user of its own to own anything.""",
    ),
    "symlinks": attr.string_dict(
        doc = "Symbolic links: path to target. Targets are relative and stay inside the image.",
    ),
}

def declared_entries(ctx, add = []):
    """Collects what the attributes of ROOTFS_ATTRS declare.

    Args:
        ctx: the context of a rule with these attributes.
        add: further entries of the rule's own, to which `modes` applies as well.

    Returns:
        A list of entries (see RootfsInfo.entries).
    """
    entries = list(add)
    for path in ctx.attr.directories:
        entries.append(rootfs_entry(path = path, type = "directory", mode = "0755", origin = declared_by(ctx, "directories")))
    for path in ctx.attr.empty_files:
        entries.append(rootfs_entry(path = path, type = "file", mode = "0644", origin = declared_by(ctx, "empty_files")))
    for path, target in ctx.attr.symlinks.items():
        entries.append(rootfs_entry(path = path, type = "symlink", target = target, origin = declared_by(ctx, "symlinks")))
    for target, path in ctx.attr.files.items():
        entries.extend(_file_entries(ctx, target, path))
    return _with_modes(ctx, entries)

def _file_entries(ctx, target, path):
    files = target.files.to_list()
    into = path.endswith("/")
    if not into and len(files) != 1:
        fail("{}: attribute \"files\": {} stands for {} files, but \"{}\" is one path. Add a slash to it to make it a directory to put them in.".format(
            shown(ctx.label),
            shown(target.label),
            len(files),
            path,
        ))
    entries = []
    for file in files:
        if file.is_directory:
            fail("{}: attribute \"files\": {} makes a directory, {}; only files can be packed.".format(shown(ctx.label), shown(target.label), file.short_path))
        entries.append(rootfs_entry(
            path = path + file.basename if into else path,
            type = "file",
            mode = "0644",
            source = file,
            origin = declared_by(ctx, "files"),
        ))
    return entries

def _with_modes(ctx, entries):
    modes = ctx.attr.modes
    declared = {entry.path: entry.type for entry in entries}
    for path in modes:
        if path not in declared:
            fail("{}: attribute \"modes\": no path \"{}\" is declared here. Declare it, or set its mode where it is declared.".format(shown(ctx.label), path))
        if declared[path] == "symlink":
            fail("{}: attribute \"modes\": \"{}\" is a symlink, which has no mode of its own.".format(shown(ctx.label), path))
    return [
        entry if entry.path not in modes else rootfs_entry(
            path = entry.path,
            type = entry.type,
            mode = modes[entry.path],
            source = entry.source,
            origin = entry.origin,
        )
        for entry in entries
    ]

def _rootfs_impl(ctx):
    entries = declared_entries(ctx)
    sources = depset([entry.source for entry in entries if entry.source])
    return [
        DefaultInfo(files = sources),
        RootfsInfo(entries = depset(entries), files = sources),
    ]

rootfs = rule(
    implementation = _rootfs_impl,
    doc = """A part of an image that can be declared on its own, where it is at home.

Makes nothing by itself: `portable_image` packs it.""",
    attrs = ROOTFS_ATTRS,
    provides = [RootfsInfo],
)
