"""Virtual machines with systemd: what to boot, tests that run in them, a console."""

load("//bzl/private:runfile_location.bzl", "runfile_location")

visibility([
    "//bzl/...",
    "//tools/...",
])

VmMachineInfo = provider(
    doc = "A virtual machine that can be booted.",
    fields = {
        "config": "A dict for the type machine in qemu.go, without agent, memory and processors; paths are runfiles locations.",
        "runfiles": "All files that are named there.",
    },
)

def _vm_machine_impl(ctx):
    kernel = ctx.actions.declare_file(ctx.label.name + ".vmlinuz")
    initrd = ctx.actions.declare_file(ctx.label.name + ".cpio")
    arguments = ctx.actions.args()
    arguments.add("mkroot")
    arguments.add_all([kernel, initrd, ctx.file.root])
    arguments.add_all(ctx.files.packages)
    ctx.actions.run(
        mnemonic = "VmRoot",
        progress_message = "Making the system of virtual machine %{label}",
        executable = ctx.executable._vm,
        arguments = [arguments],
        inputs = [ctx.file.root] + ctx.files.packages,
        outputs = [kernel, initrd],
        env = {},
    )
    files = [kernel, initrd, ctx.file.lock] + ctx.files.firmware
    return [
        DefaultInfo(files = depset([kernel, initrd])),
        VmMachineInfo(
            config = {
                "architecture": ctx.attr.architecture,
                "firmware": [runfile_location(ctx.workspace_name, file) for file in ctx.files.firmware],
                "initrd": runfile_location(ctx.workspace_name, initrd),
                "kernel": runfile_location(ctx.workspace_name, kernel),
                "lock": runfile_location(ctx.workspace_name, ctx.file.lock),
                "qemu": runfile_location(ctx.workspace_name, ctx.executable.qemu),
                "suite": ctx.attr.suite or ctx.label.name,
            },
            runfiles = ctx.runfiles(files).merge(ctx.attr.qemu[DefaultInfo].default_runfiles),
        ),
    ]

vm_machine = rule(
    implementation = _vm_machine_impl,
    doc = "A kernel and a root file system of Debian packages, and the QEMU that boots them.",
    attrs = {
        "architecture": attr.string(
            default = "amd64",
            values = ["amd64", "arm64"],
        ),
        "firmware": attr.label_list(
            doc = "Files that QEMU looks for by name.",
            allow_files = True,
        ),
        "lock": attr.label(
            doc = "The list of packages, which is an output of each test.",
            allow_single_file = True,
            mandatory = True,
        ),
        "packages": attr.label_list(
            doc = "Further packages: root.tar of debian_packages. What they share with the root stays the root's.",
            allow_files = [".tar"],
        ),
        "qemu": attr.label(
            cfg = "target",
            executable = True,
            mandatory = True,
        ),
        "root": attr.label(
            doc = "The unpacked packages as a tar archive: root.tar of debian_packages.",
            allow_single_file = True,
            mandatory = True,
        ),
        "suite": attr.string(
            doc = "What messages call the machine. Default: the target's name.",
        ),
        "_vm": attr.label(
            default = "//tools/vm:runner",
            cfg = "exec",
            executable = True,
        ),
    },
    provides = [VmMachineInfo],
)

def suite_machine(name, suite, architecture = "amd64", packages = [], **kwargs):
    """A machine of a Debian suite.

    Args:
        name: the target's name.
        suite: bullseye, bookworm, trixie or forky.
        architecture: amd64, or arm64 for trixie.
        packages: strings, labels of root.tar archives with further packages.
        **kwargs: other attributes of every rule.
    """
    root = Label("@vm_{}{}//:root.tar".format(suite, "_arm64" if architecture == "arm64" else ""))
    qemu = Label("@vm_qemu_arm//:qemu-system-aarch64" if architecture == "arm64" else "@vm_qemu//:qemu-system-x86_64")
    vm_machine(
        name = name,
        architecture = architecture,
        firmware = [] if architecture == "arm64" else [
            Label("@vm_qemu//:usr/share/qemu/kvmvapic.bin"),
            Label("@vm_qemu//:usr/share/qemu/linuxboot_dma.bin"),
            Label("@vm_qemu//:usr/share/seabios/bios-256k.bin"),
        ],
        lock = root.same_package_label("packages.lock"),
        packages = packages,
        qemu = qemu,
        root = root,
        suite = suite,
        target_compatible_with = [
            root.same_package_label("available"),
            qemu.same_package_label("available"),
        ] + [package.replace(":root.tar", ":available") for package in packages],
        **kwargs
    )

