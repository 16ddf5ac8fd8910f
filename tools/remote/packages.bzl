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

    # GitLab's schema of .gitlab-ci.yml lies beside a program in Python. That is not wanted,
    # nor what it needs; of another version of Python more is unpacked, and works as well.
    debian_packages(
        name = "remote_schemas",
        assume = [
            "libpython3.14-stdlib",
            "python3.14",
            "python3.14-minimal",
            "python3-click",
            "python3-jsonschema",
            "python3-requests",
            "python3-ruamel.yaml",
        ],
        data = ["usr/lib/python3/dist-packages/check_jsonschema/builtin_schemas/vendor/gitlab-ci.json"],
        packages = ["python3-check-jsonschema"],
        suite = "forky",
    )

remote_packages = module_extension(
    implementation = _remote_packages_impl,
    doc = """Repositories of servers to build with.

@remote_buildbox is a server of the Remote Execution API and its runners, @remote_nginx an HTTP server.""",
)
