"""Selects the virtual machine of a test."""

load("//tools/vm:defs.bzl", "suite_machine")

visibility("private")

# The suites of the available machines, by architecture.
_SUITES = {
    "amd64": ["bullseye", "bookworm", "trixie", "forky"],
    "arm64": ["trixie"],
}

# The memory that QEMU needs in addition to its machine's, in MiB.
_OVERHEAD = 256

# What the smallest machine needs for its kernel and its system, in MiB.
_LEAST_MEMORY = 256

def check_machine(rule, name, memory, processors):
    """Fails if no machine can have that memory or that many processors.

    Args:
        rule: the name of the rule, for errors.
        name: the test's name.
        memory: the machine's, in MiB.
        processors: how many it has.
    """
    for attribute, value, least, unit in [("memory", memory, _LEAST_MEMORY, " MiB"), ("processors", processors, 1, "")]:
        if type(value) != "int" or value < least:
            fail("{} //{}:{}: attribute \"{}\": it is {}. Write a whole number, at least {}{}.".format(rule, native.package_name(), name, attribute, repr(value), least, unit))

def machine_of(rule, name, suite, architecture, packages):
    """Returns the machine of a test: a public one or, with further packages, its own.

    Args:
        rule: the name of the rule, for errors.
        name: the test's name.
        suite: its suite of Debian.
        architecture: amd64 or arm64.
        packages: names of `machine.packages`.

    Returns:
        A label.
    """
    known = _SUITES.get(architecture, [])
    if suite not in known:
        fail("{} //{}:{}: attribute \"{}\": there is no machine of {} for {}. {}".format(
            rule,
            native.package_name(),
            name,
            "suite" if rule == "vm_test" else "suites",
            suite,
            architecture,
            "Name one of {}.".format(", ".join(known)) if known else "Give architecture as one of {}.".format(", ".join(_SUITES)),
        ))
    if not packages:
        return Label("//tools/vm:" + suite + ("_arm64" if architecture == "arm64" else ""))
    machine = "{}.{}".format(name, suite)
    suite_machine(
        name = machine,
        architecture = architecture,
        # Repositories that the calling repository knows.
        packages = ["@{}_{}//:root.tar".format(package, suite) for package in packages],
        suite = suite,
        tags = ["manual"],
        testonly = True,
        visibility = ["//visibility:private"],
    )
    return machine

def machine_platform(architecture):
    """Returns the platform for which to build the machine's files.

    Args:
        architecture: amd64 or arm64.

    Returns:
        A label; None for the build's own platform.
    """
    if architecture == "amd64":
        return select({
            Label("@platforms//cpu:x86_64"): None,
            "//conditions:default": Label("@io_bazel_rules_go//go/toolchain:linux_amd64"),
        })
    return Label("@io_bazel_rules_go//go/toolchain:linux_" + architecture)

def machine_tags(memory):
    """Returns the tags of a test for Bazel's scheduler.

    They keep it from starting more machines at once than fit into memory. A machine uses little
    more than one processor, because a test mostly runs one process after the other.

    Args:
        memory: the machine's, in MiB.

    Returns:
        A list of tags.
    """
    return ["resources:memory:{}".format(memory + _OVERHEAD)]
