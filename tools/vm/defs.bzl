"""Virtual machines with systemd: what to boot, tests that run in them, a console."""

visibility("private")

VmMachineInfo = provider(
    doc = "A virtual machine that can be booted.",
    fields = {
        "config": "A dict for the type machine in qemu.go, without its agent; paths are runfiles locations.",
        "runfiles": "All files that are named there.",
    },
)

def _location(ctx, file):
    """Where the runfiles library finds a file."""
    if file.short_path.startswith("../"):
        return file.short_path[3:]
    return ctx.workspace_name + "/" + file.short_path

def _vm_machine_impl(ctx):
    kernel = ctx.actions.declare_file(ctx.label.name + ".vmlinuz")
    initrd = ctx.actions.declare_file(ctx.label.name + ".cpio")
    ctx.actions.run(
        mnemonic = "VmRoot",
        progress_message = "Making the system of virtual machine %{label}",
        executable = ctx.executable._vm,
        arguments = ["mkroot", ctx.file.root.path, kernel.path, initrd.path],
        inputs = [ctx.file.root],
        outputs = [kernel, initrd],
        env = {},
    )
    files = [kernel, initrd, ctx.file.lock] + ctx.files.firmware
    return [
        DefaultInfo(files = depset([kernel, initrd])),
        VmMachineInfo(
            config = {
                "architecture": ctx.attr.architecture,
                "firmware": [_location(ctx, file) for file in ctx.files.firmware],
                "initrd": _location(ctx, initrd),
                "kernel": _location(ctx, kernel),
                "lock": _location(ctx, ctx.file.lock),
                "qemu": _location(ctx, ctx.executable.qemu),
                "suite": ctx.label.name,
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
            doc = "The list of packages, which a test prints.",
            allow_single_file = True,
            mandatory = True,
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
        "_vm": attr.label(
            default = "//tools/vm:runner",
            cfg = "exec",
            executable = True,
        ),
    },
    provides = [VmMachineInfo],
)

def _guest_transition_impl(settings, attr):
    platforms = settings["//command_line_option:platforms"]
    return {"//command_line_option:platforms": [str(attr.platform)] if attr.platform else platforms}

# What runs inside a machine is built for it.
_guest_transition = transition(
    implementation = _guest_transition_impl,
    inputs = ["//command_line_option:platforms"],
    outputs = ["//command_line_option:platforms"],
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
        fail("{}: 'files' has {}, which is {} files; name one".format(ctx.label, target.label, len(files)))
    return files[0]

def _guest_files(ctx):
    files = {}
    for target, name in ctx.attr.files.items():
        if name.endswith("/"):
            files |= {name + file.basename: file for file in target[DefaultInfo].files.to_list()}
        else:
            files[name] = _only(ctx, target)
    return files

def _agent(ctx):
    # With an outgoing transition an attribute is a list.
    return ctx.attr._agent[0][DefaultInfo].files_to_run.executable

def _vm_test_impl(ctx):
    machine = ctx.attr.machine[VmMachineInfo]
    program = ctx.attr.test[0][DefaultInfo].files_to_run.executable
    files = _guest_files(ctx)
    agent = _agent(ctx)
    config = ctx.actions.declare_file(ctx.label.name + ".json")
    ctx.actions.write(config, json.encode({
        "files": {name: _location(ctx, file) for name, file in files.items()},
        "machine": machine.config | {"agent": _location(ctx, agent)},
        "program": _location(ctx, program),
        "run": ctx.attr.run,
    }))
    return [
        DefaultInfo(
            executable = _runner(ctx),
            runfiles = ctx.runfiles([config, program, agent] + files.values()).merge(machine.runfiles),
        ),
        RunEnvironmentInfo(environment = {"VM_TEST": _location(ctx, config)}, inherited_environment = ["VM_ACCEL"]),
    ]

_GUEST_ATTRS = {
    "files": attr.label_keyed_string_dict(
        doc = "What the machine shall have below /vm/files, and under which name; several files get a directory, with / at the end.",
        allow_files = True,
        cfg = _guest_transition,
    ),
    "platform": attr.label(
        doc = "What is built for the machine, if its CPU is not this machine's.",
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

vm_test = rule(
    implementation = _vm_test_impl,
    doc = """Runs a Go test inside a virtual machine, as root beside systemd.

The test's results are this test's: Bazel knows each by its name. Logs of the console and
the journal, and what the test keeps (package guest) are outputs of the test.""",
    attrs = _GUEST_ATTRS | {
        "machine": attr.label(
            doc = "A vm_machine.",
            mandatory = True,
            providers = [VmMachineInfo],
        ),
        "run": attr.string(
            doc = "A pattern of the tests to run, as for -test.run. Default: all.",
        ),
        "test": attr.label(
            doc = "A go_test, static, with the tag manual: it makes no sense elsewhere.",
            cfg = _guest_transition,
            executable = True,
            mandatory = True,
        ),
    },
    test = True,
)

def _vm_console_impl(ctx):
    agent = _agent(ctx)
    files = _guest_files(ctx)
    config = ctx.actions.declare_file(ctx.label.name + ".json")
    ctx.actions.write(config, json.encode({
        "files": {name: _location(ctx, file) for name, file in files.items()},
        "machines": [machine[VmMachineInfo].config | {"agent": _location(ctx, agent)} for machine in ctx.attr.machines],
    }))
    runfiles = ctx.runfiles([config, agent] + files.values())
    return [
        DefaultInfo(
            executable = _runner(ctx),
            runfiles = runfiles.merge_all([machine[VmMachineInfo].runfiles for machine in ctx.attr.machines]),
        ),
        RunEnvironmentInfo(environment = {"VM_CONSOLE": _location(ctx, config)}),
    ]

vm_console = rule(
    implementation = _vm_console_impl,
    doc = "A shell in one of several virtual machines, by bazel run: --suite=NAME takes another than the first.",
    attrs = _GUEST_ATTRS | {
        "machines": attr.label_list(
            mandatory = True,
            providers = [VmMachineInfo],
        ),
    },
    executable = True,
)
