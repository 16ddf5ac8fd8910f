"""Images of real services: as Debian packages them, and with the fixes that the checks lead to."""

load("//bzl:defs.bzl", "PortableImageInfo", "portable_image")
load(":services.bzl", "SERVICES", "SYMLINKS", "files_of")

visibility("private")

_PACKAGES = "@vm_services//:"

def real_services(allow, files, without):
    """Declares two images for each service: NAME_packaged, and NAME with drop-ins from fixes/.

    All arguments are about the second image.

    Args:
        allow: name of the service to `allow` of `portable_image`.
        files: name of the service to further `files` of `portable_image`.
        without: name of the service to paths that are left out.
    """
    for name in SERVICES:
        _image(name, name + "_packaged")
        _image(
            name,
            name,
            allow = allow.get(name, {}),
            drop_ins = native.glob(["fixes/{}.service.d/*.conf".format(name)]),
            files = files.get(name, {}),
            without = without.get(name, []),
        )

def _image(name, target, allow = {}, drop_ins = [], files = {}, without = []):
    paths = files_of(name)
    portable_image(
        name = target,
        testonly = True,
        allow = allow,
        binaries = {"/" + path: _PACKAGES + path for path in paths.programs if path not in without},
        # A machine spends most of its time on reading the programs.
        compression_level = 1,
        files = {"/" + path: _PACKAGES + path for path in paths.files} |
                {path: "config/" + file for path, file in SERVICES[name].config.items()} |
                files,
        portable_name = name,
        symlinks = SYMLINKS,
        tags = ["manual"],
        target_compatible_with = [_PACKAGES + "available"],
        units = [_PACKAGES + path for path in paths.units] + drop_ins,
    )

def _unchecked_impl(ctx):
    infos = [image[PortableImageInfo] for image in ctx.attr.images]
    return [
        DefaultInfo(files = depset([info.image for info in infos])),
        OutputGroupInfo(checks = depset(transitive = [image[OutputGroupInfo].checks for image in ctx.attr.images])),
    ]

unchecked = rule(
    implementation = _unchecked_impl,
    doc = "Images whose checks fail no build, with the checks' reports in the output group `checks`.",
    attrs = {
        "images": attr.label_list(
            doc = "They are dependencies like a tool's, whose validations Bazel leaves alone.",
            cfg = "exec",
            mandatory = True,
            providers = [PortableImageInfo],
        ),
    },
)
