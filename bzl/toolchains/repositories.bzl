"""Repositories of tools for the open and the closed network.

In the open network each is a pinned archive. In the closed network tools/bazel provisions it
and names its directory in an environment variable (--repo_env), which these rules read first.
The provisioned SDK must have the pinned version. ShellCheck has Debian's version.
"""

load(":versions.bzl", "GO_SDK_SHA256", "GO_VERSION", "SHELLCHECK_SHA256", "SHELLCHECK_VERSION")

# "//" is for WORKSPACE; MODULE.bazel may use everything.
visibility([
    "//",
    "//bzl/workspace",
])

def _provided(ctx, variable):
    """Links the contents of a directory into the repository.

    Args:
        ctx: the repository context.
        variable: the environment variable that names the directory.

    Returns:
        False if the variable is not set.
    """
    root = ctx.getenv(variable)
    if not root:
        return False
    directory = ctx.path(root)
    if not directory.exists:
        fail("repository '{}': {} names a directory that does not exist: {}. Set it to an existing directory, or leave it unset.".format(
            ctx.name,
            variable,
            root,
        ))
    for entry in directory.readdir():
        ctx.symlink(entry, entry.basename)
    return True

def _machine(ctx, names):
    """Returns the CPU under the name that an archive's publisher gives it, or None."""
    return names.get(ctx.os.arch) if ctx.os.name == "linux" else None

def _download(ctx, version, arch, prefix):
    """Fetches the archive for a CPU, or fails if there is none."""
    sha256 = ctx.attr.sha256.get(arch)
    if not sha256:
        fail("repository '{}': no archive is pinned for {} on {}. Add its digest to bzl/toolchains/versions.bzl.".format(
            ctx.name,
            ctx.os.name,
            arch or ctx.os.arch,
        ))
    ctx.download_and_extract(
        url = ctx.attr.url.replace("{version}", version).replace("{arch}", arch),
        sha256 = sha256,
        # Bazel 7 does not know Bazel 8's strip_prefix.
        stripPrefix = prefix,
    )

def _archive_attrs(url, sha256):
    """Returns the attributes for the source of an archive."""
    return {
        "sha256": attr.string_dict(
            doc = "The archive's digest for each CPU. Default: those in versions.bzl.",
            default = sha256,
        ),
        "url": attr.string(
            doc = "The archive's address, in which {version} and {arch} are replaced. Default: its publisher's.",
            default = url,
        ),
    }

def _go_sdk_archive_impl(ctx):
    machine = _machine(ctx, {"aarch64": "arm64", "amd64": "amd64", "x86_64": "amd64"})
    arch = ctx.attr.goarch or machine

    # The provisioned SDK is for this machine.
    if arch == machine and _provided(ctx, "GO_SDK_ROOT"):
        version = ctx.read("VERSION").split("\n")[0]
        if version != "go" + GO_VERSION:
            fail("repository '{}': GO_SDK_ROOT contains {}, but go{} is pinned in bzl/toolchains/versions.bzl. Set it to that version's directory, or leave it unset.".format(
                ctx.name,
                version,
                GO_VERSION,
            ))
    else:
        _download(ctx, GO_VERSION, arch, "go")
    ctx.file("BUILD.bazel", 'exports_files(["VERSION"])\n')

go_sdk_archive = repository_rule(
    implementation = _go_sdk_archive_impl,
    attrs = _archive_attrs(
        "https://go.dev/dl/go{version}.linux-{arch}.tar.gz",
        GO_SDK_SHA256,
    ) | {
        "goarch": attr.string(
            doc = "The CPU of the Linux machine that runs the SDK. Default: this machine's.",
            values = ["", "amd64", "arm64"],
        ),
    },
    doc = """The pinned Go SDK for Linux, as published.

Wrap it with go_sdk.wrap(root_file = "@NAME//:VERSION"). rules_go prefers a wrapped SDK to all
others, also to build gazelle.""",
    environ = ["GO_SDK_ROOT"],
)

