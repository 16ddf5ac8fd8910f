"""The rule `portable_verity`: an image with a hash tree, which a host can verify."""

load(":origin.bzl", "PATH_MAPPING", "own_file", "refuse")
load(":portable_image_info.bzl", "PortableImageInfo")
load(":sbom.bzl", "SBOM_ATTRS", "SBOM_TOOLCHAIN", "describe_image")

visibility(["//bzl"])

# Those that mkverity knows partition types of.
_ARCHITECTURES = ["arm64", "riscv64", "x86-64"]

# Drop-ins are read in the order of their names: after portabled's 20-portable.conf.
_POLICY = "90-signed.conf"

_POLICY_TEXT = """# For /etc/systemd/system: without an image whose signature this host trusts,
# the service does not start. systemd 254 and newer.
[Service]
RootImagePolicy=root=signed
"""

def _portable_verity_impl(ctx):
    target = ctx.attr.image
    info = target[PortableImageInfo]
    if info.architecture not in _ARCHITECTURES:
        refuse(
            ctx,
            "portable_verity",
            "image",
            "{} is built for the architecture \"{}\", but portable_verity supports only {}. Build it for one of these, with --platforms.",
            target.label,
            info.architecture,
            ", ".join(_ARCHITECTURES),
        )
    name = info.image.basename.removesuffix(".raw")
    image = own_file(ctx, name + ".raw")

    # Beside the image and of its name: so systemd finds it.
    roothash = own_file(ctx, name + ".roothash")
    layout = own_file(ctx, "partitions.json")
    arguments = ctx.actions.args()
    arguments.add(info.architecture, format = "--architecture=%s")
    arguments.add(roothash, format = "--roothash=%s")
    arguments.add(layout, format = "--manifest=%s")
    arguments.add_all([info.image, image])
    ctx.actions.run(
        mnemonic = "PortableVerity",
        progress_message = "Adding a hash tree to portable service image %{output}",
        executable = ctx.executable._mkverity,
        arguments = [arguments],
        inputs = [info.image],
        outputs = [image, roothash, layout],
        env = {},
        execution_requirements = PATH_MAPPING,
    )
    policies = []
    for unit in info.units:
        if unit.extension == "service":
            policy = own_file(ctx, "policy/{}.d/{}".format(unit.basename, _POLICY))
            ctx.actions.write(policy, _POLICY_TEXT)
            policies.append(policy)
    documents = describe_image(ctx, info.inventory, image)
    groups = target[OutputGroupInfo]
    fields = {name: getattr(info, name) for name in dir(info) if name not in ["to_json", "to_proto"]}
    return [
        DefaultInfo(files = depset([image]), runfiles = ctx.runfiles([image])),
        OutputGroupInfo(
            checks = groups.checks,
            manifest = depset([layout], transitive = [groups.manifest]),
            partitions = depset([layout]),
            policy = depset(policies),
            roothash = depset([roothash]),
            spec = groups.spec,
            **documents.groups
        ),
        PortableImageInfo(**(fields | {
            "image": image,
            "provenance": documents.provenance,
            "roothash": roothash,
            "sbom": documents.sbom,
        })),
    ]

portable_verity = rule(
    implementation = _portable_verity_impl,
    doc = """An image that a host can verify: a disk image with a dm-verity hash tree.

Its root partition is the very file of the `portable_image`. The hash of each block is in a
second partition, and the hash of those, the root hash, is what `portable_sign` signs. The
file has the image's name, in a directory of its own, and portablectl attaches it like the
other. Equal squashfs file systems for one architecture give equal bytes.

It has the output groups of the image; its SBOM and its provenance have the digest of the
disk image. And these:

- `roothash`: the root hash in hex, without a newline. systemd finds it beside the image.
- `partitions`: partitions.json, with offsets, sizes and UUIDs. It is also in `manifest`.
- `policy`: drop-ins for /etc/systemd/system, by which the image's services start only from a
  signed image.

[Images a host can trust](../../tools/verity/README.md) says how hosts verify it.""",
    attrs = SBOM_ATTRS | {
        "image": attr.label(
            doc = "The `portable_image`, for x86-64, arm64 or riscv64.",
            mandatory = True,
            providers = [PortableImageInfo],
        ),
        "_mkverity": attr.label(
            default = "//tools/verity/mkverity",
            cfg = "exec",
            executable = True,
        ),
    },
    provides = [PortableImageInfo],
    toolchains = [SBOM_TOOLCHAIN],
)
