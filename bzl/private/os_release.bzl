"""The rule `os_release`, and how an image gets its own."""

load(":configuration_info.bzl", "ConfigurationInfo")
load(":origin.bzl", "PATH_MAPPING", "refuse", "shown")
load(":os_release_info.bzl", "OsReleaseInfo")

visibility(["//bzl"])

# What a rule needs that generates an os-release file.
OS_RELEASE_TOOL = {
    "_configuration": attr.label(
        default = "//bzl/private:configuration",
        providers = [ConfigurationInfo],
    ),
    "_mkosrelease": attr.label(
        default = "//tools/mkosrelease",
        cfg = "exec",
        executable = True,
    ),
}

# Fields with an attribute of their own, and its documentation.
_FIELDS = {
    "ARCHITECTURE": "What the image is for, in systemd's words, as in `x86-64`. An image adds it.",
    "BUILD_ID": "Identifies the build. Often better stamped, see `stamped`.",
    "ID": "The operating system, here the service: lower-case letters, digits, `.`, `_` and `-`. systemd 251 and newer refuse an image without. An image adds its portable name in lower case.",
    "IMAGE_ID": "Names the image, and the service in the journal. An image adds its portable name in lower case.",
    "IMAGE_VERSION": "The image's version. An image that has a `version` adds it.",
    "PORTABLE_PRETTY_NAME": "The service, for people: `portablectl inspect` shows it.",
    "PRETTY_NAME": "The operating system, for people. An image adds its portable name.",
    "VERSION_ID": "The operating system's version: the service's, if it differs from the image's.",
}

# What a field's name is made of.
_NAME = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

def write_os_release(ctx, out, info):
    """Declares the action that writes an os-release file.

    Args:
        ctx: the context of a rule with the attributes OS_RELEASE_TOOL.
        out: the File to write.
        info: OsReleaseInfo.
    """
    stamped = info.stamped if ctx.attr._configuration[ConfigurationInfo].stamp else {}
    arguments = ctx.actions.args()
    arguments.add("--label", shown(ctx.label))
    arguments.add("--output", out)
    arguments.add_all(
        ["{}={}".format(field, value) for field, value in info.fields.items() if field not in stamped],
        before_each = "--field",
    )
    inputs = []
    if stamped:
        # Only then: without --stamp no commit and no clock makes an image anew.
        inputs = [ctx.info_file, ctx.version_file]
        arguments.add_all(inputs, before_each = "--status")
        arguments.add_all(
            ["{}={}".format(field, key) for field, key in stamped.items()],
            before_each = "--stamp",
        )
    ctx.actions.run(
        mnemonic = "OsRelease",
        progress_message = "Writing os-release %{output}",
        executable = ctx.executable._mkosrelease,
        arguments = [arguments],
        inputs = inputs,
        outputs = [out],
        env = {},
        execution_requirements = PATH_MAPPING,
    )

def _check_fields(ctx, attribute):
    """Refuses bad names at once: those of stamped fields are used only with --stamp."""
    for name in getattr(ctx.attr, attribute):
        if not name or name != name.lstrip("0123456789_") or [c for c in name.elems() if c not in _NAME]:
            refuse(
                ctx,
                "os_release",
                attribute,
                "\"{}\" is no name of a field, which has capital letters, digits and underscores only, and a letter first. Write \"{}\" instead.",
                name,
                "".join([c if c in _NAME else "_" for c in name.upper().elems()]).lstrip("0123456789_") or "MY_FIELD",
            )

def _os_release_impl(ctx):
    for attribute in ["fields", "stamped"]:
        _check_fields(ctx, attribute)
    fields = dict(ctx.attr.fields)
    for name in _FIELDS.keys() + ["PORTABLE_PREFIXES"]:
        if name in fields:
            refuse(ctx, "os_release", "fields", "{} has an attribute of its own. Write {} = … instead.", name, name.lower())
    for name in _FIELDS:
        value = getattr(ctx.attr, name.lower())
        if value:
            fields[name] = value
    if ctx.attr.portable_prefixes:
        fields["PORTABLE_PREFIXES"] = " ".join(ctx.attr.portable_prefixes)
    info = OsReleaseInfo(fields = fields, stamped = ctx.attr.stamped)
    out = ctx.actions.declare_file(ctx.label.name + ".os-release")
    write_os_release(ctx, out, info)
    return [DefaultInfo(files = depset([out])), info]

os_release = rule(
    implementation = _os_release_impl,
    doc = """An os-release(5) file, correctly quoted: what an image says of itself.

A `portable_image` without any makes its own from its name, version and
architecture. This rule is for saying more. What an image adds it adds only where
this rule says nothing.""",
    attrs = OS_RELEASE_TOOL | {
        name.lower(): attr.string(doc = doc)
        for name, doc in _FIELDS.items()
    } | {
        "fields": attr.string_dict(
            doc = "Any other fields, as in `{\"HOME_URL\": \"https://example.org\"}`: capital letters, digits and underscores. os-release(5) asks for a prefix before names of one's own.",
        ),
        "portable_prefixes": attr.string_list(
            doc = "PORTABLE_PREFIXES=: what units' names may start with; without, systemd-dissect says that it is no portable service. An image's own come before these.",
        ),
        "stamped": attr.string_dict(
            doc = """Fields that are taken from the workspace status in a build with --stamp, as in `{"BUILD_ID": "STABLE_VCS_REF"}`.

The keys are what your --workspace_status_command prints, and Bazel's own:
BUILD_EMBED_LABEL (--embed_label) and others. Without --stamp such a field has the
value of its attribute, or is left out; then nothing of the status is read, so that
the cache serves every commit. Mind that keys without STABLE_ (BUILD_TIMESTAMP)
make no action run again when they alone change.""",
        ),
    },
    provides = [OsReleaseInfo],
)
