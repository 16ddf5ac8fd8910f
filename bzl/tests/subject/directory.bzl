"""A directory that a rule makes (a tree artifact)."""

visibility("private")

def _made_directory_impl(ctx):
    out = ctx.actions.declare_directory(ctx.label.name)
    ctx.actions.run_shell(
        outputs = [out],
        arguments = [out.path],
        command = "mkdir -p $1/bin $1/none && echo data >$1/data && echo '#!' >$1/bin/run",
    )
    return [DefaultInfo(files = depset([out]))]

made_directory = rule(
    implementation = _made_directory_impl,
    doc = "Makes a directory with two files.",
)
