"""Parts of images that rules_pkg describes.

rules_pkg is not a dependency of this module. A repository that has it passes its providers.
"""

load(":entries.bzl", "entry")
load(":origin.bzl", "refuse", "shown")
load(":rootfs_info.bzl", "RootfsInfo")

visibility(["//bzl"])

def pkg_rootfs_rule(*, PackageDirsInfo, PackageFilegroupInfo, PackageFilesInfo, PackageSymlinkInfo):
    """Makes a rule that packs `pkg_files` and similar targets of rules_pkg.

    In a repository with rules_pkg, call it once in a .bzl file:

        load("@portable_walkthrough_go//bzl:defs.bzl", "pkg_rootfs_rule")
        load("@rules_pkg//pkg:providers.bzl", "PackageDirsInfo", "PackageFilegroupInfo", "PackageFilesInfo", "PackageSymlinkInfo")

        pkg_rootfs = pkg_rootfs_rule(
            PackageDirsInfo = PackageDirsInfo,
            PackageFilegroupInfo = PackageFilegroupInfo,
            PackageFilesInfo = PackageFilesInfo,
            PackageSymlinkInfo = PackageSymlinkInfo,
        )

    The rule has one attribute, `srcs`: `pkg_files`, `pkg_mkdirs`, `pkg_mklink` and
    `pkg_filegroup` targets. List its targets in `rootfs` of a `portable_image`. Owners must
    be numbers (`uid` and `gid` of `pkg_attributes`) or root. Targets of symlinks must be
    relative.

    Args:
        PackageDirsInfo: rules_pkg's provider of that name.
        PackageFilegroupInfo: likewise.
        PackageFilesInfo: likewise.
        PackageSymlinkInfo: likewise.

    Returns:
        The rule.
    """

    def _parts(target):
        """Returns a target's descriptions, as tuples of provider and label."""
        if PackageFilegroupInfo in target:
            group = target[PackageFilegroupInfo]
            return struct(dirs = group.pkg_dirs, files = group.pkg_files, symlinks = group.pkg_symlinks)
        return struct(
            dirs = [(target[PackageDirsInfo], target.label)] if PackageDirsInfo in target else [],
            files = [(target[PackageFilesInfo], target.label)] if PackageFilesInfo in target else [],
            symlinks = [(target[PackageSymlinkInfo], target.label)] if PackageSymlinkInfo in target else [],
        )

    def _impl(ctx):
        entries = []
        sources = []
        for target in ctx.attr.srcs:
            parts = _parts(target)
            for info, label in parts.dirs:
                for path in info.dirs:
                    entries.append(_entry(ctx, info, label, path, "directory", "0755"))
            for info, label in parts.files:
                for path, source in info.dest_src_map.items():
                    entries.append(_entry(ctx, info, label, path, "file", "0644", source = source))
                    sources.append(source)
            for info, label in parts.symlinks:
                entries.append(_entry(ctx, info, label, info.destination, "symlink", "", target = info.target))
        files = depset(sources)
        return [
            DefaultInfo(files = files),
            RootfsInfo(entries = depset(entries), files = files, metadata = depset()),
        ]

    return rule(
        implementation = _impl,
        doc = "A part of an image that rules_pkg describes. See `pkg_rootfs_rule`.",
        attrs = {
            "srcs": attr.label_list(
                doc = "`pkg_files`, `pkg_mkdirs`, `pkg_mklink` and `pkg_filegroup` targets.",
                mandatory = True,
                providers = [[PackageDirsInfo], [PackageFilegroupInfo], [PackageFilesInfo], [PackageSymlinkInfo]],
            ),
        },
        provides = [RootfsInfo],
    )

def _entry(ctx, info, label, path, type, mode, source = None, target = ""):
    attributes = info.attributes
    return entry(
        path = "/" + path.strip("/"),
        type = type,
        # A symlink has no mode, even if rules_pkg sets one.
        mode = _four_digits(attributes.get("mode", mode)) if mode else "",
        owner = "{}:{}".format(_id(ctx, attributes, label, "uid", "user"), _id(ctx, attributes, label, "gid", "group")),
        source = source,
        target = target,
        origin = shown(label),
    )

def _four_digits(mode):
    return "0" * (4 - len(mode)) + mode

def _id(ctx, attributes, label, number, name):
    """Returns the owner as a number; root's if rules_pkg has none."""
    if attributes.get(number) != None:
        return attributes[number]
    if attributes.get(name) in [None, "root"]:
        return 0
    refuse(
        ctx,
        # The caller of pkg_rootfs_rule names the rule; this is the usual name.
        "pkg_rootfs",
        "srcs",
        "{} has the {} \"{}\", but an image stores only numbers. Set {} = NUMBER in pkg_attributes.",
        shown(label),
        name,
        attributes[name],
        number,
    )
    return None
