"""The rule `os_release`, and the action that writes the file for every image."""

load(":configuration_info.bzl", "ConfigurationInfo")
load(":origin.bzl", "PATH_MAPPING", "refuse", "shown")
load(":os_release_info.bzl", "OsReleaseInfo")

visibility(["//bzl"])

# The attributes of a rule that generates an os-release file.
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
    "ARCHITECTURE": "The architecture under systemd's name, as in `x86-64`. Default: the image adds it.",
    "BUILD_ID": "Identifies the build. Default: none. See also `stamped`.",
    "ID": "The operating system, here the service: lower-case letters, digits, `.`, `_` and `-`. systemd 251 and newer refuse an image without it. Default: the image adds its portable name in lower case.",
    "IMAGE_ID": "The name of the image, and of the service in the journal. Default: the image adds its portable name in lower case.",
    "IMAGE_VERSION": "The image's version. Default: the image adds its `version`, if it has one.",
    "PORTABLE_PRETTY_NAME": "The name of the service for people, which `portablectl inspect` shows. Default: none.",
    "PRETTY_NAME": "The name of the operating system for people. Default: the image adds its portable name.",
    "VERSION_ID": "The version of the operating system: the service's version, if it differs from the image's. Default: none.",
}

# The characters of a field's name.
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
        # Only with --stamp. Otherwise every commit would make a new image.
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
    """Refuses bad names at analysis. Without --stamp, no action would see those of stamped fields."""
    for name in getattr(ctx.attr, attribute):
        if not name or name != name.lstrip("0123456789_") or [c for c in name.elems() if c not in _NAME]:
            refuse(
                ctx,
                "os_release",
                attribute,
                "\"{}\" is not a valid name of a field. Use capital letters, digits and underscores, with a letter first. Write \"{}\" instead.",
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
    doc = """Writes an os-release(5) file, correctly quoted, which describes an image.

A `portable_image` without such a target writes the file from its name, version and
architecture. Use this rule to set more fields. An image adds only the fields that this
target leaves out.""",
    attrs = OS_RELEASE_TOOL | {
        name.lower(): attr.string(doc = doc)
        for name, doc in _FIELDS.items()
    } | {
        "fields": attr.string_dict(
            doc = "Other fields, as in `{\"HOME_URL\": \"https://example.org\"}`. Names have capital letters, digits and underscores. os-release(5) requires a prefix for names of your own.",
        ),
        "portable_prefixes": attr.string_list(
            doc = "PORTABLE_PREFIXES=: the prefixes of units' names. Without it, systemd-dissect does not recognize a portable service. The image adds its own prefixes before these.",
        ),
        "stamped": attr.string_dict(
            doc = """Fields whose values come from the workspace status in a build with --stamp: field to key, as in `{"BUILD_ID": "STABLE_VCS_REF"}`.

Keys are those that your --workspace_status_command prints, and Bazel's own, such as
BUILD_EMBED_LABEL (--embed_label). Without --stamp, a field has the value of its attribute,
or is left out. Such a build does not read the status, so the cache serves every commit.
If only keys without STABLE_ (such as BUILD_TIMESTAMP) change, Bazel does not run the
action again.""",
        ),
    },
    provides = [OsReleaseInfo],
)
