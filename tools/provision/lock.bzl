"""The rule `debian_lock`: makes the lock file of debian_packages repositories."""

visibility([
    "//bzl/private",
    "//tools/vm",
])

def _debian_lock_impl(ctx):
    program = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(output = program, target_file = ctx.file._lock, is_executable = True)
    return [
        DefaultInfo(executable = program, runfiles = ctx.runfiles(ctx.files.requests + [ctx.file.environment])),
        # bazel run starts the program in the directory of its runfiles; the paths are relative to it.
        RunEnvironmentInfo(environment = {
            "LOCK_ENVIRONMENT": ctx.file.environment.short_path,
            "LOCK_REQUESTS": " ".join([file.short_path for file in ctx.files.requests]),
        }),
    ]

debian_lock = rule(
    implementation = _debian_lock_impl,
    doc = "A program for bazel run that prints a lock file: the current files of repositories' packages, with their digests.",
    attrs = {
        "environment": attr.label(
            doc = "Of debian_requests: the settings of apt.",
            allow_single_file = True,
            mandatory = True,
        ),
        "requests": attr.label_list(
            doc = "Of debian_requests: the repositories.",
            allow_files = True,
        ),
        "_lock": attr.label(
            default = "//tools/provision:lock",
            allow_single_file = True,
        ),
    },
    executable = True,
)
