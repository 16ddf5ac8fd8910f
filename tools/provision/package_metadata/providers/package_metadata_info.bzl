"""The provider of the module package_metadata, as rules_go reads it."""

visibility("public")

PackageMetadataInfo = provider(
    doc = "A package's identity, for tools that list the contents of a program.",
    fields = {
        "files": "A depset of the files that `metadata` refers to, and of `metadata`.",
        "metadata": "A JSON file: an object whose `purl` is the package's URL.",
    },
)
