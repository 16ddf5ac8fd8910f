"""The rule `portable_image`: units, binaries and what else they need become one .raw file."""

load("@bazel_skylib//rules:common_settings.bzl", "BuildSettingInfo")
load(":checks.bzl", "CHECK_ATTRS", "check_image")
load(":configuration_info.bzl", "ConfigurationInfo")
load(":entries.bzl", "entry", "entry_lines", "tells_symlinks")
load(":inventory.bzl", "collect_inventory", "inventory_attrs")
load(":names.bzl", "checked_names")
load(":origin.bzl", "PATH_MAPPING", "declared_by", "own_file", "refuse", "shown")
load(":os_release.bzl", "OS_RELEASE_TOOL", "write_os_release")
load(":os_release_info.bzl", "OsReleaseInfo")
load(":portable_image_info.bzl", "PortableImageInfo")
load(":rootfs.bzl", "ROOTFS_ATTRS", "binary_entries", "declared_entries")
load(":rootfs_info.bzl", "RootfsInfo")
load(":sbom.bzl", "SBOM_ATTRS", "SBOM_TOOLCHAIN", "describe_image", "write_sbom")
load(":size.bzl", "SIZE_ATTRS", "check_size")

visibility(["//bzl"])

# For errors.
_RULE = "portable_image"

_SQUASHFS_TOOLCHAIN = "//bzl/toolchains:squashfs_toolchain_type"

# The execution group of the image action: where mksquashfs runs, and with which
# `exec_properties`. The other actions need neither.
_IMAGE = "image"

# MiB for mksquashfs's caches. It gives the same bytes with any.
_MEMORY = 512

# The default level of each compressor: what is worth its time. And its highest level.
_DEFAULT_LEVELS = {"gzip": 9, "lz4": 0, "xz": 0, "zstd": 19}
_HIGHEST_LEVELS = {"gzip": 9, "lz4": 0, "xz": 0, "zstd": 22}

def _resources(processors):
    return {"cpu": processors, "memory": _MEMORY + 256}

# What the image action needs, for Bazel's scheduler: threads and MB, by --//bzl:processors.
# Bazel takes no closure here, only functions by name.
def _one(_os, _inputs):
    return _resources(1)

def _two(_os, _inputs):
    return _resources(2)

def _four(_os, _inputs):
    return _resources(4)

def _eight(_os, _inputs):
    return _resources(8)

def _sixteen(_os, _inputs):
    return _resources(16)

_RESOURCES = {"1": _one, "2": _two, "4": _four, "8": _eight, "16": _sixteen}

