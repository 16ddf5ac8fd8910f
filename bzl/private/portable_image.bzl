"""The rule `portable_image`: units, a binary and a skeleton become one .raw file."""

load(":checks.bzl", "CHECK_ATTRS", "check_image")
load(":configuration_info.bzl", "ConfigurationInfo")
load(":origin.bzl", "declared_by", "shown")
load(":portable_image_info.bzl", "PortableImageInfo")
load(":rootfs.bzl", "ROOTFS_ATTRS", "declared_entries")
load(":rootfs_info.bzl", "RootfsInfo", "rootfs_entry")

_SQUASHFS_TOOLCHAIN = "//bzl/toolchains:squashfs_toolchain_type"

# Compression threads, and MiB for mksquashfs's caches. It gives the same bytes
# with any.
_PROCESSORS = 4
_MEMORY = 512

def _resources(_os, _inputs):
    """What the image action needs, for Bazel's scheduler: threads and MB."""
    return {"cpu": _PROCESSORS, "memory": _MEMORY + 256}

def _portable_image_impl(ctx):
    name = ctx.attr.portable_name or ctx.label.name
    version = ctx.attr.version
    image = ctx.actions.declare_file("{}_{}.raw".format(name, version) if version else name + ".raw")
    spec = ctx.actions.declare_file(ctx.label.name + ".spec.jsonl")
    squashfs = ctx.toolchains[_SQUASHFS_TOOLCHAIN].squashfs
    own = declared_entries(ctx, _own_entries(ctx, name))
    parts = [part[RootfsInfo] for part in ctx.attr.rootfs]

    # Written when the build runs: nothing is flattened before.
    lines = ctx.actions.args()
    lines.set_param_file_format("multiline")
    prefixes = [name] + ctx.attr.prefixes
    architecture = ctx.attr._configuration[ConfigurationInfo].architecture
    lines.add(_header(ctx, name, prefixes, architecture, image, squashfs))
    lines.add_all(
        depset(own, transitive = [part.entries for part in parts]),
        map_each = _entry_line,
    )
    ctx.actions.write(spec, lines)

    sources = depset(
        [entry.source for entry in own if entry.source],
        transitive = [part.files for part in parts],
    )
    inputs = depset([spec], transitive = [sources, squashfs.files])
    arguments = ctx.actions.args()

    # Bazel shows what an action says when that is over: too late for progress.
    arguments.add("-quiet")
    arguments.add(spec)
    ctx.actions.run(
        mnemonic = "PortableImage",
        progress_message = "Making portable service image %{output}",
        executable = ctx.executable._mkportable,
        arguments = [arguments],
        inputs = inputs,
        outputs = [image],
        env = {},
        resource_set = _resources,
        toolchain = _SQUASHFS_TOOLCHAIN,
    )
    checks = check_image(ctx, spec, sources)
    return [
        DefaultInfo(files = depset([image]), runfiles = ctx.runfiles([image])),
        OutputGroupInfo(
            _validation = checks.validation,
            checks = checks.report,
            spec = depset([spec]),
        ),
        PortableImageInfo(
            architecture = architecture,
            image = image,
            inputs = inputs,
            name = name,
            prefixes = prefixes,
            profile = ctx.attr.profile,
            spec = spec,
            units = ctx.files.units,
            version = version,
        ),
    ]

def _own_entries(ctx, name):
    """What has an attribute of its own, and its place by convention."""
    entries = [
        rootfs_entry(
            path = "/usr/lib/os-release",
            type = "file",
            mode = "0644",
            source = ctx.file.os_release,
            origin = declared_by(ctx, "os_release"),
        ),
        rootfs_entry(
            path = ctx.attr.binary_path or "/usr/bin/" + name,
            type = "file",
            mode = "0755",
            source = ctx.executable.binary,
            origin = declared_by(ctx, "binary"),
        ),
    ]
    for unit in ctx.files.units:
        entries.append(rootfs_entry(
            path = "{}/{}".format(ctx.attr.unit_dir, unit.basename),
            type = "file",
            mode = "0644",
            source = unit,
            origin = declared_by(ctx, "units"),
        ))
    return entries

