"""Programs that read and write the same formats: Debian packages."""

load("//tools/provision:debian.bzl", "debian_packages")

# For MODULE.bazel.
visibility(["//"])

def _verity_packages_impl(_ctx):
    debian_packages(
        name = "verity_programs",
        archive = True,
        packages = [
            "cryptsetup-bin",
            "fdisk",
            "libblkid1",
            "libcryptsetup12",
            "openssl",
            "pkcs11-provider",
            "softhsm2",
            "systemd",
            "systemd-container",
        ],
        suite = "forky",
    )

verity_packages = module_extension(
    implementation = _verity_packages_impl,
    doc = "The repository @verity_programs, with root.tar.",
)
