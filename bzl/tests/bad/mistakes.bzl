"""Images that can't be made, and what their actions read."""

load("@bazel_skylib//rules:write_file.bzl", "write_file")
load("//bzl:defs.bzl", "portable_image")
load("//bzl/tests:image_action.bzl", "unchecked_image_action")

visibility("private")

# A mistake in each attribute that only the image action can check: its name, and the
# attributes that make it. (Tests of //tools/mkportable have all possible mistakes.)
_MISTAKES = {
    "absolute-symlink": {"symlinks": {"/etc/mtab": "/proc/self/mounts"}},
    "block-size-no-power-of-two": {"block_size": 100000},
    "dropin-without-section": {"units": ["dropin-without-section.service.d/10-nice.conf"]},
    "file-below-file": {"files": {"/usr/lib/os-release/app.conf": "app.conf"}},
    "level-out-of-range": {"compression_level": 23},
    "mode-of-undeclared-path": {"modes": {"/srv": "0700"}},
    "owner-by-name": {"directories": ["/srv"], "owners": {"/srv": "www-data:www-data"}},
    "parent-in-path": {"directories": ["/srv/../etc"]},
    "relative-path": {"files": {"etc/app.conf": "app.conf"}},
    "relative-path-of-program": {"binaries": {"usr/bin/app": "//service"}},
    "several-files-for-one-path": {"files": {"/etc/app.conf": ":two_files"}},
    "timestamp-before-1970": {"timestamp": -1},
    "tree-that-is-a-file": {"trees": {"/srv": "app.conf"}},
    "two-entries-for-one-path": {"empty_files": ["/etc/part.conf"]},
    "unit-dir-relative": {"unit_dir": "usr/lib/systemd/system"},
    "unit-of-another-name": {"portable_name": "other"},
    "version-with-underscore": {"version": "1_0"},
}

def mistakes(name):
    """Declares an image for each mistake, and a unit that belongs to it.

    They are not built: TestBadImages runs their actions and reads the errors.

    Args:
        name: names the target that has all that the actions read.
    """
    for mistake, attributes in _MISTAKES.items():
        write_file(
            name = mistake + ".unit",
            out = mistake + ".service",
            content = ["[Service]", "ExecStart=/usr/bin/" + mistake],
            tags = ["manual"],
        )
        portable_image(
            name = mistake,
            testonly = True,
            binary = "//service",
            rootfs = [":part"],
            tags = ["manual"],
            units = [mistake + ".service"] + attributes.get("units", []),
            **{name: value for name, value in attributes.items() if name != "units"}
        )
    unchecked_image_action(
        name = name,
        testonly = True,
        images = _MISTAKES.keys(),
        tags = ["manual"],
        visibility = ["//bzl/tests:__pkg__"],
    )
