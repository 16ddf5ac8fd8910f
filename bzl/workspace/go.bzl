"""The second step of a WORKSPACE: see archives.bzl."""

load("@io_bazel_rules_go//go:deps.bzl", "go_register_toolchains", "go_rules_dependencies", "go_wrap_sdk")

# buildifier: disable=unnamed-macro
def portable_go(go_sdk = "go_sdk"):
    """Declares the dependencies of rules_go, and registers toolchains.

    Args:
        go_sdk: the repository of the Go SDK. If it does not exist, this macro declares and
            registers the pinned SDK under that name. If your WORKSPACE declares and registers
            an SDK itself, name it here.
    """
    go_rules_dependencies()
    if not native.existing_rule(go_sdk):
        go_wrap_sdk(
            name = go_sdk,
            root_file = "@go_sdk_archive//:VERSION",
        )
        go_register_toolchains()
    native.register_toolchains("@portable_walkthrough_go//bzl/toolchains:all")
