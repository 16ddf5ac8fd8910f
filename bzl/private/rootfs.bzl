"""The rule `rootfs`, and the attributes that it shares with `portable_image`."""

# Not from //go:def.bzl, with which the reference pages would need the sources of rules_cc.
load("@io_bazel_rules_go//go/private:providers.bzl", "GoArchive")
load(":entries.bzl", "entry")
load(":inventory.bzl", "metadata_files")
load(":origin.bzl", "declared_by", "refuse", "shown")
load(":rootfs_info.bzl", "RootfsInfo")

visibility(["//bzl"])

ROOTFS_ATTRS = {
    "binaries": attr.string_keyed_label_dict(
        doc = """Programs to pack: path in the image to label, as in `{"/usr/bin/tool": "//tool"}`.

The label is a target that `bazel run` can run, or any single file: a source file, a
download, or the output of a rule. Its mode becomes 0755. A program must be static, unless
the image has its loader and libraries. The rule also packs its runfiles (from its `data`)
into PATH.runfiles, where Bazel's runfiles libraries look for them.""",
        allow_files = True,
        cfg = "target",
    ),
    "directories": attr.string_list(
        doc = """Directories to make, with mode 0755 unless `modes` overrides it.

You need not declare parent directories. They get mode 0755.""",
    ),
    "empty_files": attr.string_list(
        doc = "Empty files to make, with mode 0644 unless `modes` overrides it. They are mount points for files of the host.",
    ),
    "files": attr.string_keyed_label_dict(
        doc = """Files to pack: path in the image to label, as in `{"/etc/app/app.conf": ":app.conf"}`.

The label must stand for one file, unless the path ends in a slash. Such a path is a
directory for all of the label's files. There, source files keep their path below their
package, and generated files keep their name. Use a `filegroup` to put several labels into
one directory. If a rule made a directory (a tree artifact), all of its contents are packed.
The mode is 0644 unless `modes` overrides it. The sources' own modes do not matter, because
they depend on the machine. An unresolved symlink (`declare_symlink`) stays a symlink. It
must be relative and stay inside the image.""",
        allow_files = True,
    ),
    "modes": attr.string_dict(
        doc = """Modes that differ from the default: path to four octal digits, as in `{"/tmp": "1777"}`.

Each path must be in the image: declared, in a tree, or an added mount point.""",
    ),
    "owners": attr.string_dict(
        doc = """Owners that differ from root: path to numeric "UID:GID", as in `{"/srv/app": "65534:65534"}`.

As for `modes`, each path must be in the image. You rarely need this attribute, because an
image is read-only, and a service with DynamicUser= has no fixed user.""",
    ),
    "symlinks": attr.string_dict(
        doc = "Symbolic links: path to target. Targets must be relative and stay inside the image, with `..` only at their start.",
    ),
    "trees": attr.string_keyed_label_dict(
        doc = """Directories to pack with all their contents: path in the image to label, as in `{"/usr/share/app": "www"}`.

The label is a source directory, or a directory that a rule made. Files get mode
0644 unless `modes` overrides it. A symlink that stays inside the directory is packed as a
symlink; a symlink that leads out of it is an error. Directories without any file are left
out, because Bazel does not always keep them.

Two risks:

- If a rule makes a directory with symlinks, Bazel's caches may replace them by copies of
  their targets, and Bazel does not tell the image action about it. The image then depends on
  whether the directory came from a cache. Declare such links with `symlinks` instead.
- Bazel before 8.5 does not notice changes in a source directory, and prints a warning for
  each action that reads one: two for an image.
  `startup --host_jvm_args=-DBAZEL_TRACK_SOURCE_DIRECTORIES=1` in `.bazelrc` fixes both.
  `files` with a `glob` does not need it.""",
        allow_files = True,
    ),
}

