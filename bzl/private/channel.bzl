"""The macro `portable_channel`: a directory from which hosts update themselves, and its publication."""

load(":origin.bzl", "PATH_MAPPING", "own_file", "refuse", "shown")
load(":portable_image_info.bzl", "PortableImageInfo")
load(":portable_image_set_info.bzl", "PortableImageSetInfo", "images_of")
load(":runfile_location.bzl", "runfile_location")

visibility(["//bzl"])

_RULE = "portable_channel"

_ChannelInfo = provider(
    doc = "The files that a channel publishes.",
    fields = {
        "images": "dict of string to File: images and their root hashes, by published name.",
        "keep": "int: the number of versions to keep.",
        "label": "string: the channel's, as its user writes it.",
        "settings": "dict of string to File: files for the configuration of hosts, by published name.",
        "version": "string: the images' version.",
    },
)

# sysupdate.d(5). %a is the host's architecture under systemd's name, as in the images' names.
_TRANSFER = """# From {label}. To be put into /etc/sysupdate.{name}.d/ for `systemd-sysupdate --component={name}`.{why}
[Transfer]
Verify={verify}

[Source]
Type=url-file
Path={url}
MatchPattern={name}_@v_%a.{suffix}

[Target]
Type=regular-file
Path={directory}
MatchPattern={name}_@v_%a.{suffix}
Mode=0444
InstancesMax={keep}
"""

# Transfers are done in the order of their names (sysupdate.d(5)), so that NAME.roothash.transfer comes before NAME.transfer.
_ROOTHASH = """
# systemd 257 verifies an image with a hash tree that is not signed only with this file beside it."""

# systemd does not update portable services by itself after a download. ls -v sorts versions.
_SERVICE = """# From {label}. To be put into /etc/systemd/system/.
[Unit]
Description=Update of the portable service {name}
Documentation=man:systemd-sysupdate(8) man:portablectl(1)
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
ExecStart=/usr/lib/systemd/systemd-sysupdate --component={name} update
# Sockets stay, and services restart with the new image, so that no connection is lost.
ExecStart=/bin/sh -ec 'newest=$$(ls -1v {directory}/{name}_*.raw | tail -n 1); \\
  case "$$(cat /etc/systemd/system.attached/*.d/20-portable.conf)" in *"$$newest"*) exit 0 ;; esac; \\
  portablectl --profile={profile} reattach "$$newest" {prefixes}; \\
  systemctl try-restart {patterns}'
"""

_TIMER = """# From {label}. To be put into /etc/systemd/system/.
[Unit]
Description=Daily update of the portable service {name}

[Timer]
OnCalendar=daily
RandomizedDelaySec=4h
Persistent=true

[Install]
WantedBy=timers.target
"""

def _channel_files_impl(ctx):
    images = {}
    names = {}
    versions = {}
    infos = [info for target in ctx.attr.images for info in images_of(target)]
    for info in infos:
        version = info.version or ctx.attr.version
        if not version:
            refuse(ctx, _RULE, "version", "{} has no version, but hosts need it to find newer images. Write a version here, or on the image.", info.name)
        if info.version and ctx.attr.version and info.version != ctx.attr.version:
            refuse(ctx, _RULE, "version", "it is \"{}\", but {} has the version {}. Leave it out.", ctx.attr.version, info.name, info.version)
        if "_" in version or "/" in version:
            refuse(ctx, _RULE, "version", "\"{}\" has a `_` or a `/`, which separate names. Use letters, digits and `.~^-`.", version)
        if not info.architecture:
            refuse(ctx, _RULE, "images", "{} is built for a CPU that systemd has no name for. Build it for another platform.", info.name)
        published = "{}_{}_{}.raw".format(info.name, version, info.architecture)
        if published in images:
            refuse(ctx, _RULE, "images", "it contains {} twice. List each image once, or only the portable_image_set.", published)
        images[published] = info.image
        if info.roothash:
            images[published.removesuffix("raw") + "roothash"] = info.roothash
        names[info.name] = None
        versions[version] = None
    if len(names) != 1 or len(versions) != 1:
        refuse(ctx, _RULE, "images", "they have the names {} and the versions {}. A channel has one image, in one version, for several architectures.", ", ".join(names), ", ".join(versions))
    if not ctx.attr.url.startswith("https://") and not ctx.attr.url.startswith("http://"):
        refuse(ctx, _RULE, "url", "\"{}\" is not a URL. Write the URL of the directory, beginning with https://.", ctx.attr.url)
    if ctx.attr.keep < 1:
        refuse(ctx, _RULE, "keep", "it is {}. Keep at least 1 version.", ctx.attr.keep)

    name = names.keys()[0]
    first = infos[0]
    words = dict(
        directory = ctx.attr.directory,
        keep = max(ctx.attr.keep, 2),  # InstancesMax= is at least 2: the running one and the new one.
        label = shown(ctx.label),
        name = name,
        patterns = " ".join([prefix + suffix for prefix in first.prefixes for suffix in [".service", "-*.service", "@*.service"]]),
        prefixes = " ".join(first.prefixes),
        profile = first.profile,
        url = ctx.attr.url,
        verify = "yes" if ctx.attr.verify else "no",
    )
    settings = {}
    arguments = ctx.actions.args()
    sums = own_file(ctx, "SHA256SUMS")
    arguments.add("sums")
    arguments.add(sums)
    texts = {
        name + ".transfer": _TRANSFER.format(suffix = "raw", why = "", **words),
        "update-" + name + ".service": _SERVICE.format(**words),
        "update-" + name + ".timer": _TIMER.format(**words),
    }
    if first.roothash:
        texts[name + ".roothash.transfer"] = _TRANSFER.format(suffix = "roothash", why = _ROOTHASH, **words)
    for published, text in texts.items():
        settings[published] = own_file(ctx, published)
        ctx.actions.write(settings[published], text)
        arguments.add(settings[published], format = published + "=%s")
    files = settings.values()
    for published, image in images.items():
        link = own_file(ctx, published)
        ctx.actions.symlink(output = link, target_file = image)
        files.append(link)
        arguments.add(image, format = published + "=%s")
    ctx.actions.run(
        mnemonic = "PortableSums",
        progress_message = "Summing up channel %{label}",
        executable = ctx.executable._channel,
        arguments = [arguments],
        inputs = images.values() + settings.values(),
        outputs = [sums],
        env = {},
        execution_requirements = PATH_MAPPING,
    )
    return [
        DefaultInfo(files = depset(files + [sums])),
        _ChannelInfo(
            images = images,
            keep = ctx.attr.keep,
            label = shown(ctx.label),
            settings = settings,
            version = versions.keys()[0],
        ),
    ]

