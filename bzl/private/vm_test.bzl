"""The macros `vm_test` and `vm_console`: Go tests and shells in virtual machines."""

load("//tools/vm:defs.bzl", _vm_console_rule = "vm_console", _vm_test_rule = "vm_test")
load(":machines.bzl", "check_machine", "machine_of", "machine_platform", "machine_tags")

visibility(["//bzl"])

def vm_test(
        name,
        test,
        suite = "trixie",
        architecture = "amd64",
        files = {},
        packages = [],
        run = None,
        memory = 1024,
        processors = 2,
        size = "large",
        tags = [],
        **kwargs):
    """Runs a Go test inside a virtual machine, as root beside systemd.

    The test is any `go_test`. Each of its tests is known to Bazel by its name, in test.xml, and
    `--test_filter` selects among them. With package
    `example.org/portable-walkthrough-go/tools/vm/guest`, the label
    @portable_walkthrough_go//tools/vm/guest, a test can reboot its machine or cut its power and
    go on after that, use a second disk that outlives boots, report measurements, and keep files
    as outputs.

    ```python
    go_test(
        name = "hello_test",
        srcs = ["hello_test.go"],
        tags = ["manual"],  # it makes no sense outside the machine
        deps = ["@portable_walkthrough_go//tools/vm/guest"],
    )

    vm_test(
        name = "hello_trixie_test",
        files = {":image": "hello.raw"},  # -> /vm/files/hello.raw
        test = ":hello_test",
    )
    ```

    Args:
        name: the target's name.
        test: the `go_test`, with the tag manual. It is built static and without cgo, and gets
            none of its runfiles: name what it needs in `files`, or embed it.
        suite: the machine: bullseye, bookworm, trixie or forky.
        architecture: the machine's: amd64, or arm64 for trixie.
        files: files for the machine: label to path. A path without a slash at its start is
            below /vm/files; one that ends with a slash is a directory for all of the label's
            files.
        packages: further Debian packages, as for `portable_test`.
        run: a pattern of the tests to run, as for -test.run. Default: all.
        memory: the machine's memory in MiB, at least 256. Its whole system lies in it.
        processors: how many processors it has.
        size: of the test, for Bazel. The time limit for all boots together is its, or `timeout`.
        tags: of the test, beside the `resources:` that the machine needs.
        **kwargs: attributes that all tests have.
    """
    check_machine("vm_test", name, memory, processors)
    _vm_test_rule(
        name = name,
        files = files,
        machine = machine_of("vm_test", name, suite, architecture, packages),
        memory = memory,
        platform = machine_platform(architecture),
        processors = processors,
        run = run,
        size = size,
        tags = tags + machine_tags(memory),
        test = test,
        **kwargs
    )

def vm_console(
        name,
        suites = ["trixie"],
        architecture = "amd64",
        files = {},
        packages = [],
        setup = [],
        memory = 1024,
        processors = 2,
        **kwargs):
    """A shell in a virtual machine, for `bazel run`.

    `bazel run TARGET -- --suite=NAME` takes another suite than the first. Ctrl-D ends the
    machine, and so does Ctrl-A X.

    Args:
        name: the target's name.
        suites: the machines to choose from: bullseye, bookworm, trixie or forky.
        architecture: the machines': amd64, or arm64 for trixie.
        files: files for the machine, as for `vm_test`. The shell starts in /vm/files.
        packages: further Debian packages, as for `portable_test`.
        setup: shell commands that run before the shell starts.
        memory: the machine's memory in MiB, at least 256.
        processors: how many processors it has.
        **kwargs: attributes that all rules have.
    """
    if type(suites) != "list" or not suites:
        fail("{} //{}:{}: attribute \"suites\": it is not a list of suites, or it is empty. Name the machines to choose from, as in [\"trixie\"].".format("vm_console", native.package_name(), name))
    check_machine("vm_console", name, memory, processors)
    _vm_console_rule(
        name = name,
        files = files,
        machines = [machine_of("vm_console", name, suite, architecture, packages) for suite in suites],
        memory = memory,
        platform = machine_platform(architecture),
        processors = processors,
        setup = setup,
        **kwargs
    )
