"""The provider of squashfs toolchains, for the image action."""

visibility("private")

SquashfsToolchainInfo = provider(
    doc = "mksquashfs, with its loader and libraries.",
    fields = {
        "files": "depset of File: the program, its loader and its libraries.",
        "libraries": "list of File: the shared libraries, in one directory; empty if there is no loader.",
        "loader": "File or None: the dynamic loader to start mksquashfs with; None to start it directly.",
        "mksquashfs": "File: the program.",
    },
)
