"""Symlinks as actions make them, and a directory with some."""

visibility("private")

def _unresolved_symlink_impl(ctx):
    out = ctx.actions.declare_symlink(ctx.label.name)
    ctx.actions.symlink(output = out, target_path = ctx.attr.to)
    return [DefaultInfo(files = depset([out]), runfiles = ctx.runfiles([out]))]

unresolved_symlink = rule(
    implementation = _unresolved_symlink_impl,
    doc = "An unresolved symlink: Bazel knows where it leads, and not what is there.",
    attrs = {"to": attr.string(doc = "The target.", mandatory = True)},
)

def _linked_directory_impl(ctx):
    out = ctx.actions.declare_directory(ctx.label.name)
    ctx.actions.run_shell(
        outputs = [out],
        arguments = [out.path] + ctx.attr.links,
        command = "cd $1 && shift && mkdir -p lib/v1 && echo data >lib/v1/data && while [ $# -gt 1 ]; do ln -s $2 $1; shift 2; done",
    )
    return [DefaultInfo(files = depset([out]))]

linked_directory = rule(
    implementation = _linked_directory_impl,
    doc = "Makes a directory with a file lib/v1/data and symlinks.",
    attrs = {"links": attr.string_list(doc = "Symlinks: name and target in turn.")},
)
