"""The provider of generated os-release files."""

visibility(["//bzl"])

OsReleaseInfo = provider(
    doc = "The fields of an os-release(5) file. A `portable_image` adds fields of its own.",
    fields = {
        "fields": "dict of string to string: values by field, as in {\"ID\": \"hello\"}, unquoted.",
        "stamped": "dict of string to string: keys of the workspace status by field; each is that field's value in a build with --stamp.",
    },
)
