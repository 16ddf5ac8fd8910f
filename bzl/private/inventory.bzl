"""The inventory of an image, the input of its SBOM and its provenance.

The image action does not depend on it. Its action runs only for the output groups that need it.
"""

load(":origin.bzl", "PATH_MAPPING", "own_file", "shown")

visibility("private")

def inventory_attrs(image_group):
    """Attributes of a rule that calls `collect_inventory`.

    Args:
        image_group: the name of the execution group that has mksquashfs.

    Returns:
        A dict.
    """
    return {
        "sbom_licenses": attr.string_dict(
            doc = """Licenses for the SBOM: a Go module's path to an SPDX expression.

For example `{"golang.org/x/sys": "BSD-3-Clause"}`. A build can't read licenses from the
modules themselves. One of the image's programs must contain each module. You need not name
the license of Go itself. Default: none.""",
        ),
        # It asks mksquashfs for its version.
        "_collect": attr.label(
            default = "//tools/sbom/collect",
            cfg = config.exec(image_group),
            executable = True,
        ),
    }

def collect_inventory(ctx, *, name, declared, entries, manifest, inputs, metadata, squashfs, parameters, exec_group):
    """Declares the action that writes the inventory of an image.

    Args:
        ctx: the context of a rule with the attributes of `inventory_attrs`.
        name: the inventory's file name.
        declared: Args: the image's spec, as the flag --spec.
        entries: depset of the image's entries.
        manifest: File: the image's manifest.
        inputs: depset of File: the image action's inputs, including mksquashfs.
        metadata: depset of File: rules_go's descriptions of the packages in the programs.
        squashfs: SquashfsToolchainInfo.
        parameters: dict of string to string: the file system's parameters.
        exec_group: the execution group that has mksquashfs.

    Returns:
        The File.
    """
    inventory = own_file(ctx, name)
    targets = ctx.actions.args()
    targets.set_param_file_format("multiline")
    targets.use_param_file("--targets=%s", use_always = True)
    targets.add_all(entries, map_each = _target_lines)
    arguments = ctx.actions.args()
    arguments.add(inventory, format = "--output=%s")
    arguments.add(manifest, format = "--manifest=%s")
    arguments.add(squashfs.mksquashfs, format = "--mksquashfs=%s")
    if squashfs.loader:
        arguments.add(squashfs.loader, format = "--loader=%s")
    arguments.add_all(squashfs.libraries[:1], map_each = _directory, format_each = "--libraries=%s")
    arguments.add_all(["{}={}".format(key, value) for key, value in parameters.items()], format_each = "--parameter=%s")
    arguments.add_all(["{}={}".format(key, value) for key, value in ctx.attr.sbom_licenses.items()], format_each = "--license=%s")
    ctx.actions.run(
        mnemonic = "PortableInventory",
        progress_message = "Taking the inventory of portable service image %{label}",
        executable = ctx.executable._collect,
        arguments = [arguments, declared, targets],
        inputs = depset([manifest], transitive = [inputs, metadata]),
        outputs = [inventory],
        env = {},
        exec_group = exec_group,
        execution_requirements = PATH_MAPPING,
    )
    return inventory

def metadata_files(archive):
    """Returns the files that `_target_lines` names, with the module of each package of a program.

    rules_go passes them to its linker in a private field. If a version of rules_go uses another
    field, the inventory notes that it could not compare.

    Args:
        archive: GoArchive.

    Returns:
        A depset of File.
    """
    for field in ["_buildinfo_link_inputs", "_package_metadata_files"]:
        if hasattr(archive, field):
            return getattr(archive, field)
    return depset()

def _target_lines(entry):
    """Returns the packages of an entry's program as lines of JSON."""
    if not entry.archive:
        return []
    lines = [json.encode({"label": shown(entry.archive.data.label), "program": entry.source.path})]
    for package in entry.archive.transitive.to_list():
        line = {"label": shown(package.label), "package": package.importpath}
        metadata = getattr(package, "_package_metadata", None)
        if metadata:
            line["metadata"] = metadata.path
        lines.append(json.encode(line))
    return lines

def _directory(file):
    return file.dirname
