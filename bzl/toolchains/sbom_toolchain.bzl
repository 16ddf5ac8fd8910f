"""The toolchain that writes SBOMs."""

visibility(["//bzl/toolchains/sbom"])

def _sbom_toolchain_impl(ctx):
    return [platform_common.ToolchainInfo(sbom = ctx.attr.sbom[DefaultInfo].files_to_run)]

sbom_toolchain = rule(
    implementation = _sbom_toolchain_impl,
    doc = """Names the program that writes SBOMs.

It is a toolchain so that Bazel fetches the program's library only if you register it.""",
    attrs = {
        "sbom": attr.label(
            doc = "The program. It must accept the flags of //tools/sbom.",
            cfg = "exec",
            executable = True,
            mandatory = True,
        ),
    },
)