def _portable_image_impl(ctx):
    name, prefixes = checked_names(ctx, _RULE)
    version = ctx.attr.version
    squashfs = ctx.exec_groups[_IMAGE].toolchains[_SQUASHFS_TOOLCHAIN].squashfs
    image = _output(ctx, "{}_{}.raw".format(name, version) if version else name + ".raw")
    spec = own_file(ctx, "spec.jsonl")
    facts = struct(
        architecture = ctx.attr._configuration[ConfigurationInfo].architecture,
        name = name,
        prefixes = prefixes,
        version = version,
    )
    os_release = _os_release(ctx, facts)
    units = _units(ctx)
    declaration = declared_entries(ctx, _RULE)
    entries = declaration.entries
    entries.append(entry(
        path = "/usr/lib/os-release",
        type = "file",
        mode = "0644",
        source = os_release,
        origin = declared_by(ctx, "os_release"),
    ))
    entries.extend(units)
    if ctx.attr.binary:
        binary = binary_entries(ctx, _RULE, "binary", ctx.attr.binary, "/usr/bin/" + name)
        entries.extend(binary.entries)
        declaration.files.append(binary.files)
        declaration.metadata.append(binary.metadata)
    parts = [part[RootfsInfo] for part in ctx.attr.rootfs]
    contents = struct(
        entries = depset(entries, transitive = [part.entries for part in parts]),
        metadata = depset(transitive = declaration.metadata + [getattr(part, "metadata", depset()) for part in parts]),
        sources = depset(
            [os_release] + ctx.files.units,
            transitive = declaration.files + [part.files for part in parts],
        ),
    )
    if ctx.attr.sbom:
        contents = _with_sbom(ctx, facts, contents, squashfs, image)
    declared = _declared(ctx, facts, contents, image)
    sources = contents.sources
    inputs = depset(transitive = [sources, squashfs.files])
    processors = ctx.attr._processors[BuildSettingInfo].value
    ctx.actions.run(
        mnemonic = "PortableImage",
        progress_message = "Making portable service image %{output}",
        executable = ctx.executable._mkportable,
        arguments = [_file_system(ctx, image, squashfs, processors), declared],
        inputs = inputs,
        outputs = [image],
        env = {},
        exec_group = _IMAGE,
        execution_requirements = PATH_MAPPING,
        resource_set = _RESOURCES[processors],
    )

    # Not the image action's: digests take time, and most builds ask for none.
    manifest = _manifest(ctx, "manifest", declared, contents)
    inventory = _inventory(ctx, "inventory.json", declared, contents, manifest, squashfs)
    documents = describe_image(ctx, inventory, image)
    checks = check_image(ctx, declared, sources)

    # For people and their tools.
    ctx.actions.write(spec, declared)
    return [
        DefaultInfo(files = depset([image]), runfiles = ctx.runfiles([image])),
        OutputGroupInfo(
            _validation = depset(check_size(ctx, image, manifest), transitive = [checks.validation]),
            checks = checks.report,
            manifest = depset([manifest]),
            spec = depset([spec]),
            **documents.groups
        ),
        PortableImageInfo(
            architecture = facts.architecture,
            image = image,
            inputs = inputs,
            inventory = inventory,
            manifest = manifest,
            minimum_systemd = ctx.attr.minimum_systemd,
            name = name,
            os_release = os_release,
            prefixes = facts.prefixes,
            profile = ctx.attr.profile,
            provenance = documents.provenance,
            roothash = None,
            sbom = documents.sbom,
            spec = spec,
            units = [unit.source for unit in units],
            version = version,
        ),
    ]

def _declared(ctx, facts, contents, image):
    """What the image is, for several actions, as the flag --spec.

    It is written when they run: nothing is flattened before. As each action's own parameter
    file it has paths that are mapped like the action's inputs
    (--experimental_output_paths=strip).
    """
    declared = ctx.actions.args()
    declared.set_param_file_format("multiline")
    declared.use_param_file("--spec=%s", use_always = True)
    declared.add(_header(ctx, facts, image))
    declared.add_all(contents.entries, map_each = entry_lines)
    return declared

def _manifest(ctx, name, declared, contents):
    manifest = own_file(ctx, name)
    arguments = ctx.actions.args()
    arguments.add(manifest, format = "--manifest=%s")
    ctx.actions.run(
        mnemonic = "PortableManifest",
        progress_message = "Listing portable service image %{output}",
        executable = ctx.executable._lister,
        arguments = [arguments, declared],
        inputs = contents.sources,
        outputs = [manifest],
        env = {},
        execution_requirements = PATH_MAPPING,
    )
    return manifest

def _inventory(ctx, name, declared, contents, manifest, squashfs):
    return collect_inventory(
        ctx,
        name = name,
        declared = declared,
        entries = contents.entries,
        exec_group = _IMAGE,
        inputs = depset(transitive = [contents.sources, squashfs.files]),
        manifest = manifest,
        metadata = contents.metadata,
        parameters = {
            "block_size": ctx.attr.block_size,
            "compression": ctx.attr.compression,
            "compression_level": _level(ctx),
            "timestamp": ctx.attr.timestamp,
        },
        squashfs = squashfs,
    )

