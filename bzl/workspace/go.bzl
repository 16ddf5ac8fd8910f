"""The second step of a WORKSPACE: see archives.bzl."""

load("@bazel_gazelle//:deps.bzl", "gazelle_dependencies", "go_repository")
load("@io_bazel_rules_go//go:deps.bzl", "go_register_toolchains", "go_rules_dependencies", "go_wrap_sdk")

# buildifier: disable=unnamed-macro
def portable_go(go_sdk = "go_sdk"):
    """Declares the Go modules of this repository's tools, and registers toolchains.

    Args:
        go_sdk: the repository of the Go SDK. If it is not declared yet, it is the pinned
            one, and registered. One that your WORKSPACE has declared, and registered, it
            keeps: name it here.
    """

    # The sums are those of go.sum. Before rules_go's own, which have other versions.
    _go_module(
        name = "com_github_coreos_go_systemd_v22",
        importpath = "github.com/coreos/go-systemd/v22",
        sum = "h1:LAEzFkke61DFROc7zNLX/WA2i5J8gYqe0rSj9KI28KA=",
        version = "v22.7.0",
    )
    _go_module(
        name = "org_golang_x_sys",
        importpath = "golang.org/x/sys",
        sum = "h1:dkKZEFTEKaLr1sjhs0WiKqoi8Jj5nHbS3Njmx1UoMJs=",
        version = "v0.50.0",
    )
    go_rules_dependencies()
    if not native.existing_rule(go_sdk):
        go_wrap_sdk(
            name = go_sdk,
            root_file = "@go_sdk_archive//:VERSION",
        )
        go_register_toolchains()
    gazelle_dependencies(go_sdk = go_sdk)
    native.register_toolchains("@portable_walkthrough_go//bzl/toolchains:all")

def _go_module(name, **kwargs):
    if not native.existing_rule(name):
        go_repository(name = name, **kwargs)
