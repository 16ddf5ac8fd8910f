"""Repositories made of Debian packages, unpacked and not installed.

Tests need programs that this repository does not build: QEMU, a machine's whole system,
a server. They come from any suite, through this machine's own mirror. apt verifies the
suite's signature and each package's digest, and `packages.lock` lists the packages. On a
machine without apt, Bazel downloads the packages of a lock file. It fetches a repository
only when a build needs one of its targets.
"""

visibility([
    "//bzl",
    "//tools/checkportable",
    "//tools/remote",
    "//tools/verity/others",
    "//tools/vm",
])

_BUILD = """# Made by debian_packages in tools/provision/debian.bzl, of Debian {suite}.
{loads}
package(default_visibility = ["//visibility:public"])

exports_files({files})

# For target_compatible_with.
{available}
"""

_AVAILABLE = """
alias(
    name = "available",
    actual = "@platforms//os:linux",
)
"""

# A constraint that no platform has.
_UNAVAILABLE = """
constraint_setting(name = "packages")

constraint_value(
    name = "available",
    constraint_setting = ":packages",
)
"""

def _unpack(ctx, *arguments):
    return ctx.execute([ctx.path(ctx.attr._unpack)] + list(arguments), timeout = 900)

def _checked(ctx, what, result):
    if result.return_code:
        fail("repository '{}': can't {}: {}{}".format(ctx.name, what, result.stdout, result.stderr))

def _debian_packages_impl(ctx):
    reason = "this machine does not run Linux"
    if ctx.os.name == "linux":
        reason = _unpack(ctx, "--check").stderr.strip()
    locked = _locked(ctx) if reason else None
    if reason and not locked.packages:
        # buildifier: disable=print
        print("repository '{}' is empty, and targets that need it are skipped: {}\n{}".format(ctx.name, reason, locked.reason))
        _write(ctx, [], _UNAVAILABLE)
        return
    if locked:
        _download(ctx, locked)
    else:
        options = ["--assume=" + package for package in ctx.attr.assume]
        if not ctx.attr.dependencies:
            options.append("--alone")
        if ctx.attr.architecture:
            options.append("--architecture=" + ctx.attr.architecture)
        _checked(ctx, "get its packages", _unpack(ctx, *(options + [ctx.attr.suite, "root"] + ctx.attr.packages)))

    files = ["packages.lock"]
    _checked(ctx, "keep packages.lock", ctx.execute(["mv", "root/packages.lock", "packages.lock"]))
    for path in ctx.attr.data:
        _checked(ctx, "find " + path, ctx.execute(["cp", "-L", "--parents", path, ctx.path(".")], working_directory = "root"))
        files.append(path)
    build = ""
    if ctx.attr.programs:
        _checked(ctx, "import its programs", ctx.execute([ctx.path(ctx.attr._import), ctx.path("root"), "imported"] + ctx.attr.programs))
        build = ctx.read("imported/BUILD.bazel")
        ctx.delete("imported/BUILD.bazel")
        _checked(ctx, "import its programs", ctx.execute(["sh", "-c", "mv imported/* ."]))
    if ctx.attr.archive:
        _checked(ctx, "write root.tar", ctx.execute([
            "tar",
            "--create",
            "--file=root.tar",
            "--directory=root",
            # The same bytes for the same packages.
            "--format=gnu",
            "--sort=name",
            "--mtime=@0",
            "--owner=0",
            "--group=0",
            "--numeric-owner",
            "--hard-dereference",
        ] + (ctx.attr.paths or ["."])))
        files.append("root.tar")
    ctx.delete("root")
    _write(ctx, files, _AVAILABLE, build)

def _name(ctx):
    """The repository's name in a lock file: without the marks of the extension that made it."""
    return ctx.name.replace("+", "~").split("~")[-1]

def _locked(ctx):
    """Reads this repository's packages from a lock file.

    Args:
        ctx: the repository's context.

    Returns:
        A struct with packages, a list of (path, digest), addresses, a list of URLs that the
        paths are below, and reason, which says why packages is empty.
    """
    if not ctx.attr.lock:
        return struct(packages = [], addresses = [], reason = "no lock file names its packages")
    archive = ctx.getenv("PROVISION_ARCHIVE")
    if not archive:
        return struct(packages = [], addresses = [], reason = "{} names its packages: to download them, set --repo_env=PROVISION_ARCHIVE=URL; see bzl/docs/machines.md of portable_walkthrough_go".format(ctx.attr.lock))
    architecture = ctx.attr.architecture or _ARCHITECTURES.get(ctx.os.arch, ctx.os.arch)
    packages = []
    others = False
    timestamp = ""
    for line in ctx.read(ctx.attr.lock).splitlines():
        words = line.split(" ")
        if words[0] == "timestamp":
            timestamp = words[1]
        elif words[0] == _name(ctx):
            # NAME_VERSION_ARCHITECTURE.deb
            if words[1].endswith("_all.deb") or words[1].endswith("_{}.deb".format(architecture)):
                packages.append((words[1], words[2]))
            else:
                others = True
    own = [path for path, _ in packages if not path.endswith("_all.deb")]
    return struct(
        # Without packages for this CPU, those for all CPUs are no use: the lock file is another CPU's.
        packages = packages if own or not others else [],
        addresses = [address.replace("{timestamp}", timestamp).removesuffix("/") for address in archive.split(" ")],
        reason = "{} has no packages of {} for {}; write it again, see bzl/docs/machines.md of portable_walkthrough_go".format(ctx.attr.lock, _name(ctx), architecture),
    )

