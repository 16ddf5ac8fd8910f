"""The rule `portable_image`: makes one .raw file of units, programs and other files."""

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

# The execution group of the image action, with mksquashfs and `exec_properties` of its own.
# The other actions need neither.
_IMAGE = "image"

# The size of mksquashfs's caches in MiB. It does not affect the bytes.
_MEMORY = 512

# Each compressor's default level, beyond which more time gains little, and its highest level.
_DEFAULT_LEVELS = {"gzip": 9, "lz4": 0, "xz": 0, "zstd": 19}
_HIGHEST_LEVELS = {"gzip": 9, "lz4": 0, "xz": 0, "zstd": 22}

def _resources(processors):
    return {"cpu": processors, "memory": _MEMORY + 256}

# The image action's threads and MB, for Bazel's scheduler, by --//bzl:processors. Bazel accepts
# only named functions here, no closures.
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

    # A separate action, because digests take time and most builds do not need the manifest.
    manifest = _manifest(ctx, "manifest", declared, contents)
    inventory = _inventory(ctx, "inventory.json", declared, contents, manifest, squashfs)
    documents = describe_image(ctx, inventory, image)
    checks = check_image(ctx, declared, sources)

    # For people and their tools; the actions have parameter files of their own.
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
    """Returns the flag --spec, the description of the image, for several actions.

    Bazel writes the file when they run, so no depset is flattened before. Each action has the
    spec as its own parameter file, so that Bazel maps the paths in it like the action's inputs
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
    """Adds an SBOM of the other contents. It contains neither its own digest nor the image's."""
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
    """Declares the image's file. portablectl reads the portable name from the file's name."""
    if ctx.outputs.out and ctx.outputs.out.basename != name:
        refuse(
            ctx,
            _RULE,
            "out",
            "the file is called \"{}\", but portablectl reads the portable name and the version from it. Call it \"{}\", in any directory.",
            ctx.outputs.out.basename,
            name,
        )
    return ctx.outputs.out or own_file(ctx, name)

def _os_release(ctx, facts):
    """Returns the image's os-release file: the given one, or one with the known fields."""
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
            "it is \"{}\", but {} sets IMAGE_VERSION={}. Leave image_version out there: the image adds it.",
            facts.version,
            shown(given.label),
            version,
        )
    out = own_file(ctx, "os-release")
    fields = known | said.fields | {
        # Both, because attach refuses a prefix that is missing here. The dict removes duplicates.
        "PORTABLE_PREFIXES": " ".join({prefix: None for prefix in prefixes if prefix}.keys()),
    }
    write_os_release(ctx, out, OsReleaseInfo(fields = fields, stamped = said.stamped))
    return out

def _identifier(name):
    """Converts a name to the form that os-release(5) requires of ID."""
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
                "{} is not a drop-in, because it is not in a directory like foo.service.d. Move it to one, or pack it with `files`.",
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
            "{} is a drop-in for {}, which is not a unit of this image. Add the unit, or name the directory after one of its units.",
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
    """Returns the image action's arguments that describe how to make the file system."""
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
    """Returns the compression level: the flag's, else the attribute's, else the compressor's default."""
    flag = int(ctx.attr._compression_level[BuildSettingInfo].value)

    # The flag applies to all images of a build, whichever compressor they use.
    flag = min(flag, _HIGHEST_LEVELS[ctx.attr.compression])
    return flag or ctx.attr.compression_level or _DEFAULT_LEVELS[ctx.attr.compression]

