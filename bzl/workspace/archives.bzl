"""Declares the repositories that a WORKSPACE needs, for builds without bzlmod.

There are two steps, because a WORKSPACE can load only from repositories declared above:

    load("@portable_walkthrough_go//bzl/workspace:archives.bzl", "portable_archives")

    portable_archives()

    load("@portable_walkthrough_go//bzl/workspace:go.bzl", "portable_go")

    portable_go()

The first step declares repositories. The second one registers toolchains for Go and squashfs.

If you have declared a repository before, it does not change. The others get the versions in
this file. tools/lint/versions_test.go verifies that they match MODULE.bazel.
"""

load("@bazel_tools//tools/build_defs/repo:http.bzl", "http_archive")
load("//bzl/toolchains:repositories.bzl", "go_sdk_archive", "squashfs_tools_of_machine")
load("//tools/vm:packages.bzl", "machine_repositories")

# buildifier: disable=attr-applicable_licenses
_ARCHIVES = {
    "bazel_gazelle": struct(
        sha256 = "9dae87c03ea06b2990b8836256909a18367e191f885d5bb1d030e8ba80491b42",
        url = "https://github.com/bazel-contrib/bazel-gazelle/releases/download/v0.54.0/bazel-gazelle-v0.54.0.tar.gz",
    ),
    "bazel_skylib": struct(
        sha256 = "37cdfbc6faefea94f7b37760a305c98c08981116c2bc9e821e3b423221fad8c8",
        url = "https://github.com/bazelbuild/bazel-skylib/releases/download/1.9.2/bazel-skylib-1.9.2.tar.gz",
    ),
    "io_bazel_rules_go": struct(
        sha256 = "c3e253237109ab2e2a8d3cb075688b98a6e6fce43d849849648e8e3a84f20d6f",
        url = "https://github.com/bazel-contrib/rules_go/releases/download/v0.63.0/rules_go-v0.63.0.zip",
    ),
    "package_metadata": struct(
        sha256 = "49ed11e5d6b752c55fa539cbb10b2736974f347b081d7bd500a80dacb7dbec06",
        strip_prefix = "supply-chain-0.0.5/metadata",
        url = "https://github.com/bazel-contrib/supply-chain/releases/download/v0.0.5/supply-chain-v0.0.5.tar.gz",
    ),
    "platforms": struct(
        sha256 = "dbad4a23abcca6171e47b79edc53bd6a41067a3b75f9e8b104656b459ff25046",
        url = "https://github.com/bazelbuild/platforms/releases/download/1.1.0/platforms-1.1.0.tar.gz",
    ),
}

# buildifier: disable=unnamed-macro
def portable_archives():
    """Declares all repositories that you have not declared.

    mksquashfs comes from the machine, because WORKSPACE mode has no module of squashfs-tools.
    Bazel fetches the packages for virtual machines when a test needs them.
    """
    for name, archive in _ARCHIVES.items():
        if not native.existing_rule(name):
            http_archive(
                name = name,
                sha256 = archive.sha256,
                strip_prefix = getattr(archive, "strip_prefix", ""),
                url = archive.url,
            )
    if not native.existing_rule("go_sdk_archive"):
        go_sdk_archive(name = "go_sdk_archive")
    if not native.existing_rule("squashfs-tools"):
        squashfs_tools_of_machine(name = "squashfs-tools")
    if not native.existing_rule("vm_qemu"):
        machine_repositories(Label("//tools/vm:debian.lock"))
