"""The SBOM and the provenance of an image, made from its inventory."""

load(":origin.bzl", "PATH_MAPPING", "own_file")

visibility("private")

# The program that writes SBOMs needs a Go module. Bazel fetches it only for this toolchain.
_TOOLCHAIN_TYPE = Label("//bzl/toolchains:sbom_toolchain_type")

SBOM_TOOLCHAIN = config_common.toolchain_type(_TOOLCHAIN_TYPE, mandatory = False)

SBOM_ATTRS = {
    "_provenance": attr.label(
        default = "//tools/sbom/provenance",
        cfg = "exec",
        executable = True,
    ),
}

_NO_TOOLCHAIN = "no toolchain for SBOMs is registered. Add register_toolchains(\"@portable_walkthrough_go//bzl/toolchains/sbom\") to MODULE.bazel, or call portable_sbom() of bzl/workspace/sbom.bzl in a WORKSPACE."

def write_sbom(ctx, *, name, inventory, image = None):
    """Declares the action that writes an SBOM.

    If no toolchain is registered, it declares an action that fails with that error, so that
    only builds that request the SBOM fail.

    Args:
        ctx: the context of a rule with SBOM_ATTRS and the toolchain SBOM_TOOLCHAIN.
        name: the document's file name.
        inventory: File: the image's inventory.
        image: File: the image; None for a document that is part of it.

    Returns:
        The File.
    """
    document = own_file(ctx, name)
    toolchain = ctx.toolchains[_TOOLCHAIN_TYPE]
    arguments = ctx.actions.args()
    if toolchain:
        arguments.add(inventory, format = "--inventory=%s")
        arguments.add(document, format = "--output=%s")
        if image:
            arguments.add(image, format = "--image=%s")
    else:
        arguments.add(_NO_TOOLCHAIN, format = "--error=%s")
    ctx.actions.run(
        mnemonic = "PortableSbom",
        progress_message = "Writing SBOM %{output}",
        executable = toolchain.sbom if toolchain else ctx.executable._provenance,
        arguments = [arguments],
        inputs = [inventory] + ([image] if image else []),
        outputs = [document],
        env = {},
        execution_requirements = PATH_MAPPING,
        toolchain = _TOOLCHAIN_TYPE if toolchain else None,
    )
    return document

def describe_image(ctx, inventory, image):
    """Declares the actions that write the SBOM and the provenance of an image.

    Args:
        ctx: the context of a rule with SBOM_ATTRS and the toolchain SBOM_TOOLCHAIN.
        inventory: File: the inventory of the `portable_image`.
        image: File: that image, or one that was made from it.

    Returns:
        A struct with the fields `provenance`, a File; `sbom`, a File, or None if no toolchain
        is registered; and `groups`, a dict of depsets: the output groups `provenance` and
        `sbom`, of which the second fails in that case.
    """
    stem = image.basename.removesuffix(".raw")
    statement = own_file(ctx, stem + ".provenance.json")
    arguments = ctx.actions.args()
    arguments.add(inventory, format = "--inventory=%s")
    arguments.add(image, format = "--image=%s")
    arguments.add(statement, format = "--output=%s")
    ctx.actions.run(
        mnemonic = "PortableProvenance",
        progress_message = "Writing provenance %{output}",
        executable = ctx.executable._provenance,
        arguments = [arguments],
        inputs = [inventory, image],
        outputs = [statement],
        env = {},
        execution_requirements = PATH_MAPPING,
    )
    document = write_sbom(ctx, name = stem + ".cdx.json", inventory = inventory, image = image)
    return struct(
        groups = {"provenance": depset([statement]), "sbom": depset([document])},
        provenance = statement,
        sbom = document if ctx.toolchains[_TOOLCHAIN_TYPE] else None,
    )
