"""The checks of `portable_image`, which run beside the image action."""

load(":origin.bzl", "PATH_MAPPING", "own_file")

visibility("private")

CHECK_ATTRS = {
    "allow": attr.string_dict(
        doc = """Exceptions from the checks: identifier to reason, as in

    allow = {"directive-too-new": "PrivateIPC= only hardens; an older systemd does without."}

An error ends with its identifier in brackets. tools/checkportable/README.md lists all
identifiers. The reason must not be empty. The report lists exceptions that nothing needs.
Risk: an exception applies to the whole image, so it also hides the next mistake of its
kind. Default: none.""",
    ),
    "minimum_systemd": attr.int(
        doc = """The oldest systemd that the image supports. 0 means any.

The report warns about newer directives, which an older systemd ignores. The default is the
oldest version that this rule's images are tested with.""",
        default = 247,
    ),
    "_checkportable": attr.label(
        default = "//tools/checkportable",
        cfg = "exec",
        executable = True,
    ),
}

def check_image(ctx, declared, sources):
    """Declares the actions that check an image and judge the result.

    There are two, so that the report exists even if the build fails. The image action waits
    for neither, so Bazel makes and caches the image regardless of the findings.

    Args:
        ctx: the context of a rule with CHECK_ATTRS.
        declared: Args: the image's spec, as the flag --spec.
        sources: depset of File: the files that the spec names.

    Returns:
        A struct with the fields `report` (depset of File: text and JSON) and
        `validation` (depset of File, for the output group `_validation`).
    """
    options = own_file(ctx, "checks.options.json")
    ctx.actions.write(options, json.encode({
        "allow": ctx.attr.allow,
        "minimum_systemd": ctx.attr.minimum_systemd,
        "profile": ctx.attr.profile,
    }))
    text = own_file(ctx, "checks.txt")
    machine = own_file(ctx, "checks.json")
    arguments = ctx.actions.args()
    arguments.add_all([options, text, machine])
    ctx.actions.run(
        mnemonic = "PortableCheck",
        progress_message = "Checking portable service image %{label}",
        executable = ctx.executable._checkportable,
        arguments = [declared, arguments],
        inputs = depset([options], transitive = [sources]),
        outputs = [text, machine],
        env = {},
        execution_requirements = PATH_MAPPING,
    )

    verdict = own_file(ctx, "checked")
    arguments = ctx.actions.args()
    arguments.add("--verdict")
    arguments.add_all([machine, verdict])
    ctx.actions.run(
        mnemonic = "PortableVerdict",
        progress_message = "Judging the checks of %{label}",
        executable = ctx.executable._checkportable,
        arguments = [arguments],
        inputs = [machine],
        outputs = [verdict],
        env = {},
        execution_requirements = PATH_MAPPING,
    )
    return struct(report = depset([text, machine]), validation = depset([verdict]))
