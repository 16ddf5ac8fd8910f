"""The provider of portable images."""

visibility(["//bzl"])

PortableImageInfo = provider(
    doc = "A portable service image and its inputs.",
    fields = {
        "architecture": "string: the image's architecture under systemd's name, such as x86-64 or arm64; \"\" if systemd has no name for the target platform's CPU.",
        "image": "File: the image, NAME.raw or NAME_VERSION.raw.",
        "inputs": "depset of File: the image action's inputs, including mksquashfs, but without its spec, which is a parameter file.",
        "inventory": "File: the input of the SBOM and the provenance, as JSON. Opaque: its fields are not part of the API.",
        "manifest": "File: the sorted list of the image's contents, with modes, owners, digests and origins. Its first line names the columns.",
        "minimum_systemd": "int: the oldest systemd that the image supports; 0 for any.",
        "name": "string: the portable name, which portablectl uses.",
        "os_release": "File: the os-release file.",
        "prefixes": "list of string: the prefixes of units' names; the portable name first.",
        "profile": "string: the intended profile for attaching the image.",
        "provenance": "File: the provenance of the image, an unsigned in-toto statement.",
        "roothash": "File: the root hash of the image's hash tree, in hex; None if the image has none. See `portable_verity`.",
        "sbom": "File: the image's software bill of materials, in CycloneDX; None if no toolchain for it is registered.",
        "spec": "File: the description of the image that mkportable and checkportable read, as JSON lines. It has no parameters of the file system.",
        "units": "list of File: the unit files, without their drop-ins.",
        "version": "string: the image's version, \"\" if it has none.",
    },
)