_channel_files = rule(
    implementation = _channel_files_impl,
    attrs = {
        "directory": attr.string(default = "/var/lib/portables"),
        "images": attr.label_list(
            allow_empty = False,
            mandatory = True,
            providers = [[PortableImageInfo], [PortableImageSetInfo]],
        ),
        "keep": attr.int(default = 3),
        "url": attr.string(mandatory = True),
        "verify": attr.bool(default = True),
        "version": attr.string(),
        "_channel": attr.label(
            default = "//tools/channel",
            cfg = "exec",
            executable = True,
        ),
    },
)

def _channel_publish_impl(ctx):
    channel = ctx.attr.channel[_ChannelInfo]
    executable = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(output = executable, target_file = ctx.executable._channel, is_executable = True)
    config = ctx.actions.declare_file(ctx.label.name + ".json")
    ctx.actions.write(config, json.encode_indent({
        "images": {published: runfile_location(ctx.workspace_name, image) for published, image in channel.images.items()},
        "keep": channel.keep,
        "label": channel.label,
        "settings": {published: runfile_location(ctx.workspace_name, file) for published, file in channel.settings.items()},
        "version": channel.version,
    }) + "\n")
    return DefaultInfo(
        executable = executable,
        files = depset([executable, config]),
        runfiles = ctx.runfiles([config] + channel.images.values() + channel.settings.values()).merge(ctx.attr._channel[DefaultInfo].default_runfiles),
    )

_channel_publish = rule(
    implementation = _channel_publish_impl,
    attrs = {
        "channel": attr.label(
            mandatory = True,
            providers = [_ChannelInfo],
        ),
        "_channel": attr.label(
            default = "//tools/channel",
            cfg = "exec",
            executable = True,
        ),
    },
    executable = True,
)

def portable_channel(name, images, url, version = "", keep = 3, verify = True, directory = "/var/lib/portables", **kwargs):
    """A directory from which hosts update themselves, and its publication.

    `bazel build //:channel` makes NAME_VERSION_ARCHITECTURE.raw, SHA256SUMS and NAME.transfer, for systemd-sysupdate(8),
    importctl(1) and sha256sum(1), and a service and a timer for hosts, update-NAME.

    `bazel run //:channel.publish -- --into=TO` adds them to a directory or a target of rsync(1). A published version
    never changes: the command refuses other bytes. It writes SHA256SUMS last, and removes old versions. `--sign=COMMAND`
    signs the channel, and `--best-before=90d` limits its life.

    For images of `portable_verity`, the channel has their root hashes too. `--signed=DIRECTORY` publishes the signed
    images that `portable_sign` wrote there, in place of the build's.

    [The page on channels](../../tools/channel/README.md) describes the setup of hosts.

    Args:
        name: the target's name. The target NAME.publish publishes the channel.
        images: `portable_image` and `portable_image_set` targets with one portable name and version, each architecture once.
        url: the URL of the directory.
        version: the version, if the images have none.
        keep: the number of versions to keep in the channel and on hosts (there at least 2).
        verify: whether hosts verify the signature of SHA256SUMS. Otherwise they trust any server at `url`.
        directory: the directory for images on hosts, which systemd must search.
        **kwargs: further attributes of both targets, such as `visibility` and `tags`.
    """
    _channel_files(
        name = name,
        directory = directory,
        images = images,
        keep = keep,
        url = url,
        verify = verify,
        version = version,
        **kwargs
    )
    _channel_publish(
        name = name + ".publish",
        channel = ":" + name,
        **kwargs
    )
