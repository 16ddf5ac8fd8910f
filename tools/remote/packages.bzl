"""The remote execution engine of the tests: Debian's BuildBox."""

load("//tools/provision:debian.bzl", "debian_packages")

def _remote_packages_impl(_ctx):
    debian_packages(
        name = "remote_buildbox",
        packages = ["buildbox"],
        programs = [
            "buildbox-casd",
            "buildbox-run-bubblewrap",
            "buildbox-run-hosttools",
        ],
        suite = "forky",
    )

remote_packages = module_extension(
    implementation = _remote_packages_impl,
    doc = "Repository @remote_buildbox: a server of the Remote Execution API and its runners.",
)