def _with_sbom(ctx, facts, contents, squashfs, image):
    """Adds an SBOM of the other contents. Neither its digest nor the image's is in it."""
    declared = _declared(ctx, facts, contents, image)
    manifest = _manifest(ctx, "embedded/manifest", declared, contents)
    inventory = _inventory(ctx, "embedded/inventory.json", declared, contents, manifest, squashfs)
    name = image.basename.removesuffix(".raw") + ".cdx.json"
    document = write_sbom(ctx, name = "embedded/" + name, inventory = inventory)
    embedded = entry(
        path = ctx.attr.sbom + name if ctx.attr.sbom.endswith("/") else ctx.attr.sbom,
        type = "file",
        mode = "0644",
        source = document,
        origin = declared_by(ctx, "sbom"),
    )
    return struct(
        entries = depset([embedded], transitive = [contents.entries]),
        metadata = contents.metadata,
        sources = depset([document], transitive = [contents.sources]),
    )

def _output(ctx, name):
    """The image's file, whose name is what portablectl takes the portable name from."""
    if ctx.outputs.out and ctx.outputs.out.basename != name:
        refuse(
            ctx,
            _RULE,
            "out",
            "the file is called \"{}\", but portablectl takes the portable name and the version from it. Call it \"{}\", in any directory.",
            ctx.outputs.out.basename,
            name,
        )
    return ctx.outputs.out or own_file(ctx, name)

def _os_release(ctx, facts):
    """The image's os-release file: as given, or made of what is known."""
    given = ctx.attr.os_release
    if given and OsReleaseInfo not in given:
        return ctx.file.os_release
    said = given[OsReleaseInfo] if given else OsReleaseInfo(fields = {}, stamped = {})
    prefixes = facts.prefixes + said.fields.get("PORTABLE_PREFIXES", "").split(" ")
    known = {
        "ARCHITECTURE": facts.architecture,
        "ID": _identifier(facts.name),
        "IMAGE_ID": _identifier(facts.name),
        "IMAGE_VERSION": facts.version,
        "PRETTY_NAME": facts.name,
    }
    version = said.fields.get("IMAGE_VERSION")
    if version and facts.version and version != facts.version:
        refuse(
            ctx,
            _RULE,
            "version",
            "it is \"{}\", but {} says IMAGE_VERSION={}. Leave image_version out there: the image adds it.",
            facts.version,
            shown(given.label),
            version,
        )
    out = own_file(ctx, "os-release")
    fields = known | said.fields | {
        # Both: attach refuses a prefix that is missing here. A dict has each once.
        "PORTABLE_PREFIXES": " ".join({prefix: None for prefix in prefixes if prefix}.keys()),
    }
    write_os_release(ctx, out, OsReleaseInfo(fields = fields, stamped = said.stamped))
    return out

def _identifier(name):
    """A name as os-release(5) wants it in ID: without capitals, spaces and most signs."""
    return "".join([
        letter if letter in "abcdefghijklmnopqrstuvwxyz0123456789._-" else "-"
        for letter in name.lower().elems()
    ])

def _units(ctx):
    """Entries of the unit files, each with its drop-ins."""
    units = []
    dropins = {}
    for file in ctx.files.units:
        directory = file.dirname.split("/")[-1]
        if file.extension != "conf":
            units.append(file)
        elif directory.endswith(".d"):
            dropins.setdefault(directory.removesuffix(".d"), []).append(file)
        else:
            refuse(
                ctx,
                _RULE,
                "units",
                "{} is no drop-in, as it does not lie in a directory like foo.service.d. Move it there, or pack it with `files`.",
                file.short_path,
            )
    entries = [
        entry(
            path = "{}/{}".format(ctx.attr.unit_dir, unit.basename),
            type = "file",
            mode = "0644",
            source = unit,
            # systemd reads drop-ins in the order of their names.
            dropins = sorted(dropins.pop(unit.basename, []), key = lambda file: file.basename),
            origin = declared_by(ctx, "units"),
        )
        for unit in units
    ]
    for unit, files in dropins.items():
        refuse(
            ctx,
            _RULE,
            "units",
            "{} is a drop-in for {}, which is no unit of this image. Add the unit, or give the directory the name of one.",
            files[0].short_path,
            unit,
        )
    return entries

