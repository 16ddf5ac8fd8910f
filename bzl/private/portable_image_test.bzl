"""The rule `portable_image_test`: what an image holds, without a machine."""

load(":origin.bzl", "own_file", "refuse", "shown")
load(":portable_image_info.bzl", "PortableImageInfo")
load(":runfile_location.bzl", "runfile_location")

visibility(["//bzl"])

def _portable_image_test_impl(ctx):
    image = ctx.attr.image[PortableImageInfo]
    golden = ctx.file.golden
    for attribute in ["contains", "absent"]:
        for path in getattr(ctx.attr, attribute):
            if not path.startswith("/"):
                refuse(ctx, "portable_image_test", attribute, "\"{}\" is no path in an image. Start it with a slash.", path)
    description = own_file(ctx, "expected.json")
    ctx.actions.write(description, json.encode({
        "absent": ctx.attr.absent,
        "contains": ctx.attr.contains,
        "golden": runfile_location(ctx.workspace_name, golden) if golden else "",
        "image": runfile_location(ctx.workspace_name, image.image),
        "label": shown(ctx.label),
        "manifest": runfile_location(ctx.workspace_name, image.manifest),
        "max_size": ctx.attr.max_size,
        "source": golden.short_path if golden else "",
    }))
    test = own_file(ctx, "test")
    ctx.actions.symlink(output = test, target_file = ctx.executable._imagetest, is_executable = True)
    return [
        DefaultInfo(
            executable = test,
            runfiles = ctx.runfiles([description, image.image, image.manifest] + ctx.files.golden),
        ),
        RunEnvironmentInfo(environment = {"IMAGE_TEST": runfile_location(ctx.workspace_name, description)}),
    ]

portable_image_test = rule(
    implementation = _portable_image_test_impl,
    doc = """Tests what an image holds. It boots nothing and unpacks nothing, so it runs in an instant.

A failure prints each path that is missing or too many, or a diff against the golden file.""",
    attrs = {
        "absent": attr.string_list(
            doc = "Paths that the image must not have: absolute, with `*`, `?` and `[a-z]` as in Go's path.Match. One that ends with a slash stands for all that is below a directory.",
        ),
        "contains": attr.string_list(
            doc = "Paths that the image must have, written as for `absent`. A pattern must match at least one.",
        ),
        "golden": attr.label(
            doc = """A file that lists all that the image holds: type, mode, owner and path of each.

`bazel run TEST -- -update` writes it; start with an empty file. Sizes and contents are not
listed: they change with every line of code.""",
            allow_single_file = True,
        ),
        "image": attr.label(
            doc = "The `portable_image`.",
            mandatory = True,
            providers = [PortableImageInfo],
        ),
        "max_size": attr.string(
            doc = "The most bytes that the image file may have: a number and B, kB, MB, GB, KiB, MiB or GiB, as in `\"10 MiB\"`. Default: any.",
        ),
        "_imagetest": attr.label(
            default = "//tools/imagetest",
            cfg = "target",
            executable = True,
        ),
    },
    test = True,
)