def _platforms(settings, attr):
    return [str(attr.platform)] if attr.platform else settings["//command_line_option:platforms"]

def _guest_transition_impl(settings, attr):
    return {"//command_line_option:platforms": _platforms(settings, attr)}

# The programs and files for a machine are built for its CPU.
_guest_transition = transition(
    implementation = _guest_transition_impl,
    inputs = ["//command_line_option:platforms"],
    outputs = ["//command_line_option:platforms"],
)

_PURE = "@io_bazel_rules_go//go/config:pure"
_STATIC = "@io_bazel_rules_go//go/config:static"

def _program_transition_impl(settings, attr):
    return _guest_transition_impl(settings, attr) | {_PURE: True, _STATIC: True}

# A program that runs there beside systemd is also static: the machine does not have the
# libraries of the build.
_program_transition = transition(
    implementation = _program_transition_impl,
    inputs = ["//command_line_option:platforms"],
    outputs = ["//command_line_option:platforms", _PURE, _STATIC],
)

def _runner(ctx):
    """The program that starts machines, under the target's own name."""
    runner = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(output = runner, target_file = ctx.executable._vm, is_executable = True)
    return runner

def _only(ctx, target):
    """The one file of a target."""
    files = target[DefaultInfo].files.to_list()
    if len(files) != 1:
        fail("{}: 'files' has {}, which is {} files; name one, or end its path with / for a directory".format(ctx.label, target.label, len(files)))
    return files[0]

def _guest_files(ctx):
    files = {}
    for target, name in ctx.attr.files.items():
        if name.endswith("/"):
            files |= {name + file.basename: file for file in target[DefaultInfo].files.to_list()}
        else:
            files[name] = _only(ctx, target)
    return files

def _machine_config(ctx, machine):
    # With an outgoing transition an attribute is a list.
    agent = ctx.attr._agent[0][DefaultInfo].files_to_run.executable
    return struct(
        config = machine.config | {
            "agent": runfile_location(ctx.workspace_name, agent),
            "memory": ctx.attr.memory,
            "processors": ctx.attr.processors,
        },
        runfiles = machine.runfiles.merge(ctx.runfiles([agent])),
    )

def run_in_machine(ctx, files = {}, before = []):
    """What a rule that runs Go tests in a machine returns.

    Args:
        ctx: the context of a rule with VM_TEST_ATTRS.
        files: further files, File by path.
        before: programs that run before the test, with their labels' executables.

    Returns:
        A list of providers.
    """
    machine = _machine_config(ctx, ctx.attr.machine[VmMachineInfo])
    programs = [
        program[0][DefaultInfo].files_to_run.executable
        for program in before + ([ctx.attr.test] if ctx.attr.test else [])
    ]
    files = _guest_files(ctx) | files
    config = ctx.actions.declare_file(ctx.label.name + ".json")
    ctx.actions.write(config, json.encode({
        "files": {name: runfile_location(ctx.workspace_name, file) for name, file in files.items()},
        "machine": machine.config,
        "programs": [runfile_location(ctx.workspace_name, program) for program in programs],
        "run": ctx.attr.run,
    }))
    return [
        DefaultInfo(
            executable = _runner(ctx),
            runfiles = ctx.runfiles([config] + programs + files.values()).merge(machine.runfiles),
        ),
        RunEnvironmentInfo(environment = {"VM_TEST": runfile_location(ctx.workspace_name, config)}, inherited_environment = ["VM_ACCEL"]),
    ]