def _header(ctx, facts, image):
    return json.encode({
        "architecture": facts.architecture,
        "label": shown(ctx.label),
        "name": facts.name,
        "prefixes": facts.prefixes,
        "symlinks": tells_symlinks(image),
        "unit_dir": ctx.attr.unit_dir,
        "version": facts.version,
    })

def _file_system(ctx, image, squashfs, processors):
    """Arguments of the image action: how the file system is made."""
    arguments = ctx.actions.args()
    arguments.add(image, format = "--output=%s")
    arguments.add(squashfs.mksquashfs, format = "--mksquashfs=%s")
    if squashfs.loader:
        arguments.add(squashfs.loader, format = "--loader=%s")
    arguments.add_all(squashfs.libraries[:1], map_each = _directory, format_each = "--libraries=%s")
    arguments.add(ctx.attr.compression, format = "--compression=%s")
    arguments.add(_level(ctx), format = "--level=%s")
    arguments.add(ctx.attr.block_size, format = "--block-size=%s")
    arguments.add(ctx.attr.timestamp, format = "--timestamp=%s")
    arguments.add(processors, format = "--processors=%s")
    arguments.add(_MEMORY, format = "--memory=%s")
    return arguments

def _directory(file):
    return file.dirname

def _level(ctx):
    """The compression level: the flag's, else the attribute's, else the compressor's default."""
    flag = int(ctx.attr._compression_level[BuildSettingInfo].value)

    # The flag is for all images of a build, whatever they are compressed with.
    flag = min(flag, _HIGHEST_LEVELS[ctx.attr.compression])
    return flag or ctx.attr.compression_level or _DEFAULT_LEVELS[ctx.attr.compression]