def declared_entries(ctx, rule):
    """Collects the entries that the attributes of ROOTFS_ATTRS declare.

    Args:
        ctx: the context of a rule with these attributes.
        rule: the rule's name.

    Returns:
        A struct with the fields `entries`, a list, `files`, a list of depsets of their source
        Files, and `metadata`, a list of depsets of Files; see RootfsInfo.
    """
    entries = []
    files = []
    metadata = []
    for path, target in ctx.attr.binaries.items():
        program = binary_entries(ctx, rule, "binaries", target, path)
        entries.extend(program.entries)
        files.append(program.files)
        metadata.append(program.metadata)
    for path in ctx.attr.directories:
        entries.append(entry(path = path, type = "directory", mode = "0755", origin = declared_by(ctx, "directories")))
    for path in ctx.attr.empty_files:
        entries.append(entry(path = path, type = "file", mode = "0644", origin = declared_by(ctx, "empty_files")))
    for path, target in ctx.attr.symlinks.items():
        entries.append(entry(path = path, type = "symlink", target = target, origin = declared_by(ctx, "symlinks")))
    for name, type in {"files": "file", "trees": "tree"}.items():
        for path, target in getattr(ctx.attr, name).items():
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
    return struct(entries = entries, files = files, metadata = metadata)

def binary_entries(ctx, rule, attribute, target, path):
    """Packs a program and its runfiles.

    Args:
        ctx: the rule's context.
        rule: the rule's name.
        attribute: the name of the attribute that declares the program.
        target: the program.
        path: its path in the image.

    Returns:
        A struct with `entries`, a list, and `files` and `metadata`, depsets.
    """
    origin = declared_by(ctx, attribute)
    program = _program(ctx, rule, attribute, target, path)
    if path.endswith("/"):
        refuse(
            ctx,
            rule,
            attribute,
            "\"{}\": the path of {} ends in a slash, so it names a directory. Write the program's own path, as in \"{}\".",
            path,
            shown(target.label),
            path + target.label.name,
        )
    runfiles = target[DefaultInfo].default_runfiles or ctx.runfiles()
    archive = target[GoArchive] if GoArchive in target else None
    entries = [
        entry(path = path, type = "file", mode = "0755", source = program.file, archive = archive, origin = origin),
        # Bazel marks every output as executable, and programs may rely on that.
        entry(
            path = path + ".runfiles/",
            type = "file",
            mode = "0755",
            runfiles_of = struct(
                executable = program.file,
                repo_mapping = program.repo_mapping,
                runfiles = runfiles,
                workspace = ctx.workspace_name,
            ),
            origin = origin,
        ),
    ]

    # Runfiles rarely have symlinks.
    links = runfiles.symlinks.to_list() + runfiles.root_symlinks.to_list()
    files = [program.file] + [link.target_file for link in links]
    if program.repo_mapping:
        files.append(program.repo_mapping)
    return struct(
        entries = entries,
        files = depset(files, transitive = [runfiles.files]),
        metadata = metadata_files(archive) if archive else depset(),
    )

def _program(ctx, rule, attribute, target, path):
    """Returns a label's program: the executable that `bazel run` would run, or its only file."""
    info = target[DefaultInfo]
    run = info.files_to_run
    file = run.executable if run else None
    if not file:
        files = info.files.to_list()
        if len(files) != 1:
            refuse(
                ctx,
                rule,
                attribute,
                "\"{}\": {} is not a program: it stands for {} files. Name a target that `bazel run` can run, or one file; pack several with `files`.",
                path,
                shown(target.label),
                len(files),
            )
        file = files[0]
    if file.is_directory:
        refuse(
            ctx,
            rule,
            attribute,
            "\"{}\": {} is a directory. Name the program itself, or pack the directory with `trees` and give the program a mode with `modes`.",
            path,
            shown(target.label),
        )
    return struct(
        file = file,
        repo_mapping = run.repo_mapping_manifest if run else None,
    )

def _rootfs_impl(ctx):
    declared = declared_entries(ctx, "rootfs")
    sources = depset(transitive = declared.files)
    return [
        DefaultInfo(files = sources),
        RootfsInfo(
            entries = depset(declared.entries),
            files = sources,
            metadata = depset(transitive = declared.metadata),
        ),
    ]

rootfs = rule(
    implementation = _rootfs_impl,
    doc = """A part of an image, declared in another package than the image.

It makes no file by itself: `portable_image` packs it.""",
    attrs = ROOTFS_ATTRS,
    provides = [RootfsInfo],
)
