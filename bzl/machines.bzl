"""The Debian packages of virtual machines (test.bzl), as a module extension.

This module declares the systems of all suites, and QEMU. If a test needs more packages, declare
them in your `MODULE.bazel`:

```python
machine = use_extension("@portable_walkthrough_go//bzl:machines.bzl", "machine")
machine.packages(
    name = "proxy",
    packages = ["nginx-light"],
    suites = ["trixie"],
)
use_repo(machine, "proxy_trixie")
```

`packages = ["proxy"]` of a `portable_test` or `vm_test` then puts them into the machine.

Bazel fetches packages when a test asks for them, and from one of two places:

- Where apt knows a Debian mirror, from there. apt verifies signatures and digests.
- Elsewhere Bazel downloads what a lock file names, and verifies the digests. It unpacks the
  packages with tar and xz, which every Linux machine has.

The lock file names each package by its digest and its path, which is the same on every mirror.
It names no server. In your `.bazelrc`, set the address of one:

```
common --repo_env=PROVISION_ARCHIVE=https://ARCHIVE.EXAMPLE/debian/{timestamp}
```

Bazel replaces `{timestamp}` by the time of the lock file, for servers that keep all states of the
archive. A plain mirror works too, as long as it has these versions.

This module has a lock file for its own machines. If you declare packages, make one that has
yours too. This takes a machine with apt, and some minutes:

```
bazel run @portable_walkthrough_go//tools/vm:lock > packages.lock
```

Names of repositories as arguments restrict the file to these, as in
`-- vm_qemu vm_trixie proxy_trixie`. Then name the file in your `MODULE.bazel`:

```python
machine.lock(file = "//:packages.lock")
```

Without apt and without an address, Bazel skips the tests as incompatible, and prints the reason.
"""

load("//tools/provision:debian.bzl", "debian_packages")
load("//tools/vm:packages.bzl", "machine_repositories")

visibility("public")

def _packages(name, packages, suites, architecture):
    return [
        dict(
            name = "{}_{}".format(name, suite),
            archive = True,
            architecture = architecture,
            packages = packages,
            suite = suite,
        )
        for suite in suites
    ]

# buildifier: disable=unnamed-macro
def machine_packages(name, packages, suites, architecture = "amd64"):
    """Declares @NAME_SUITE for each suite, for a WORKSPACE.

    In a MODULE.bazel the tag `packages` of the extension does that. A WORKSPACE has no lock file
    for these packages: without apt, tests that need them are skipped.

    Args:
        name: as for the tag.
        packages: as for the tag.
        suites: as for the tag.
        architecture: as for the tag.
    """
    for attributes in _packages(name, packages, suites, architecture):
        debian_packages(**attributes)

def _machine_impl(ctx):
    lock = Label("//tools/vm:debian.lock")
    for module in ctx.modules:
        for tag in module.tags.lock:
            if module.is_root:
                lock = tag.file
    machine_repositories(
        lock,
        further = [
            attributes
            for module in ctx.modules
            for tag in module.tags.packages
            for attributes in _packages(tag.name, tag.packages, tag.suites, tag.architecture)
        ],
        own = any([module.is_root and module.name == "portable_walkthrough_go" for module in ctx.modules]),
    )

machine = module_extension(
    implementation = _machine_impl,
    doc = "Declares the repositories @vm_SUITE and @vm_qemu of this module, and @NAME_SUITE for each `packages`.",
    tag_classes = {
        "lock": tag_class(
            doc = "The lock file for machines without apt. Only the root module's is used.",
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
                    doc = "The name for `packages` of a test.",
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
