"""The rule `portable_test`: an image's life on real systemd, in virtual machines."""

load("//tools/vm:defs.bzl", "GUEST_TRANSITION", "PROGRAM_TRANSITION", "VM_CONSOLE_ATTRS", "VM_TEST_ATTRS", "console_in_machine", "run_in_machine")
load(":expectations.bzl", "check_expectations")
load(":machines.bzl", "check_machine", "machine_of", "machine_platform", "machine_tags")
load(":portable_image_info.bzl", "PortableImageInfo")

visibility(["//bzl"])

_RULE = "portable_test"

def _plan(ctx, steps):
    """What tools/vm/lifecycle reads.

    Args:
        ctx: the context of a rule with _LIFE_ATTRS.
        steps: its further fields.

    Returns:
        A struct with file, the plan, and files, what the machine needs for it: File by path.
    """
    image = ctx.attr.image[0][PortableImageInfo]
    path = "/vm/files/" + image.image.basename
    plan = ctx.actions.declare_file(ctx.label.name + ".plan.json")
    ctx.actions.write(plan, json.encode_indent({
        "image": path,
        "prefixes": image.prefixes,
        "profile": ctx.attr.profile or image.profile,
        "setup": ctx.attr.setup,
        "start": ctx.attr.start,
    } | steps) + "\n")
    drop_ins = {
        "/vm/drop_ins/{}.d/{}".format(unit, file.basename): file
        for label, unit in ctx.attr.drop_ins.items()
        for file in label[DefaultInfo].files.to_list()
    }
    return struct(file = plan, files = {path: image.image, "/vm/plan.json": plan} | drop_ins)

def _portable_test_impl(ctx):
    check_expectations(ctx, _RULE)
    plan = _plan(ctx, {
        "commands": [json.decode(value) for value in ctx.attr.commands],
        "http": ctx.attr.http,
        "idle_exit": ctx.attr.idle_exit,
        "max_exposure": ctx.attr.max_exposure,
        "sockets": ctx.attr.sockets,
        "units": ctx.attr.units,
    })
    return run_in_machine(
        ctx,
        before = [ctx.attr._lifecycle],
        files = plan.files,
    ) + [OutputGroupInfo(plan = depset([plan.file]))]

# Of the test and of the console.
_LIFE_ATTRS = {
    "drop_ins": attr.label_keyed_string_dict(
        # systemd ignores any other file.
        allow_files = [".conf"],
        cfg = GUEST_TRANSITION,
    ),
    "image": attr.label(
        cfg = GUEST_TRANSITION,
        mandatory = True,
        providers = [PortableImageInfo],
    ),
    "profile": attr.string(values = ["", "default", "nonetwork", "strict", "trusted"]),
    "setup": attr.string_list(),
    "start": attr.string_list(),
    "_lifecycle": attr.label(
        default = "//tools/vm/lifecycle:lifecycle_test",
        cfg = PROGRAM_TRANSITION,
        executable = True,
    ),
}

_portable_test = rule(
    implementation = _portable_test_impl,
    attrs = VM_TEST_ATTRS | _LIFE_ATTRS | {
        "commands": attr.string_list(),
        "http": attr.string_dict(),
        "idle_exit": attr.string_list(),
        "max_exposure": attr.string(),
        "sockets": attr.string_dict(),
        "units": attr.string_dict(),
    },
    test = True,
)

def _portable_console_impl(ctx):
    # The first steps of the test.
    plan = _plan(ctx, {"until": "start"})
    units = [
        "'{}{}*'".format(prefix, separator)
        for prefix in ctx.attr.image[0][PortableImageInfo].prefixes
        for separator in [".", "-", "@"]
    ]
    return console_in_machine(
        ctx,
        before = [
            "/vm/attach",
            "systemctl list-units --all --plain --no-legend " + " ".join(units),
        ],
        files = plan.files | {"/vm/attach": ctx.attr._lifecycle[0][DefaultInfo].files_to_run.executable},
    )

_portable_console = rule(
    implementation = _portable_console_impl,
    attrs = VM_CONSOLE_ATTRS | _LIFE_ATTRS,
    executable = True,
)

def command(run, status = 0, output = ""):
    """A command for `commands` of `portable_test`.

    Args:
        run: what a shell in the machine runs, as root.
        status: the exit status that it must have.
        output: what it must print, to either stream: a text that the output contains or,
            between slashes, a regular expression (RE2) that matches a part of it.

    Returns:
        A value for `commands`.
    """
    return struct(output = output, run = run, status = status)

def _command(name, value):
    if type(value) == "string":
        value = command(value)
    kinds = [type(getattr(value, field, None)) for field in ["run", "status", "output"]]
    if kinds != ["string", "int", "string"] or value.status < 0 or value.status > 255:
        fail("{} //{}:{}: attribute \"commands\": {} is not a command. Write a string, or command(run, status, output) with a string, a number from 0 to 255 and a string.".format(_RULE, native.package_name(), name, repr(value)))
    return json.encode(value)

