"""A program with its dynamic loader and libraries, all of them declared files."""

def _imported_program_impl(ctx):
    program = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(output = program, target_file = ctx.file.binary, is_executable = True)
    closure = depset([ctx.file.loader] + ctx.files.libraries)
    return [
        DefaultInfo(
            executable = program,
            files = depset([program]),
            runfiles = ctx.runfiles(transitive_files = closure),
        ),
        # squashfs_toolchain (bzl/toolchains/squashfs_toolchain.bzl) starts the program with
        # these on a machine that lacks the loader.
        OutputGroupInfo(
            libraries = depset(ctx.files.libraries),
            loader = depset([ctx.file.loader]),
        ),
    ]

imported_program = rule(
    implementation = _imported_program_impl,
    doc = "Makes an imported ELF program runnable as LOADER --library-path DIRECTORY PROGRAM.",
    attrs = {
        "binary": attr.label(
            doc = "The ELF file.",
            allow_single_file = True,
            mandatory = True,
        ),
        "libraries": attr.label_list(
            doc = "The shared libraries it needs, all in one directory.",
            allow_files = True,
        ),
        "loader": attr.label(
            doc = "The dynamic loader, ld-linux-*.so.*.",
            allow_single_file = True,
            mandatory = True,
        ),
    },
    executable = True,
)