def _header(ctx, name, prefixes, architecture, image, squashfs):
    return json.encode({
        "architecture": architecture,
        "label": shown(ctx.label),
        "name": name,
        "output": image.path,
        "prefixes": prefixes,
        "profile": ctx.attr.profile,
        "squashfs": {
            "block_size": ctx.attr.block_size,
            "compression": ctx.attr.compression,
            "level": ctx.attr.compression_level,
            "libraries": squashfs.libraries[0].dirname if squashfs.libraries else "",
            "loader": squashfs.loader.path if squashfs.loader else "",
            "memory": _MEMORY,
            "mksquashfs": squashfs.mksquashfs.path,
            "processors": _PROCESSORS,
        },
        "unit_dir": ctx.attr.unit_dir,
        "version": ctx.attr.version,
    })

def _entry_line(entry):
    line = {"origin": entry.origin, "path": entry.path, "type": entry.type}
    if entry.mode:
        line["mode"] = entry.mode
    if entry.source:
        line["source"] = entry.source.path
    if entry.target:
        line["target"] = entry.target
    return json.encode(line)

portable_image = rule(
    implementation = _portable_image_impl,
    doc = """A systemd portable service image: NAME.raw or NAME_VERSION.raw, a squashfs file system.

What it must hold is described in systemd's PORTABLE_SERVICES.md. The image is
the same, byte for byte, whoever builds it where and when; all that is in it is
declared here or by `rootfs` targets.""",
    attrs = ROOTFS_ATTRS | CHECK_ATTRS | {
        "binary": attr.label(
            doc = "The service. It must be static: the image holds no libraries.",
            cfg = "target",
            executable = True,
            mandatory = True,
        ),
        "binary_path": attr.string(
            doc = "Where the binary is put, for the unit's ExecStart=. Default: `/usr/bin/PORTABLE_NAME`.",
        ),
        "block_size": attr.int(
            doc = """Bytes that are compressed together: a power of two from 4096 to 1048576.

Larger is smaller, but the host decompresses that much to read one byte. A Go
binary is read nearly whole at its start, so the largest is the default.""",
            default = 1048576,
        ),
        "compression": attr.string(
            doc = """The compressor: gzip, lz4, xz or zstd.

zstd, the default, starts fastest for its size; xz is a little smaller and several
times slower to read. The host's kernel must support it; Linux has zstd since 4.14.""",
            default = "zstd",
            values = ["gzip", "lz4", "xz", "zstd"],
        ),
        "compression_level": attr.int(
            doc = "1 to 9 for gzip, 1 to 22 for zstd, 0 for the compressor's own default. Higher is smaller and slower to build, not slower to read.",
            default = 19,
        ),
        "os_release": attr.label(
            doc = "The os-release(5) file. ID= is required by systemd 251 and newer, PORTABLE_PREFIXES= by systemd-dissect.",
            allow_single_file = True,
            mandatory = True,
        ),
        "portable_name": attr.string(
            doc = "What portablectl calls the image, and how its units' names start. No slash and no underscore: that starts a version. Default: the target's name.",
        ),
        "prefixes": attr.string_list(
            doc = "Further prefixes of units' names, for `portablectl attach IMAGE PREFIX`. The portable name is always one.",
        ),
        "profile": attr.string(
            doc = """The profile that the image is meant to be attached with: `portablectl attach --profile=`.

It changes nothing in the image, but the checks look at what the profile forbids.""",
            default = "default",
            values = ["default", "nonetwork", "strict", "trusted"],
        ),
        "rootfs": attr.label_list(
            doc = "Parts of the image that are declared elsewhere: `rootfs` targets.",
            providers = [RootfsInfo],
        ),
        "unit_dir": attr.string(
            doc = "Where units are put. Debian's and upstream's systemd search /usr/lib/systemd/system; a patched one may search elsewhere.",
            default = "/usr/lib/systemd/system",
        ),
        "units": attr.label_list(
            doc = "The unit files: at least one, each named PORTABLE_NAME, or that and `-`, `.` or `@` and more.",
            allow_files = [".service", ".socket", ".target", ".timer", ".path"],
            allow_empty = False,
            mandatory = True,
        ),
        "version": attr.string(
            doc = """The image's version: makes its file NAME_VERSION.raw, which portablectl still knows as NAME.

So versions lie side by side, and `portablectl reattach` takes one for another.
Letters, digits, `.`, `~`, `^` and `-`, which systemd's comparison of versions
knows. Default: no version, NAME.raw.""",
        ),
        "_configuration": attr.label(
            default = "//bzl/private:configuration",
            providers = [ConfigurationInfo],
        ),
        "_mkportable": attr.label(
            default = "//tools/mkportable",
            cfg = "exec",
            executable = True,
        ),
    },
    provides = [PortableImageInfo],
    toolchains = [_SQUASHFS_TOOLCHAIN],
)
