"""The provider of declared image entries."""

visibility(["//bzl"])

RootfsInfo = provider(
    doc = "A part of an image: declared paths, and the files that they get their content from.",
    fields = {
        "entries": "depset of struct: what is declared. Opaque: their fields are no part of the API; what an image holds is in its manifest.",
        "files": "depset of File: all that entries are made from.",
        "metadata": "depset of File: what rules_go says of the packages in the programs, for the image's inventory.",
    },
)
