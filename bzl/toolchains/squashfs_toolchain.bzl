"""The toolchain that makes squashfs file systems."""

load(":squashfs_toolchain_info.bzl", _SquashfsToolchainInfo = "SquashfsToolchainInfo")

SquashfsToolchainInfo = _SquashfsToolchainInfo

def _squashfs_toolchain_impl(ctx):
    program = ctx.attr.mksquashfs
    loader, libraries = None, []

    # An imported program provides its loader and libraries as output groups, because a
    # repository made by tools/provision can't load a provider from here.
    if OutputGroupInfo in program and hasattr(program[OutputGroupInfo], "loader"):
        loader = program[OutputGroupInfo].loader.to_list()[0]
        libraries = program[OutputGroupInfo].libraries.to_list()
    info = SquashfsToolchainInfo(
        files = depset(
            [ctx.executable.mksquashfs],
            transitive = [program[DefaultInfo].default_runfiles.files],
        ),
        libraries = libraries,
        loader = loader,
        mksquashfs = ctx.executable.mksquashfs,
    )
    return [platform_common.ToolchainInfo(squashfs = info)]

squashfs_toolchain = rule(
    implementation = _squashfs_toolchain_impl,
    doc = """Names the mksquashfs that makes images.

Register it with `register_toolchains` as a `toolchain` of the type
`//bzl/toolchains:squashfs_toolchain_type`. mksquashfs must be 4.6 or newer. Other versions may
make other bytes, so use the same version everywhere.""",
    attrs = {
        "mksquashfs": attr.label(
            doc = "The program. It must be static, or imported with its loader and libraries by tools/provision/import.",
            cfg = "exec",
            executable = True,
            mandatory = True,
        ),
    },
)
