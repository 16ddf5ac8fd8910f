"""The remote execution engine and the HTTP cache of the tests: Debian's BuildBox and nginx."""

load("//tools/provision:debian.bzl", "debian_packages")

# For MODULE.bazel.
visibility(["//"])

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
    debian_packages(
        name = "remote_nginx",
        packages = ["nginx"],
        programs = ["nginx"],
        suite = "forky",
    )

remote_packages = module_extension(
    implementation = _remote_packages_impl,
    doc = """Repositories of servers to build with.

@remote_buildbox is a server of the Remote Execution API and its runners, @remote_nginx an HTTP server.""",
)