def _shellcheck_archive_impl(ctx):
    if _provided(ctx, "SHELLCHECK_ROOT"):
        return
    arch = _machine(ctx, {"aarch64": "aarch64", "amd64": "x86_64", "x86_64": "x86_64"})
    _download(ctx, SHELLCHECK_VERSION, arch, "shellcheck-v" + SHELLCHECK_VERSION)
    ctx.file("BUILD.bazel", 'exports_files(["shellcheck"])\n')

shellcheck_archive = repository_rule(
    implementation = _shellcheck_archive_impl,
    attrs = _archive_attrs(
        "https://github.com/koalaman/shellcheck/releases/download/v{version}/shellcheck-v{version}.linux.{arch}.tar.xz",
        SHELLCHECK_SHA256,
    ),
    doc = "The pinned ShellCheck, with the label @NAME//:shellcheck.",
    environ = ["SHELLCHECK_ROOT"],
)

def _closed_world_impl(ctx):
    modules = ctx.getenv("PROVISION_MODULES")
    if modules:
        ctx.symlink(modules, "modules")
    else:
        ctx.file("modules")
    ctx.file("BUILD.bazel", 'exports_files(["modules"])\n')

closed_world = repository_rule(
    implementation = _closed_world_impl,
    doc = """The modules of the closed world, as @NAME//:modules.

It has a line for each: the name, and the version in the module's own MODULE.bazel. In the
open world the file is empty.""",
    environ = ["PROVISION_MODULES"],
)

def _import_from_machine(ctx, programs):
    """Makes the repository of programs in this machine's /usr/bin."""
    result = ctx.execute([ctx.path(ctx.attr._import), "/", "imported"] + programs)
    if result.return_code:
        fail("repository '{}': can't import {} from this machine: {}. Reinstall its package with all dependencies.".format(
            ctx.name,
            ", ".join(programs),
            result.stderr.strip(),
        ))
    for entry in ctx.path("imported").readdir():
        ctx.symlink(entry, entry.basename)

def _squashfs_tools_of_machine_impl(ctx):
    if _provided(ctx, "SQUASHFS_TOOLS_ROOT"):
        return
    if not ctx.which("mksquashfs"):
        fail("repository '{}': no mksquashfs on this machine. Install squashfs-tools 4.6 or newer, or build with --enable_bzlmod, which uses the module squashfs-tools. On Linux, ./tools/bazel without Bazelisk provisions it.".format(ctx.name))
    _import_from_machine(ctx, ["mksquashfs", "unsquashfs"])

squashfs_tools_of_machine = repository_rule(
    implementation = _squashfs_tools_of_machine_impl,
    attrs = {
        "_import": attr.label(default = "//tools/provision:import"),
    },
    doc = """squashfs-tools for WORKSPACE mode, which has no module of that name.

It contains the machine's mksquashfs and unsquashfs with their loader and libraries as declared
files. Labels are those of the module.""",
    environ = ["SQUASHFS_TOOLS_ROOT", "PATH"],
)

def _bubblewrap_of_machine_impl(ctx):
    if _provided(ctx, "BUBBLEWRAP_ROOT"):
        return
    if ctx.which("bwrap"):
        _import_from_machine(ctx, ["bwrap"])
        return

    # Only a test needs it. The test is then skipped, and prints this reason.
    ctx.file("absent", "this machine has no bwrap; install bubblewrap\n")
    ctx.file("BUILD.bazel", """filegroup(
    name = "bwrap",
    srcs = ["absent"],
    visibility = ["//visibility:public"],
)
""")

bubblewrap_of_machine = repository_rule(
    implementation = _bubblewrap_of_machine_impl,
    attrs = {
        "_import": attr.label(default = "//tools/provision:import"),
    },
    doc = """bubblewrap, for the test that runs the image action in an empty root.

It contains the machine's bwrap with its loader and libraries. On a machine without bwrap,
@NAME//:bwrap is a file named `absent` that contains the reason.""",
    environ = ["BUBBLEWRAP_ROOT", "PATH"],
)
