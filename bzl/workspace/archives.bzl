"""What a WORKSPACE needs of other repositories, for builds without bzlmod.

There are two steps, since a WORKSPACE can only load from what is there already:

    load("@portable_walkthrough_go//bzl/workspace:archives.bzl", "portable_archives")

    portable_archives()

    load("@portable_walkthrough_go//bzl/workspace:go.bzl", "portable_go")

    portable_go()

The first declares repositories, the second registers toolchains for Go and squashfs, and
declares the Go modules of the rules' own tools.

A repository that you have declared already stays as it is; what is missing is fetched in
these versions. They are as in MODULE.bazel; bzl/toolchains/versions_test.go holds the two
together.
"""

load("@bazel_tools//tools/build_defs/repo:http.bzl", "http_archive")
load("//bzl/toolchains:repositories.bzl", "go_sdk_archive", "squashfs_tools_of_machine")

_ARCHIVES = {
    "bazel_gazelle": struct(
        sha256 = "7c40b746387cd0c9a4d5bb0b2035abd134b3f7511015710a5ee5e07591008dde",
        url = "https://github.com/bazel-contrib/bazel-gazelle/releases/download/v0.43.0/bazel-gazelle-v0.43.0.tar.gz",
    ),
    "bazel_skylib": struct(
        sha256 = "6e78f0e57de26801f6f564fa7c4a48dc8b36873e416257a92bbb0937eeac8446",
        url = "https://github.com/bazelbuild/bazel-skylib/releases/download/1.8.2/bazel-skylib-1.8.2.tar.gz",
    ),
    "io_bazel_rules_go": struct(
        sha256 = "86d3dc8f59d253524f933aaf2f3c05896cb0b605fc35b460c0b4b039996124c6",
        url = "https://github.com/bazel-contrib/rules_go/releases/download/v0.60.0/rules_go-v0.60.0.zip",
    ),
    "platforms": struct(
        sha256 = "dbad4a23abcca6171e47b79edc53bd6a41067a3b75f9e8b104656b459ff25046",
        url = "https://github.com/bazelbuild/platforms/releases/download/1.1.0/platforms-1.1.0.tar.gz",
    ),
}

# buildifier: disable=unnamed-macro
def portable_archives():
    """Declares the repositories that are not declared yet.

    mksquashfs is the machine's: WORKSPACE mode has no module of squashfs-tools.
    """
    for name, archive in _ARCHIVES.items():
        if not native.existing_rule(name):
            http_archive(name = name, sha256 = archive.sha256, url = archive.url)
    if not native.existing_rule("go_sdk_archive"):
        go_sdk_archive(name = "go_sdk_archive")
    if not native.existing_rule("squashfs-tools"):
        squashfs_tools_of_machine(name = "squashfs-tools")
