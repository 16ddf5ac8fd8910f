"""The Debian packages of virtual machines (test.bzl), as a module extension.

The systems of all suites, and QEMU, are there for everybody who uses the tests. What a test
needs beside them you declare in your `MODULE.bazel`:

```python
machine = use_extension("@portable_walkthrough_go//bzl:machines.bzl", "machine")
machine.packages(
    name = "proxy",
    packages = ["nginx-light"],
    suites = ["trixie"],
)
use_repo(machine, "proxy_trixie")
```

and `packages = ["proxy"]` of a `portable_test` or `vm_test` puts it into the machine.

Packages come from two places. Where apt knows a mirror of Debian they come from there; apt
verifies signatures and digests. Elsewhere Bazel downloads what a lock file names, and verifies
its digest; tar and xz, which every Linux machine has, unpack it. The lock file names packages
by their path on every mirror and by their digest, and no server; you say which server has them:

```
common --repo_env=PROVISION_ARCHIVE=https://ARCHIVE.EXAMPLE/debian/{timestamp}
```

`{timestamp}` becomes the lock's, for servers that keep all states of the archive; the address
of a plain mirror works as long as that has these versions. This module has a lock for its own
machines. With packages of your own, make one on a machine with apt, and name it:

```
bazel run @portable_walkthrough_go//tools/vm:lock -- proxy_trixie > packages.lock
```

```python
machine.lock(file = "//:packages.lock")
```

Where neither is possible, tests are skipped as incompatible, and Bazel prints the reason.
Nothing is fetched before a test asks for it.
"""

load("//tools/provision:debian.bzl", "debian_packages")
load("//tools/vm:packages.bzl", "machine_repositories")

visibility("public")

def _machine_impl(ctx):
    lock = Label("//tools/vm:debian.lock")
    for module in ctx.modules:
        for tag in module.tags.lock:
            if module.is_root:
                lock = tag.file
    machine_repositories(lock)
    for module in ctx.modules:
        for tag in module.tags.packages:
            for suite in tag.suites:
                debian_packages(
                    name = "{}_{}".format(tag.name, suite),
                    archive = True,
                    architecture = tag.architecture,
                    lock = lock,
                    packages = tag.packages,
                    suite = suite,
                )

machine = module_extension(
    implementation = _machine_impl,
    doc = "Repositories @vm_SUITE and @vm_qemu of this module, and @NAME_SUITE for each `packages`.",
    tag_classes = {
        "lock": tag_class(
            doc = "The lock file for machines without apt. Only the root module's counts.",
            attrs = {
                "file": attr.label(
                    doc = "The file.",
                    mandatory = True,
                ),
            },
        ),
        "packages": tag_class(
            doc = "Packages of Debian, with all that they depend on: a repository @NAME_SUITE for each suite.",
            attrs = {
                "architecture": attr.string(
                    doc = "Debian's name of the machine's CPU.",
                    default = "amd64",
                    values = ["amd64", "arm64"],
                ),
                "name": attr.string(
                    doc = "What `packages` of a test calls them.",
                    mandatory = True,
                ),
                "packages": attr.string_list(
                    doc = "Names, or NAME=VERSION; a version may end in `*`.",
                    mandatory = True,
                ),
                "suites": attr.string_list(
                    doc = "bullseye, bookworm, trixie or forky.",
                    mandatory = True,
                ),
            },
        ),
    },
)