_GUEST_ATTRS = {
    "files": attr.label_keyed_string_dict(
        doc = """Files for the machine: label to path.

A path that starts with a slash is the file's path there; any other is below /vm/files. One
that ends with a slash is a directory for all files of the label.""",
        allow_files = True,
        cfg = _guest_transition,
    ),
    "memory": attr.int(
        doc = "The machine's memory in MiB. Its whole system lies in it, so less than 768 may not boot.",
        default = 1024,
    ),
    "platform": attr.label(
        doc = "The platform to build for all that the machine gets. Default: that of the build.",
    ),
    "processors": attr.int(
        doc = "How many processors the machine has.",
        default = 2,
    ),
    "_agent": attr.label(
        default = "//tools/vm:runner",
        cfg = _guest_transition,
        executable = True,
    ),
    "_allowlist_function_transition": attr.label(
        default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
    ),
    "_vm": attr.label(
        default = "//tools/vm:runner",
        cfg = "target",
        executable = True,
    ),
}

VM_TEST_ATTRS = _GUEST_ATTRS | {
    "machine": attr.label(
        doc = "The machine to boot.",
        mandatory = True,
        providers = [VmMachineInfo],
    ),
    "run": attr.string(
        doc = "A pattern of the tests of `test` to run, as for -test.run. Default: all.",
    ),
    "test": attr.label(
        doc = "A go_test with the tag manual: it makes no sense elsewhere. It is built static and without cgo.",
        cfg = _program_transition,
        executable = True,
    ),
}

# For the attributes of rules that put an image or a program into a machine.
GUEST_TRANSITION = _guest_transition
PROGRAM_TRANSITION = _program_transition

def _vm_test_impl(ctx):
    if not ctx.attr.test:
        fail("{}: 'test' is missing; name the go_test that runs in the machine".format(ctx.label))
    return run_in_machine(ctx)

vm_test = rule(
    implementation = _vm_test_impl,
    doc = """Runs a Go test inside a virtual machine, as root beside systemd.

The test's results are this test's: Bazel knows each by its name. Logs of the console and
the journal, and what the test keeps (package guest) are outputs of the test.""",
    attrs = VM_TEST_ATTRS,
    test = True,
)

def console_in_machine(ctx, files = {}, before = []):
    """What a rule that gives a shell in a machine returns.

    Args:
        ctx: the context of a rule with VM_CONSOLE_ATTRS.
        files: further files, File by path.
        before: shell commands that run before the shell starts.

    Returns:
        A list of providers.
    """
    files = _guest_files(ctx) | files
    machines = [_machine_config(ctx, machine[VmMachineInfo]) for machine in ctx.attr.machines]
    config = ctx.actions.declare_file(ctx.label.name + ".json")
    ctx.actions.write(config, json.encode({
        "before": before,
        "files": {name: runfile_location(ctx.workspace_name, file) for name, file in files.items()},
        "machines": [machine.config for machine in machines],
    }))
    return [
        DefaultInfo(
            executable = _runner(ctx),
            runfiles = ctx.runfiles([config] + files.values()).merge_all([machine.runfiles for machine in machines]),
        ),
        RunEnvironmentInfo(environment = {"VM_CONSOLE": runfile_location(ctx.workspace_name, config)}),
    ]

VM_CONSOLE_ATTRS = _GUEST_ATTRS | {
    "machines": attr.label_list(
        doc = "The machines to choose from.",
        mandatory = True,
        providers = [VmMachineInfo],
    ),
    "setup": attr.string_list(
        doc = "Shell commands that run before the shell starts.",
    ),
}

def _vm_console_impl(ctx):
    return console_in_machine(ctx, before = ctx.attr.setup)

vm_console = rule(
    implementation = _vm_console_impl,
    doc = "A shell in one of several virtual machines, by bazel run: --suite=NAME takes another than the first.",
    attrs = VM_CONSOLE_ATTRS,
    executable = True,
)
