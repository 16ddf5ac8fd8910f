"""The provider of declared image entries."""

visibility(["//bzl"])

RootfsInfo = provider(
    doc = "A part of an image: declared paths, and the files with their contents.",
    fields = {
        "entries": "depset of struct: the declarations. Opaque: their fields are not part of the API; read an image's contents from its manifest.",
        "files": "depset of File: the sources of all entries.",
        "metadata": "depset of File: rules_go's descriptions of the packages in the programs, for the image's inventory.",
    },
)
