"""The provider of sets of portable images."""

load(":portable_image_info.bzl", "PortableImageInfo")

visibility(["//bzl"])

PortableImageSetInfo = provider(
    doc = "One portable image built for several architectures.",
    fields = {
        "images": "dict of string to PortableImageInfo: by architecture, under systemd's name. The name of each `image` contains the architecture.",
    },
)

def images_of(target):
    """Returns the images of a target, which may be one image or a set.

    Args:
        target: a Target that provides PortableImageInfo or PortableImageSetInfo.

    Returns:
        A list of PortableImageInfo.
    """
    if PortableImageSetInfo in target:
        return target[PortableImageSetInfo].images.values()
    return [target[PortableImageInfo]]
