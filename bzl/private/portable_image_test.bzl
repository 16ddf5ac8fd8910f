"""The rule `portable_image_test`: tests an image's contents without booting a machine."""

load(":origin.bzl", "own_file", "refuse", "shown")
load(":portable_image_info.bzl", "PortableImageInfo")
load(":runfile_location.bzl", "runfile_location")
load(":size.bzl", "size_limit")

visibility(["//bzl"])

def _portable_image_test_impl(ctx):
    image = ctx.attr.image[PortableImageInfo]
    golden = ctx.file.golden
    for attribute in ["contains", "absent"]:
        for path in getattr(ctx.attr, attribute):
            if not path.startswith("/"):
                refuse(ctx, "portable_image_test", attribute, "\"{}\" is not a path in an image. Start it with a slash.", path)
    if not ctx.attr.contains and not ctx.attr.absent and not ctx.attr.max_size and not golden:
        refuse(ctx, "portable_image_test", "contains", "it is empty, and so are absent, max_size and golden. Set one of them.")
    description = own_file(ctx, "expected.json")
    ctx.actions.write(description, json.encode({
        "absent": ctx.attr.absent,
        "contains": ctx.attr.contains,
        "golden": runfile_location(ctx.workspace_name, golden) if golden else "",
        "image": runfile_location(ctx.workspace_name, image.image),
        "label": shown(ctx.label),
        "manifest": runfile_location(ctx.workspace_name, image.manifest),
        "max_size": size_limit(ctx, "portable_image_test"),
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
    doc = """Tests an image's contents. It boots nothing and unpacks nothing, so it runs in an instant.

If it fails, it prints each missing or unexpected path, or a diff against the golden file. At least
one of `contains`, `absent`, `max_size` and `golden` must be set.""",
    attrs = {
        "absent": attr.string_list(
            doc = "Absolute paths that the image must not have, with `*`, `?` and `[a-z]` as in Go's path.Match. A path that ends with a slash stands for everything below a directory. Default: none.",
        ),
        "contains": attr.string_list(
            doc = "Paths that the image must have, in the same form as `absent`. A pattern must match at least one path. Default: none.",
        ),
        "golden": attr.label(
            doc = """A file that lists type, mode, owner and path of everything in the image. Default: not compared.

`bazel run TEST -- -update` writes it; start with an empty file. It does not list sizes and
contents, which change with every line of code.""",
            allow_single_file = True,
        ),
        "image": attr.label(
            doc = "The `portable_image`.",
            mandatory = True,
            providers = [PortableImageInfo],
        ),
        "max_size": attr.int(
            doc = "The largest size of the image file in bytes, as in `10000000`. Default: 0, no limit.",
        ),
        "_imagetest": attr.label(
            default = "//tools/imagetest",
            cfg = "target",
            executable = True,
        ),
    },
    test = True,
)
