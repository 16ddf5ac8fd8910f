"""The repository rule `debian_requests`: the input of the program `lock`."""

visibility(["//tools/vm"])

def request(name, suite, packages, architecture = "", assume = [], **_):
    """Describes a repository made by debian_packages to the program `lock`.

    Args:
        name: the repository's name.
        suite: as for debian_packages.
        packages: as for debian_packages.
        architecture: as for debian_packages.
        assume: as for debian_packages.
        **_: further attributes of debian_packages that do not affect the download.

    Returns:
        A text.
    """
    lines = [name, suite, architecture] + ["--assume=" + package for package in assume] + packages
    return "\n".join(lines) + "\n"

# This machine's apt settings, from --repo_env; bazel run does not pass them on.
_ENVIRON = [
    "PROVISION_APT_CONF",
    "PROVISION_KEYRING",
    "PROVISION_MIRROR",
]

def _debian_requests_impl(ctx):
    for name, text in ctx.attr.requests.items():
        ctx.file(name + ".request", text, executable = False)
    ctx.file("environment", "".join([
        "{}={}\n".format(name, ctx.getenv(name))
        for name in _ENVIRON
        if ctx.getenv(name)
    ]), executable = False)
    ctx.file("BUILD.bazel", """exports_files(["environment"])

filegroup(
    name = "requests",
    srcs = glob(["*.request"]),
    visibility = ["//visibility:public"],
)
""", executable = False)

debian_requests = repository_rule(
    implementation = _debian_requests_impl,
    doc = """Requests, as @NAME//:requests, and the settings of apt, as @NAME//:environment.

It downloads nothing.""",
    attrs = {
        "requests": attr.string_dict(
            doc = "request() by the name of a repository.",
            mandatory = True,
        ),
    },
    environ = _ENVIRON,
)