portable_image = rule(
    implementation = _portable_image_impl,
    doc = """A systemd portable service image: NAME.raw or NAME_VERSION.raw, a squashfs file system.

systemd's PORTABLE_SERVICES.md describes what such an image must contain. The image has the
same bytes on every machine and at any time. It contains the files that the target and its
`rootfs` targets declare, and the mount points that a portable service needs.

`--output_groups=+NAME` builds further outputs:

- `manifest`: a list of the image's contents, with the reason for each path.
- `checks`: the report of all checks, as text and as JSON.
- `sbom`: NAME.cdx.json, a software bill of materials in CycloneDX 1.6: every file, and the Go
  modules that each program was linked from. It needs a toolchain, so that only builds with an
  SBOM fetch a library for it:
  `register_toolchains("@portable_walkthrough_go//bzl/toolchains/sbom")` in MODULE.bazel.
- `provenance`: NAME.provenance.json, an unsigned in-toto statement in SLSA's format 1.
- `spec`: the description of the image that mkportable and checkportable read, a line of JSON
  for each path.

The image action has the execution group `image`. With remote execution,
`exec_properties = {"image.Pool": "large"}` on a target or a platform selects a worker for
that action alone.""",
    attrs = ROOTFS_ATTRS | OS_RELEASE_TOOL | CHECK_ATTRS | SIZE_ATTRS | SBOM_ATTRS | inventory_attrs(_IMAGE) | {
        "binary": attr.label(
            doc = """The service: short for `binaries = {"/usr/bin/PORTABLE_NAME": "//service"}`.

A target that `bazel run` can run, or any single file. It must be static, unless you also
pack its loader and libraries. Default: none.""",
            allow_files = True,
            cfg = "target",
        ),
        "block_size": attr.int(
            doc = """The size of squashfs blocks in bytes: a power of two from 4096 to 1048576.

Larger blocks give a smaller image, but the host decompresses a whole block to read one
byte. The default is the largest, because a host reads nearly all of a Go program at its
start.""",
            default = 1048576,
        ),
        "compression": attr.string(
            doc = """The compressor: gzip, lz4, xz or zstd.

The default, zstd, starts fastest for its size. xz is a little smaller and several times
slower to read. The host's kernel must support the compressor; Linux has zstd since 4.14.""",
            default = "zstd",
            values = ["gzip", "lz4", "xz", "zstd"],
        ),
        "compression_level": attr.int(
            doc = """1 to 9 for gzip, 1 to 22 for zstd; lz4 and xz have no levels. A higher level gives a smaller image and a slower build, but not slower reads.

Default: 0, which means 9 for gzip and 19 for zstd. zstd's higher levels need more memory to
read. The flag `--@portable_walkthrough_go//bzl:compression_level` overrides the level for a whole
build.""",
        ),
        "out": attr.output(
            doc = """The path of the image in its package, as in `"hello.raw"` for bazel-bin/PACKAGE/hello.raw.

The file may be in any directory, but must be called NAME.raw or NAME_VERSION.raw. Default:
bazel-bin/PACKAGE/TARGET/NAME.raw, where several images of one portable name do not
collide.""",
        ),
        "os_release": attr.label(
            doc = """The os-release(5) file, or an `os_release` target.

To the fields of a target the image adds ID, IMAGE_ID, IMAGE_VERSION, PORTABLE_PREFIXES,
PRETTY_NAME and ARCHITECTURE. The first two are the portable name in lower case, as
os-release(5) requires. A file is packed unchanged; it must contain ID=, because systemd 251
and newer require it. Default: only the added fields.""",
            allow_single_file = True,
        ),
        "portable_name": attr.string(
            doc = "The name of the image for portablectl, with which its units' names must start. It has letters, digits, `-`, `.` and `\\`, but no dot at the start, and no underscore, which would start a version. Default: the target's name.",
        ),
        "prefixes": attr.string_list(
            doc = "Further prefixes of units' names, for `portablectl attach IMAGE PREFIX`. The portable name is always a prefix.",
        ),
        "profile": attr.string(
            doc = """The intended profile for `portablectl attach --profile=`.

It does not change the image. The checks report what the profile forbids, and which profile
is the tightest for each service.""",
            default = "default",
            values = ["default", "nonetwork", "strict", "trusted"],
        ),
        "rootfs": attr.label_list(
            doc = "`rootfs` targets: parts of the image that other packages declare.",
            providers = [RootfsInfo],
        ),
        "sbom": attr.string(
            doc = """The path in the image for its SBOM, as in `"/usr/share/sbom/"`. After a slash at the end, the file name is NAME.cdx.json.

The packed document lists all other files, and has no digest of the image. Default: the
image contains no SBOM. The output group `sbom` always provides one.""",
        ),
        "timestamp": attr.int(
            doc = "The modification time of all files in the image, in seconds since 1970. Do not use the time of the build, which would change the bytes each time. Default: 0.",
        ),
        "unit_dir": attr.string(
            doc = "The directory for units in the image. Debian's and upstream's systemd search /usr/lib/systemd/system; a patched systemd may search another directory.",
            default = "/usr/lib/systemd/system",
        ),
        "units": attr.label_list(
            doc = """The unit files: services, sockets, targets, timers and paths. Their names must start with a prefix, followed by `-`, `.` or `@`.

Drop-ins, files like foo.service.d/10-limits.conf, are appended to their unit in the order
of their names, because systemd-portabled does not read drop-ins in an image. The rule adds
a mount point for everything that the units mount (StateDirectory=, BindPaths= and others of
systemd.exec(5)); the manifest lists them.""",
            allow_files = [".service", ".socket", ".target", ".timer", ".path", ".conf"],
            allow_empty = False,
            mandatory = True,
        ),
        "version": attr.string(
            doc = """The image's version. It makes the file NAME_VERSION.raw, which portablectl still calls NAME.

Several versions can lie in one directory, and `portablectl reattach` replaces one by
another. (To detach such an image, systemd 252 needs the file's name.) A version has letters,
digits, `.`, `~`, `^` and `-`, which systemd can compare. Default: no version, NAME.raw.""",
        ),
        "_compression_level": attr.label(
            default = "//bzl:compression_level",
            providers = [BuildSettingInfo],
        ),
        # Also mkportable, for the machine that makes the manifest.
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