portable_image = rule(
    implementation = _portable_image_impl,
    doc = """A systemd portable service image: NAME.raw or NAME_VERSION.raw, a squashfs file system.

systemd's PORTABLE_SERVICES.md describes what such an image must contain. This one has the
same bytes on every machine and at any time. It contains what the target and its `rootfs`
targets declare, and the mount points that a portable service needs.

There are further output groups, for `--output_groups=+NAME`:

- `manifest`: a list of the image's contents, with the reason for each path.
- `checks`: the report of all checks, as text and as JSON.
- `sbom`: NAME.cdx.json, a software bill of materials in CycloneDX 1.6: every file, and the Go
  modules that each program was linked from. It needs a toolchain, so that only those who want
  an SBOM fetch a library for it:
  `register_toolchains("@portable_walkthrough_go//bzl/toolchains/sbom")` in MODULE.bazel.
- `provenance`: NAME.provenance.json, an unsigned in-toto statement in SLSA's format 1.
- `spec`: what the image is, a line of JSON for each path. mkportable and checkportable read the same.

The image action has the execution group `image`. With remote execution,
`exec_properties = {"image.Pool": "large"}` on a target or a platform selects a worker for
that action alone.""",
    attrs = ROOTFS_ATTRS | OS_RELEASE_TOOL | CHECK_ATTRS | SIZE_ATTRS | SBOM_ATTRS | inventory_attrs(_IMAGE) | {
        "binary": attr.label(
            doc = """The service: short for `binaries = {"/usr/bin/PORTABLE_NAME": "//service"}`.

A target that `bazel run` can run, or any single file. It must be static, unless the
image has its loader and libraries: by itself it has none.""",
            allow_files = True,
            cfg = "target",
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
            doc = """1 to 9 for gzip, 1 to 22 for zstd; lz4 and xz have none. Higher is smaller and slower to build, not slower to read.

Default: 9 for gzip and 19 for zstd; zstd's higher levels need more memory to read. The flag
`--@portable_walkthrough_go//bzl:compression_level` overrides it for a whole build.""",
        ),
        "out": attr.output(
            doc = """Where to make the image, as in `"hello.raw"` for bazel-bin/PACKAGE/hello.raw.

The file must have its own name, NAME.raw or NAME_VERSION.raw, in any directory of the
package. Default: bazel-bin/PACKAGE/TARGET/NAME.raw, where images of one portable name
can't meet.""",
        ),
        "os_release": attr.label(
            doc = """The os-release(5) file, or an `os_release` target.

The image adds the fields that it knows to such a target's: ID, IMAGE_ID, IMAGE_VERSION,
PORTABLE_PREFIXES, PRETTY_NAME and ARCHITECTURE. The first two are the portable name
in lower case, as os-release(5) wants them. A file is packed as it is; it must
have an ID=, for systemd 251 and newer. Default: those fields and nothing else.""",
            allow_single_file = True,
        ),
        "portable_name": attr.string(
            doc = "What portablectl calls the image, and how its units' names start. Letters, digits, `-`, `.` and `\\`, and no dot at the start; an underscore would start a version. Default: the target's name.",
        ),
        "prefixes": attr.string_list(
            doc = "Further prefixes of units' names, for `portablectl attach IMAGE PREFIX`. The portable name is always one.",
        ),
        "profile": attr.string(
            doc = """The profile that the image is meant to be attached with: `portablectl attach --profile=`.

It does not change the image. The checks report what the profile forbids, and which profile
leaves each service tightest.""",
            default = "default",
            values = ["default", "nonetwork", "strict", "trusted"],
        ),
        "rootfs": attr.label_list(
            doc = "Parts of the image that are declared elsewhere: `rootfs` targets.",
            providers = [RootfsInfo],
        ),
        "sbom": attr.string(
            doc = """Where in the image to pack its SBOM, as in `"/usr/share/sbom/"`. A slash at the end stands for the file name NAME.cdx.json.

The packed document lists all other files, and has no digest of the image. Default: it is
not packed. The output group `sbom` has it in either case.""",
        ),
        "timestamp": attr.int(
            doc = "The time of all that is in the image, in seconds since 1970. Never the time of the build: that would be other bytes each time.",
        ),
        "unit_dir": attr.string(
            doc = "Where units are put. Debian's and upstream's systemd search /usr/lib/systemd/system; a patched one may search elsewhere.",
            default = "/usr/lib/systemd/system",
        ),
        "units": attr.label_list(
            doc = """The unit files: services, sockets, targets, timers and paths, each named by a prefix, or that and `-`, `.` or `@` and more.

Drop-ins, files like foo.service.d/10-limits.conf, are appended to their unit, in
the order of their names: systemd-portabled would not see them in the image. What
the units mount (StateDirectory=, BindPaths= and others of systemd.exec(5)) gets a
mount point by itself; the manifest lists it.""",
            allow_files = [".service", ".socket", ".target", ".timer", ".path", ".conf"],
            allow_empty = False,
            mandatory = True,
        ),
        "version": attr.string(
            doc = """The image's version: makes its file NAME_VERSION.raw, which portablectl still knows as NAME.

So versions lie side by side, and `portablectl reattach` takes one for another. (systemd
252 finds it by the file's name only when it is to be detached.)
Letters, digits, `.`, `~`, `^` and `-`, which systemd's comparison of versions
knows. Default: no version, NAME.raw.""",
        ),
        "_compression_level": attr.label(
            default = "//bzl:compression_level",
            providers = [BuildSettingInfo],
        ),
        # mkportable too, for the machine where the manifest is made.
        "_lister": attr.label(
            default = "//tools/mkportable",
            cfg = "exec",
            executable = True,
        ),
        "_mkportable": attr.label(
            default = "//tools/mkportable",
            cfg = config.exec(_IMAGE),
            executable = True,
        ),
        "_processors": attr.label(
            default = "//bzl:processors",
            providers = [BuildSettingInfo],
        ),
    },
    toolchains = [SBOM_TOOLCHAIN],
    exec_groups = {_IMAGE: exec_group(toolchains = [_SQUASHFS_TOOLCHAIN])},
    provides = [PortableImageInfo],
)
