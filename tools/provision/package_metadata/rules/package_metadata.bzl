"""The rule of the module package_metadata, as gazelle writes it into BUILD files."""

load("//providers:package_metadata_info.bzl", "PackageMetadataInfo")

visibility("public")

def _package_metadata_impl(ctx):
    metadata = ctx.actions.declare_file(ctx.label.name + ".package-metadata.json")
    ctx.actions.write(metadata, json.encode({"purl": ctx.attr.purl}) + "\n")
    files = depset([metadata])
    return [
        DefaultInfo(files = files),
        PackageMetadataInfo(files = files, metadata = metadata),
    ]

_package_metadata = rule(
    implementation = _package_metadata_impl,
    doc = "Declares the package of all targets that have this target as their metadata.",
    attrs = {
        "purl": attr.string(
            doc = "A package URL, as https://github.com/package-url/purl-spec defines it.",
            mandatory = True,
        ),
    },
    provides = [PackageMetadataInfo],
)

def package_metadata(name, purl, **kwargs):
    """Declares the package of all targets that have this target as their metadata.

    Args:
        name: the target's name.
        purl: a package URL, as https://github.com/package-url/purl-spec defines it:
            `pkg:golang/example.org/module@v1.2.3`.
        **kwargs: attributes that all rules have, such as `visibility`.
    """

    # A repository's default is this target, which has no metadata of its own.
    kwargs.setdefault("applicable_licenses", [])
    _package_metadata(name = name, purl = purl, **kwargs)
