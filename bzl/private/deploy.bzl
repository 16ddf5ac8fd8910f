"""The rule `portable_deploy`: deploys an image to hosts by `bazel run`."""

load(":origin.bzl", "refuse", "shown")
load(":portable_image_info.bzl", "PortableImageInfo")
load(":portable_image_set_info.bzl", "PortableImageSetInfo", "images_of")
load(":runfile_location.bzl", "runfile_location")

visibility(["//bzl"])

_RULE = "portable_deploy"

def _portable_deploy_impl(ctx):
    images = {info.architecture: info for info in images_of(ctx.attr.image)}
    first = images.values()[0]
    if ctx.attr.keep < 1:
        refuse(ctx, _RULE, "keep", "it is {}, but the attached image must stay. Write 1 or more; `rollback` needs at least 2.", ctx.attr.keep)
    if not ctx.attr.directory.startswith("/"):
        refuse(ctx, _RULE, "directory", "\"{}\" is not absolute. Write a directory that systemd searches, such as /var/lib/portables.", ctx.attr.directory)
    unsquashfs = ctx.attr._unsquashfs[DefaultInfo]
    executable = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(output = executable, target_file = ctx.executable._deploy, is_executable = True)
    config = ctx.actions.declare_file(ctx.label.name + ".json")
    ctx.actions.write(config, json.encode_indent({
        "directory": ctx.attr.directory,
        "enable": ctx.attr.enable,
        "health_check": ctx.attr.health_check,
        "health_settle": ctx.attr.health_settle,
        "health_timeout": ctx.attr.health_timeout,
        "hosts": ctx.attr.hosts,
        "images": {architecture: runfile_location(ctx.workspace_name, info.image) for architecture, info in images.items()},
        "keep": ctx.attr.keep,
        "label": shown(ctx.label),
        "minimum_systemd": first.minimum_systemd,
        "name": first.name,
        "prefixes": first.prefixes,
        "profile": ctx.attr.profile or first.profile,
        "unsquashfs": runfile_location(ctx.workspace_name, ctx.executable._unsquashfs),
        "version": first.version,
    }) + "\n")
    return DefaultInfo(
        executable = executable,
        files = depset([executable, config]),
        runfiles = ctx.runfiles([config] + [info.image for info in images.values()]).merge_all([
            ctx.attr._deploy[DefaultInfo].default_runfiles,
            unsquashfs.default_runfiles,
        ]),
    )

portable_deploy = rule(
    implementation = _portable_deploy_impl,
    doc = """Attaches an image to hosts, upgrades it without losing a request, and rolls it back: `bazel run`.

    bazel run //:deploy -- COMMAND [--host=USER@HOST]... [OPTION]...

The commands are `status`, `attach`, `upgrade`, `rollback`, `detach`, `inspect` (how the image differs from the
attached one) and `logs`. `--help` lists the options, and `--dry-run` prints every command instead of running it.

Without `--host` and `hosts` it deploys to this machine, as root, by sudo or by run0. It connects to hosts with
OpenSSH's client and your configuration, keys and agent, as root or as a user with sudo. A host needs
systemd-portabled, coreutils, flock and a shell. The program stores there only images and a list of them.
[The page on deploying](../../tools/deploy/README.md) describes each step on a host.

For an image of `portable_verity`, the program also stores the root hash, on hosts whose systemd needs it beside the image.
`--signed=DIRECTORY` deploys the signed image that `portable_sign` wrote there.

An upgrade is rolled back automatically if a service fails, restarts, or is not up in time, or if `health_check`
fails.""",
    attrs = {
        "directory": attr.string(
            doc = """The directory for images on a host, which systemd must search (portablectl(1)).

On hosts with systemd 256 or newer it may be a directory of versions (systemd.v(7)), as in
"/var/lib/portables/hello.raw.v". The program attaches one of its files by path, and not the newest version.""",
            default = "/var/lib/portables",
        ),
        "enable": attr.bool(
            doc = "Enable units with an [Install] section, so that they start when the host boots.",
            default = True,
        ),
        "health_check": attr.string(
            doc = """A URL or a shell command that must succeed after an attach or an upgrade. Default: only the units' states count.

A URL, `http://` or `https://`, must answer with a status below 400. The request goes through the SSH connection, so
`http://localhost:8088/` is the host's. A command runs on the host, as root.
The program repeats either until it succeeds or `health_timeout` expires.""",
        ),
        "health_settle": attr.int(
            doc = "The time in seconds for which units must stay up without a restart before an upgrade succeeds.",
            default = 3,
        ),
        "health_timeout": attr.int(
            doc = "The limit in seconds for units to come up, and for the health check to succeed.",
            default = 60,
        ),
        "hosts": attr.string_list(
            doc = "The hosts in ssh(1)'s form: USER@HOST, or an alias of ssh_config(5). `--host` overrides them. Default: this machine.",
        ),
        "image": attr.label(
            doc = "The `portable_image`, or a `portable_image_set`: each host then gets the image for its CPU.",
            mandatory = True,
            providers = [[PortableImageInfo], [PortableImageSetInfo]],
        ),
        "keep": attr.int(
            doc = "The number of images that a host keeps, including the attached one. A successful upgrade removes older ones.",
            default = 3,
        ),
        "profile": attr.string(
            doc = "The profile for attaching: default, nonetwork, strict, trusted, or another one of the host's. `--profile` overrides it. Default: the image's.",
        ),
        "_deploy": attr.label(
            default = "//tools/deploy",
            cfg = "exec",
            executable = True,
        ),
        "_unsquashfs": attr.label(
            default = "@squashfs-tools//:unsquashfs",
            cfg = "exec",
            executable = True,
        ),
    },
    executable = True,
)
