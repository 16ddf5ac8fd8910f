"""The rule `rootfs`, and the attributes that it shares with `portable_image`."""

load(":entries.bzl", "entry")
load(":origin.bzl", "declared_by", "refuse", "shown")
load(":rootfs_info.bzl", "RootfsInfo")

visibility(["//bzl"])

ROOTFS_ATTRS = {
    "binaries": attr.label_keyed_string_dict(
        doc = """Programs to pack: label to path in the image, as in `{"//tool": "/usr/bin/tool"}`.

A path that ends in a slash is a directory to put the program in, under its own
name. The mode is 0755. They must be static, unless the image has their loader and
libraries. A program's runfiles (what its `data` says) come with it, in PATH.runfiles,
where Bazel's runfiles libraries look for them.""",
        cfg = "target",
    ),
    "directories": attr.string_list(
        doc = """Directories to make, with mode 0755 unless `modes` says otherwise.

A parent directory needs not be declared; it gets mode 0755.""",
    ),
    "empty_files": attr.string_list(
        doc = "Empty files to make, with mode 0644 unless `modes` says otherwise: places for the host to mount a file over.",
    ),
    "files": attr.label_keyed_string_dict(
        doc = """Files to pack: label to path in the image, as in `{":app.conf": "/etc/app/app.conf"}`.

A path that ends in a slash is a directory to put the label's files in: source
files by their path below their package, generated ones by their name. Else the
label must stand for one file. A directory that a rule made (a tree artifact) is
packed with all that is in it. The mode is 0644 unless `modes` says otherwise,
whatever the source's permissions are: those depend on the machine.""",
        allow_files = True,
    ),
    "modes": attr.string_dict(
        doc = """Modes that differ from the default: path to four octal digits, as in `{"/tmp": "1777"}`.

Each path must be in the image: declared, in a tree, or a mount point that was added.""",
    ),
    "owners": attr.string_dict(
        doc = """Owners that differ from root: path to numeric "UID:GID", as in `{"/srv/app": "65534:65534"}`.

As for `modes`, each path must be in the image. An image is read-only, and a
service with DynamicUser= has no user of its own, so that this is rarely needed.""",
    ),
    "symlinks": attr.string_dict(
        doc = "Symbolic links: path to target. Targets are relative and stay inside the image, with `..` only at their start.",
    ),
    "trees": attr.label_keyed_string_dict(
        doc = """Directories to pack with all that is in them: label to path in the image, as in `{"www": "/usr/share/app"}`.

The label is a directory of the sources, or one that a rule made. Files get mode
0644 unless `modes` says otherwise; symlinks are followed, wherever they lead, so one
that leaves the sources packs a file of the building machine; a directory without any
file is left out, as Bazel does not bring it everywhere. Bazel sees changes in a directory of the sources only with
`startup --host_jvm_args=-DBAZEL_TRACK_SOURCE_DIRECTORIES=1`; `files` with a `glob`
needs no such thing.""",
        allow_files = True,
    ),
}

def declared_entries(ctx, rule):
    """Collects what the attributes of ROOTFS_ATTRS declare.

    Args:
        ctx: the context of a rule with these attributes.
        rule: the rule's name.

    Returns:
        A list of entries, and a list of depsets of the Files that they are made from.
    """
    entries = []
    files = []
    for target, path in ctx.attr.binaries.items():
        program = binary_entries(ctx, rule, "binaries", target, path)
        entries.extend(program.entries)
        files.append(program.files)
    for path in ctx.attr.directories:
        entries.append(entry(path = path, type = "directory", mode = "0755", origin = declared_by(ctx, "directories")))
    for path in ctx.attr.empty_files:
        entries.append(entry(path = path, type = "file", mode = "0644", origin = declared_by(ctx, "empty_files")))
    for path, target in ctx.attr.symlinks.items():
        entries.append(entry(path = path, type = "symlink", target = target, origin = declared_by(ctx, "symlinks")))
    for name, type in {"files": "file", "trees": "tree"}.items():
        for target, path in getattr(ctx.attr, name).items():
            entries.append(entry(
                path = path,
                type = type,
                mode = "0644",
                files = target.files,
                origin = declared_by(ctx, name),
            ))
            files.append(target.files)
    for path, mode in ctx.attr.modes.items():
        entries.append(entry(path = path, type = "attributes", mode = mode, origin = declared_by(ctx, "modes")))
    for path, owner in ctx.attr.owners.items():
        entries.append(entry(path = path, type = "attributes", owner = owner, origin = declared_by(ctx, "owners")))
    return entries, files

def binary_entries(ctx, rule, attribute, target, path):
    """Packs a program and its runfiles.

    Args:
        ctx: the rule's context.
        rule: the rule's name.
        attribute: the name of the attribute that has the program.
        target: the program.
        path: where to put it; with a slash at the end, the directory to put it in.

    Returns:
        A struct with `entries`, a list, and `files`, a depset.
    """
    origin = declared_by(ctx, attribute)
    program = target[DefaultInfo].files_to_run
    if not program or not program.executable:
        refuse(
            ctx,
            rule,
            attribute,
            "{} is no program. Name a target that `bazel run` can run, or pack a file with `files` and give it a mode with `modes`.",
            shown(target.label),
        )
    if path.endswith("/"):
        path += program.executable.basename
    runfiles = target[DefaultInfo].default_runfiles
    entries = [
        entry(path = path, type = "file", mode = "0755", source = program.executable, origin = origin),
        # Bazel marks whatever it makes as executable, and programs may rely on that.
        entry(
            path = path + ".runfiles/",
            type = "file",
            mode = "0755",
            runfiles_of = struct(
                executable = program.executable,
                repo_mapping = program.repo_mapping_manifest,
                runfiles = runfiles,
                workspace = ctx.workspace_name,
            ),
            origin = origin,
        ),
    ]

    # There are hardly ever any symlinks.
    links = runfiles.symlinks.to_list() + runfiles.root_symlinks.to_list()
    files = [program.executable] + [link.target_file for link in links]
    if program.repo_mapping_manifest:
        files.append(program.repo_mapping_manifest)
    return struct(entries = entries, files = depset(files, transitive = [runfiles.files]))

def _rootfs_impl(ctx):
    entries, files = declared_entries(ctx, "rootfs")
    sources = depset(transitive = files)
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