# Debian's names of CPUs by Java's names.
_ARCHITECTURES = {
    "aarch64": "arm64",
    "x86_64": "amd64",
}

# The options of debs.sh.
_UNTAR = [
    "tar",
    "--extract",
    "--directory=root",
    "--keep-directory-symlink",
    "--no-same-owner",
    "--preserve-permissions",
] + ["--exclude=./usr/share/" + name for name in ["doc", "man", "locale", "info", "lintian"]] + ["--file"]

def _download(ctx, locked):
    """Downloads and unpacks packages with Bazel and programs that every Linux machine has."""
    _checked(ctx, "make a root", ctx.execute(["sh", "-c", """
set -e
for directory in bin sbin lib lib64; do
  mkdir -p "root/usr/$directory"
  ln -s "usr/$directory" "root/$directory"
done"""]))
    waiting = [
        ctx.download(
            [address + "/" + path for address in locked.addresses],
            output = "debs/{}.deb".format(number),
            sha256 = digest,
            block = False,
        )
        for number, (path, digest) in enumerate(locked.packages)
    ]
    lines = []
    for number, (path, digest) in enumerate(locked.packages):
        waiting[number].wait()
        ctx.report_progress("Unpacking " + path)
        deb = "debs/{}".format(number)

        # deb(5): an ar archive. Its files are in data.tar, with one of several suffixes.
        ctx.extract(deb + ".deb", output = deb)
        for part in ctx.path(deb).readdir():
            if part.basename.startswith("data.tar"):
                # Bazel would change modes, and make symbolic links to paths on this machine.
                _checked(ctx, "unpack {} with tar".format(path), ctx.execute(_UNTAR + [part]))
        ctx.delete(deb)
        ctx.delete(deb + ".deb")
        name, version, _ = path.split("/")[-1].split("_")
        lines.append("{} {} {}".format(name, version.replace("%3a", ":").replace("%2b", "+").replace("%7e", "~"), digest))
    ctx.file("root/packages.lock", "\n".join(sorted(lines)) + "\n")

def _write(ctx, files, available, build = ""):
    # A load statement comes first.
    loads = "\n".join([line for line in build.split("\n") if line.startswith("load(")])
    rest = "\n".join([
        line
        for line in build.split("\n")
        if not line.startswith("load(") and not line.startswith("package(")
    ])
    ctx.file("BUILD.bazel", _BUILD.format(
        available = available.strip(),
        files = repr(files),
        loads = loads,
        suite = ctx.attr.suite,
    ) + rest)

debian_packages = repository_rule(
    implementation = _debian_packages_impl,
    doc = """Packages of a Debian suite, alone or with their dependencies.

`@NAME//:packages.lock` has a line "name version sha256" for each package. `@NAME//:available`
is for `target_compatible_with`. A machine that has neither apt with a Debian mirror, nor a
lock file with an address to download from, does not meet this constraint: Bazel skips the
targets, and the repository prints the reason.

A suite changes, so two machines may get different versions. To pin one, write
PACKAGE=VERSION.""",
    attrs = {
        "architecture": attr.string(
            doc = "Debian's name of the packages' CPU. Default: this machine's.",
            values = ["", "amd64", "arm64"],
        ),
        "archive": attr.bool(
            doc = "Make `@NAME//:root.tar` of all files, or of `paths`.",
        ),
        "assume": attr.string_list(
            doc = "Dependencies to leave out, with the packages that only they need.",
        ),
        "data": attr.string_list(
            doc = "Files to keep, by their path without the leading slash, which is their label's name too.",
        ),
        "dependencies": attr.bool(
            default = True,
            doc = "Also get the packages' dependencies.",
        ),
        "lock": attr.label(
            doc = "The files to download on a machine without apt: a line \"timestamp TIME\", and lines \"REPOSITORY PATH SHA256\".",
            allow_single_file = True,
        ),
        "packages": attr.string_list(
            doc = "Names, or NAME=VERSION; a version may end in *.",
            mandatory = True,
        ),
        "paths": attr.string_list(
            doc = "Files and directories of `root.tar`, without the leading slash. Default: all.",
        ),
        "programs": attr.string_list(
            doc = "Programs in /usr/bin or /usr/sbin to be run on this machine: `@NAME//:PROGRAM`, with its loader and libraries as declared files.",
        ),
        "suite": attr.string(
            doc = "bullseye, bookworm, trixie, forky…",
            mandatory = True,
        ),
        "_import": attr.label(default = "//tools/provision:import"),
        "_sources": attr.label_list(
            # Bazel fetches the repository again if one of these changes.
            default = [
                "//tools/provision:debs.sh",
                "//tools/provision:host.sh",
                "//tools/provision:say.sh",
            ],
        ),
        "_unpack": attr.label(default = "//tools/provision:unpack"),
    },
    environ = [
        "PROVISION_APT_CONF",
        "PROVISION_ARCHIVE",
        "PROVISION_KEYRING",
        "PROVISION_MIRROR",
    ],
)