def portable_test(
        name,
        image,
        suites = ["trixie"],
        architecture = "amd64",
        profile = None,
        http = {},
        sockets = {},
        commands = [],
        units = {},
        idle_exit = [],
        max_exposure = None,
        setup = [],
        start = [],
        packages = [],
        files = {},
        drop_ins = {},
        test = None,
        run = None,
        memory = 1024,
        processors = 2,
        size = "large",
        tags = [],
        **kwargs):
    """Tests an image on real systemd, in a virtual machine for each suite of Debian.

    Makes a test NAME_SUITE for each suite, a test suite NAME of them, and NAME.console for
    `bazel run`: a shell in the first suite's machine with the image attached.

    Each test boots a machine and takes the image through its life, step by step:

    1. `setup`: runs the commands of this attribute.
    2. `attach`: portablectl attaches the image with its profile.
    3. `start`: starts sockets, timers, paths and targets, and each service that no socket
       starts, and waits until systemd calls them started. No service may end or be started
       again by then.
    4. `answer`: what `http` and `sockets` name answers as expected. Then each service has
       been started once.
    5. `commands`: the commands end and print as expected.
    6. `units`: units are in the expected state.
    7. `sandbox`: each running service with SystemCallFilter= has a seccomp filter, and
       systemd-analyze security rates each service no worse than `max_exposure`.
    8. `idle`: the services of `idle_exit` exit by themselves, and all answers again.
    9. `restart`: each service with Restart= for failures is killed, systemd restarts it, and
       all answers again.
    10. `stop`: all units stop without a failure.
    11. `detach`: portablectl detaches the image, and leaves no file and no unit.

    The first step that fails ends the test. Its message quotes systemd and the journal of the
    units, and gives the fix for common causes. The journal, the console's log, result.json
    (times, memory, ratings) and the packages' versions are outputs of the test, in
    bazel-testlogs/PACKAGE/TARGET/test.outputs.

    The packages are Debian's. Bazel fetches them when a test is run, and not before:
    @portable_walkthrough_go//bzl:README.md says from where. Where that is not possible the
    tests are skipped as incompatible, and Bazel prints the reason.

    Args:
        name: the name of the test suite.
        image: the `portable_image`.
        suites: which systemd to test on: bullseye (247), bookworm (252), trixie (257), forky
            (262).
        architecture: the machine's: amd64, or arm64 for trixie. The image is built for it.
        profile: the profile to attach with: default, nonetwork, strict or trusted. Default:
            that of the image.
        http: URL to what the body of its answer contains, as in
            `{"http://localhost:8088/": "Hello!"}`. A text between slashes is a regular
            expression (RE2). An error, or a status from 500 on, is asked again while the units
            are well, for three minutes.
        sockets: the same for what a service writes to a stream socket without being asked:
            `{"unix:/run/app.sock": "ready"}`, or `tcp:HOST:PORT`.
        commands: shell commands, which must succeed, or values of `command()`.
        units: unit to state: ActiveState, as in `{"app.timer": "active"}`, or
            ActiveState/SubState, as in `"active/waiting"`.
        idle_exit: services that exit when nobody uses them. The test waits for that: shorten
            it by a drop-in.
        max_exposure: the worst rating by systemd-analyze security, of 10 (0 is best), that
            passes, as a string: `"2.1"`. Default: any.
        setup: shell commands that run before the image is attached.
        start: the units to start, instead of what step `start` says.
        packages: further Debian packages: names of `machine.packages` in MODULE.bazel, see
            @portable_walkthrough_go//bzl:machines.bzl. Their maintainer scripts do not run:
            `setup` creates users and starts services. Links of Debian's alternatives do not
            exist either: call nc.openbsd instead of nc.
        files: further files for the machine: label to path, as in
            `{":nginx.conf": "/etc/nginx/nginx.conf"}`. A path without a slash at its start is
            below /vm/files.
        drop_ins: drop-ins as an administrator adds them, while the steps run: label of .conf
            files to unit, as in `{":10-limits.conf": "app.service"}`.
        test: a `go_test` that runs in the same machine after these steps, as for `vm_test`.
        run: a pattern of its tests, as for -test.run. Default: all.
        memory: the machine's memory in MiB, at least 256. Its whole system lies in it.
        processors: how many processors it has.
        size: of the tests, for Bazel. The time limit is its, or `timeout`.
        tags: of the tests. Beside them, `resources:memory:N` lets Bazel start no more machines
            at once than have room.
        **kwargs: attributes that all tests have, such as timeout, flaky and visibility.
    """
    if type(suites) != "list" or not suites:
        fail("{} //{}:{}: attribute \"suites\": it is not a list of suites, or it is empty. Name the systemd to test on, as in [\"trixie\"].".format(_RULE, native.package_name(), name))
    check_machine(_RULE, name, memory, processors)
    machine_attrs = {
        "drop_ins": drop_ins,
        "files": files,
        "memory": memory,
        "platform": machine_platform(architecture),
        "processors": processors,
        "testonly": True,
    }
    machines = []
    tests = []
    for suite in suites:
        machine = machine_of(_RULE, name, suite, architecture, packages)
        machines.append(machine)
        tests.append("{}_{}".format(name, suite))
        _portable_test(
            name = tests[-1],
            commands = [_command(name, value) for value in commands],
            http = http,
            idle_exit = idle_exit,
            image = image,
            machine = machine,
            max_exposure = max_exposure,
            profile = profile,
            run = run,
            setup = setup,
            size = size,
            sockets = sockets,
            start = start,
            tags = tags + machine_tags(memory),
            test = test,
            units = units,
            **(machine_attrs | kwargs)
        )
    native.test_suite(
        name = name,
        tests = tests,
        # Without these a test_suite would select by the tests' own "manual".
        tags = [tag for tag in tags if tag == "manual"],
        visibility = kwargs.get("visibility"),
    )
    _portable_console(
        name = name + ".console",
        image = image,
        machines = machines,
        profile = profile,
        setup = setup,
        start = start,
        tags = ["manual"],
        **machine_attrs
    )
