"""Images that can't be made."""

load("@bazel_skylib//rules:write_file.bzl", "write_file")
load("//bzl:defs.bzl", "portable_image")

visibility("private")

def mistake(name, units = [], **kwargs):
    """Declares an image with a mistake, and a unit that belongs to it.

    It is not built: bad_images_test runs its action and reads the error.

    Args:
        name: names the mistake.
        units: further units.
        **kwargs: the attributes of portable_image that make it.
    """
    write_file(
        name = name + ".unit",
        out = name + ".service",
        content = ["[Service]", "ExecStart=/usr/bin/" + name],
        tags = ["manual"],
    )
    portable_image(
        name = name,
        testonly = True,
        binary = "//service",
        rootfs = [":part"],
        tags = ["manual"],
        units = [name + ".service"] + units,
        visibility = ["//bzl/tests:__pkg__"],
        **kwargs
    )
