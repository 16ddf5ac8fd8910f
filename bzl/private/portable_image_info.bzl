"""The provider of portable images."""

PortableImageInfo = provider(
    doc = "A portable service image, and what it was made from.",
    fields = {
        "image": "File: the image, PORTABLE_NAME.raw.",
        "inputs": "depset of File: all that the image action reads, spec and mksquashfs included.",
        "name": "string: the portable name, under which portablectl knows the image.",
        "spec": "File: the declaration that mkportable turned into the image, as JSON lines.",
    },
)
