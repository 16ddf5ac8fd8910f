"""The rule `canary`: an action that tries what no action may."""

visibility("private")

def _canary_impl(ctx):
    out = ctx.actions.declare_file(ctx.label.name + ".txt")
    arguments = ctx.actions.args()
    arguments.add(out)
    ctx.actions.run(
        mnemonic = "Canary",
        executable = ctx.executable._canary,
        arguments = [arguments],
        outputs = [out],
        # The worst case: the action gets all variables of --action_env.
        use_default_shell_env = True,
    )
    return [DefaultInfo(files = depset([out]))]

canary = rule(
    implementation = _canary_impl,
    doc = "NAME.txt says what the action could reach of what $CANARY_BAIT names; see main.go.",
    attrs = {
        "_canary": attr.label(
            default = "//tools/remote/canary:canary",
            cfg = "exec",
            executable = True,
        ),
    },
)
