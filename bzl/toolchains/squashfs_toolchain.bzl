"""The toolchain that makes squashfs file systems."""

load(":squashfs_toolchain_info.bzl", _SquashfsToolchainInfo = "SquashfsToolchainInfo")

SquashfsToolchainInfo = _SquashfsToolchainInfo

def _squashfs_toolchain_impl(ctx):
    program = ctx.attr.mksquashfs
    loader, libraries = None, []

    # An imported program says how it is started by two output groups, because a
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
    doc = """Says which mksquashfs makes images.

Register it with `register_toolchains` as a `toolchain` of the type
`//bzl/toolchains:squashfs_toolchain_type`. mksquashfs must be 4.6 or newer, and
the same version everywhere if images shall have the same bytes everywhere.""",
    attrs = {
        "mksquashfs": attr.label(
            doc = "The program. A static one starts anywhere; one imported by tools/provision/import brings its loader and libraries.",
            cfg = "exec",
            executable = True,
            mandatory = True,
        ),
    },
)
