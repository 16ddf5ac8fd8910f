"""The rule `portable_sign`: a program that signs images, outside of the build."""

load(":origin.bzl", "refuse")
load(":portable_image_info.bzl", "PortableImageInfo")
load(":portable_image_set_info.bzl", "PortableImageSetInfo", "images_of")

visibility(["//bzl"])

def _portable_sign_impl(ctx):
    infos = []
    names = {}
    for target in ctx.attr.images:
        for info in images_of(target):
            if not info.roothash:
                refuse(
                    ctx,
                    "portable_sign",
                    "images",
                    "{} has no hash tree, whose root hash could be signed. Make a portable_verity of it, and list that.",
                    target.label,
                )
            if info.image.basename in names:
                refuse(
                    ctx,
                    "portable_sign",
                    "images",
                    "{} and {} both have an image {}, and signed ones go into one directory. Sign them with two portable_sign targets.",
                    names[info.image.basename],
                    target.label,
                    info.image.basename,
                )
            names[info.image.basename] = target.label
            infos.append(info)
    images = [info.image for info in infos]
    documents = [file for info in infos for file in [info.provenance, info.sbom] if file]
    program = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(output = program, target_file = ctx.executable._sign, is_executable = True)
    return [
        DefaultInfo(executable = program, runfiles = ctx.runfiles(images + documents)),
        # bazel run starts it in the runfiles, which these paths are relative to.
        RunEnvironmentInfo(environment = {
            "SIGN_DOCUMENTS": json.encode([document.short_path for document in documents]),
            "SIGN_IMAGES": json.encode([image.short_path for image in images]),
        }),
    ]

portable_sign = rule(
    implementation = _portable_sign_impl,
    doc = """Signs images of `portable_verity` when it is run; the key never enters the build.

    bazel run //:sign -- --key=KEY.pem --certificate=CERTIFICATE.pem --into=DIRECTORY

writes each image with the signature in it, and NAME.roothash and NAME.roothash.p7s beside
it. With the same key it signs the image's provenance and, where a toolchain for SBOMs is
registered, its SBOM: NAME.provenance.dsse.json and NAME.cdx.dsse.json. `--verify` verifies signed images, and `--help` lists all flags. See
[Images a host can trust](../../tools/verity/README.md).""",
    attrs = {
        "images": attr.label_list(
            doc = "`portable_verity` targets, or `portable_image_set`s of them. No two images may have one name.",
            allow_empty = False,
            mandatory = True,
            providers = [[PortableImageInfo], [PortableImageSetInfo]],
        ),
        "_sign": attr.label(
            default = "//tools/verity/sign",
            # It runs where bazel run is called, whatever the images are for.
            cfg = "exec",
            executable = True,
        ),
    },
    executable = True,
)
