"""The provider of sets of portable images."""

visibility(["//bzl"])

PortableImageSetInfo = provider(
    doc = "One portable image built for several architectures.",
    fields = {
        "images": "dict of string to PortableImageInfo: by architecture, in systemd's words. Their `image` has the architecture in its name.",
    },
)
