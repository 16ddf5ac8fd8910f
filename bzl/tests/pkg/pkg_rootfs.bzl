"""What a repository that has rules_pkg writes, once."""

load("@rules_pkg//pkg:providers.bzl", "PackageDirsInfo", "PackageFilegroupInfo", "PackageFilesInfo", "PackageSymlinkInfo")
load("//bzl:defs.bzl", "pkg_rootfs_rule")

visibility(["//bzl/tests/analysis"])

pkg_rootfs = pkg_rootfs_rule(
    PackageDirsInfo = PackageDirsInfo,
    PackageFilegroupInfo = PackageFilegroupInfo,
    PackageFilesInfo = PackageFilesInfo,
    PackageSymlinkInfo = PackageSymlinkInfo,
)
