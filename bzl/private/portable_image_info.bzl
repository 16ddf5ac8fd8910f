"""The provider of portable images."""

visibility(["//bzl"])

PortableImageInfo = provider(
    doc = "A portable service image, and what it was made from.",
    fields = {
        "architecture": "string: what the image is for, in systemd's words, such as x86-64 or arm64; \"\" if the target platform has no CPU that systemd knows.",
        "image": "File: the image, NAME.raw or NAME_VERSION.raw.",
        "inputs": "depset of File: all that the image action reads, mksquashfs included; its spec is in its parameter file.",
        "inventory": "File: what the SBOM and the provenance are made from, as JSON. Opaque: its fields are no part of the API.",
        "manifest": "File: what the image holds, sorted, with modes, owners, digests and who declared it. Its first line names the columns.",
        "minimum_systemd": "int: the oldest systemd that the image is for; 0 for any.",
        "name": "string: the portable name, under which portablectl knows the image.",
        "os_release": "File: the os-release file.",
        "prefixes": "list of string: what units' names start with; the portable name first.",
        "profile": "string: the profile that the image is meant to be attached with.",
        "provenance": "File: where the image came from, an unsigned in-toto statement.",
        "roothash": "File: the root hash of the image's hash tree, in hex; None if the image has none. See `portable_verity`.",
        "sbom": "File: the image's software bill of materials, in CycloneDX; None where no toolchain for it is registered.",
        "spec": "File: what the image is, as JSON lines: the declaration that mkportable and checkportable read. It does not say how the image is made.",
        "units": "list of File: the unit files, without their drop-ins.",
        "version": "string: the image's version, \"\" if it has none.",
    },
)
