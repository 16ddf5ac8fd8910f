"""The provider of sets of portable images."""

load(":portable_image_info.bzl", "PortableImageInfo")

visibility(["//bzl"])

PortableImageSetInfo = provider(
    doc = "One portable image built for several architectures.",
    fields = {
        "images": "dict of string to PortableImageInfo: by architecture, in systemd's words. Their `image` has the architecture in its name.",
    },
)

def images_of(target):
    """The images of a target that may be one image or a set of them.

    Args:
        target: a Target that provides PortableImageInfo or PortableImageSetInfo.

    Returns:
        A list of PortableImageInfo.
    """
    if PortableImageSetInfo in target:
        return target[PortableImageSetInfo].images.values()
    return [target[PortableImageInfo]]
