"""The third step of a WORKSPACE, for repositories with SBOMs:

    load("@portable_walkthrough_go//bzl/workspace:sbom.bzl", "portable_sbom")

    portable_sbom()
"""

load("@bazel_gazelle//:deps.bzl", "gazelle_dependencies", "go_repository")

# buildifier: disable=unnamed-macro
def portable_sbom(go_sdk = "go_sdk"):
    """Declares the Go module that writes SBOMs, and registers the toolchain.

    If you have declared a repository named com_github_cyclonedx_cyclonedx_go before, it does
    not change.

    Args:
        go_sdk: the repository of the Go SDK, as for `portable_go`.
    """
    if not native.existing_rule("com_github_cyclonedx_cyclonedx_go"):
        go_repository(
            name = "com_github_cyclonedx_cyclonedx_go",
            importpath = "github.com/CycloneDX/cyclonedx-go",
            sum = "h1:/7Jum36UA6V043tQZ/fE3jf+Nf9gn/qxUFfd7QReMy8=",
            version = "v0.12.0",
        )
    gazelle_dependencies(go_sdk = go_sdk)
    native.register_toolchains("@portable_walkthrough_go//bzl/toolchains/sbom")
