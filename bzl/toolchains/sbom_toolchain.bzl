"""The toolchain that writes SBOMs."""

visibility(["//bzl/toolchains/sbom"])

def _sbom_toolchain_impl(ctx):
    return [platform_common.ToolchainInfo(sbom = ctx.attr.sbom[DefaultInfo].files_to_run)]

sbom_toolchain = rule(
    implementation = _sbom_toolchain_impl,
    doc = """Says which program writes SBOMs.

It is a toolchain so that nobody fetches the library that the program needs who has not
registered it.""",
    attrs = {
        "sbom": attr.label(
            doc = "The program. It takes the flags of //tools/sbom.",
            cfg = "exec",
            executable = True,
            mandatory = True,
        ),
    },
)
