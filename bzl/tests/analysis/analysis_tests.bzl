"""What the rules make of their attributes, without building anything."""

load("@bazel_skylib//lib:unittest.bzl", "analysistest", "asserts")
load("@bazel_skylib//rules:write_file.bzl", "write_file")
load("//bzl:defs.bzl", "PortableImageInfo", "PortableImageSetInfo", "RootfsInfo", "portable_image", "portable_image_set", "rootfs")

def _image_action_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    actions = [a for a in analysistest.target_actions(env) if a.mnemonic == "PortableImage"]
    asserts.equals(env, 1, len(actions))
    action = actions[0]

    # A PATH, a shell or a host path would make the bits depend on the machine.
    asserts.equals(env, {}, action.env)
    asserts.equals(env, 3, len(action.argv), "arguments are the spec alone: {}".format(action.argv))
    asserts.true(env, action.argv[0].endswith("/mkportable"), action.argv[0])
    asserts.equals(env, "-quiet", action.argv[1])
    asserts.true(env, action.argv[2].endswith("/subject.spec.jsonl"), action.argv[2])
    asserts.equals(env, ["named_1.2.raw"], [f.basename for f in action.outputs.to_list()])

    inputs = [f.basename for f in action.inputs.to_list()]
    for name in ["subject.spec.jsonl", "subject.service", "os-release", "app.conf", "service", "mksquashfs"]:
        asserts.true(env, name in inputs, "{} is no input of the action: {}".format(name, inputs))

    info = target[PortableImageInfo]
    asserts.equals(env, "named", info.name)
    asserts.equals(env, "1.2", info.version)
    asserts.equals(env, ["named", "other"], info.prefixes)
    asserts.equals(env, "strict", info.profile)
    asserts.equals(env, ["subject.service"], [f.basename for f in info.units])
    asserts.equals(env, [info.image], target[DefaultInfo].files.to_list())
    asserts.equals(env, [info.spec], target[OutputGroupInfo].spec.to_list())
    return analysistest.end(env)

_image_action_test = analysistest.make(_image_action_test_impl)

# Files of one portable name, for several machines, in one directory.
def _set_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    images = target[PortableImageSetInfo].images
    asserts.equals(env, {
        "arm": "named_1.2_arm.raw",
        "arm64": "named_1.2_arm64.raw",
        "ppc64-le": "named_1.2_ppc64-le.raw",
        "riscv64": "named_1.2_riscv64.raw",
        "s390x": "named_1.2_s390x.raw",
        "x86": "named_1.2_x86.raw",
        "x86-64": "named_1.2_x86-64.raw",
    }, {architecture: image.image.basename for architecture, image in images.items()})
    for architecture, image in images.items():
        asserts.equals(env, architecture, image.architecture)
        asserts.equals(env, "named", image.name)
    asserts.equals(env, len(images), len(target[DefaultInfo].files.to_list()))
    asserts.equals(env, len(images), len(target[OutputGroupInfo].spec.to_list()))
    asserts.false(env, PortableImageInfo in target, "a set of several images is not one")
    return analysistest.end(env)

_set_test = analysistest.make(_set_test_impl)

def _set_of_one_test_impl(ctx):
    env = analysistest.begin(ctx)
    info = analysistest.target_under_test(env)[PortableImageInfo]
    asserts.equals(env, "arm64", info.architecture)
    asserts.equals(env, "named_1.2_arm64.raw", info.image.basename)
    return analysistest.end(env)

_set_of_one_test = analysistest.make(_set_of_one_test_impl)

def _rootfs_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    got = [
        (e.path, e.type, e.mode, e.target, e.source.basename if e.source else "")
        for e in target[RootfsInfo].entries.to_list()
    ]
    asserts.equals(env, [
        ("/tmp", "directory", "1777", "", ""),
        ("/var/empty", "directory", "0755", "", ""),
        ("/etc/machine-id", "file", "0444", "", ""),
        ("/etc/mtab", "symlink", "", "../proc/mounts", ""),
        ("/etc/renamed.conf", "file", "0600", "", "app.conf"),
        ("/etc/many/one.conf", "file", "0644", "", "one.conf"),
        ("/etc/many/two.conf", "file", "0644", "", "two.conf"),
    ], got)
    asserts.equals(
        env,
        ["app.conf", "one.conf", "two.conf"],
        [f.basename for f in target[RootfsInfo].files.to_list()],
    )
    return analysistest.end(env)

_rootfs_test = analysistest.make(_rootfs_test_impl)

def _failure_test_impl(ctx):
    env = analysistest.begin(ctx)
    for text in ctx.attr.says:
        asserts.expect_failure(env, text)
    return analysistest.end(env)

_failure_test = analysistest.make(
    _failure_test_impl,
    attrs = {"says": attr.string_list()},
    expect_failure = True,
)

_LINUX = "@io_bazel_rules_go//go/toolchain:linux_"

def _fails(rule, name, says, **kwargs):
    rule(name = name + "_subject", tags = ["manual"], **kwargs)
    _failure_test(
        name = name + "_test",
        says = ["//bzl/tests/analysis:{}_subject: ".format(name)] + says,
        target_under_test = name + "_subject",
    )

def analysis_tests(name):
    """Declares the tests and the targets under test.

    Args:
        name: the test suite's name.
    """
    native.filegroup(
        name = "many",
        srcs = ["one.conf", "two.conf"],
    )
    portable_image(
        name = "subject",
        testonly = True,
        binary = "//service",
        files = {"app.conf": "/etc/app.conf"},
        os_release = "//rootfs:os-release",
        portable_name = "named",
        prefixes = ["other"],
        profile = "strict",
        tags = ["manual"],
        units = ["subject.service"],
        version = "1.2",
    )
    _image_action_test(
        name = "image_action_test",
        target_under_test = "subject",
    )
    portable_image_set(
        name = "set_subject",
        testonly = True,
        image = "subject",
        platforms = [_LINUX + machine for machine in ["386", "amd64", "arm", "arm64", "ppc64le", "riscv64", "s390x"]],
        tags = ["manual"],
    )
    _set_test(
        name = "set_test",
        target_under_test = "set_subject",
    )
    portable_image_set(
        name = "set_of_one_subject",
        testonly = True,
        image = "subject",
        platforms = [_LINUX + "arm64"],
        tags = ["manual"],
    )
    _set_of_one_test(
        name = "set_of_one_test",
        target_under_test = "set_of_one_subject",
    )
    _fails(
        portable_image_set,
        name = "two_platforms_of_one_architecture",
        testonly = True,
        image = "subject",
        platforms = [_LINUX + "amd64", _LINUX + "amd64_cgo"],
        says = ["attribute \"platforms\"", "linux_amd64_cgo is the second one for x86-64", "another portable_image_set"],
    )
    native.platform(
        name = "no_cpu",
        constraint_values = ["@platforms//os:linux"],
    )

    # Go has no toolchain for such a platform.
    write_file(
        name = "script",
        out = "script.sh",
        content = ["#!/bin/sh"],
        is_executable = True,
        tags = ["manual"],
    )
    portable_image(
        name = "script_subject",
        testonly = True,
        binary = "script",
        os_release = "//rootfs:os-release",
        tags = ["manual"],
        units = ["subject.service"],
    )
    _fails(
        portable_image_set,
        name = "platform_without_cpu",
        testonly = True,
        image = "script_subject",
        platforms = [":no_cpu"],
        says = ["attribute \"platforms\"", ":no_cpu has no CPU", "@platforms//cpu"],
    )
    rootfs(
        name = "rootfs_subject",
        directories = ["/tmp", "/var/empty"],
        empty_files = ["/etc/machine-id"],
        files = {
            "app.conf": "/etc/renamed.conf",
            ":many": "/etc/many/",
        },
        modes = {
            "/etc/machine-id": "0444",
            "/etc/renamed.conf": "0600",
            "/tmp": "1777",
        },
        symlinks = {"/etc/mtab": "../proc/mounts"},
        tags = ["manual"],
    )
    _rootfs_test(
        name = "rootfs_test",
        target_under_test = "rootfs_subject",
    )
    _fails(
        rootfs,
        name = "several_files_for_one_path",
        files = {":many": "/etc/many"},
        says = ["attribute \"files\"", ":many stands for 2 files", "Add a slash"],
    )
    _fails(
        rootfs,
        name = "mode_of_undeclared_path",
        modes = {"/srv": "0700"},
        says = ["attribute \"modes\"", "\"/srv\""],
    )
    _fails(
        rootfs,
        name = "mode_of_symlink",
        modes = {"/etc/mtab": "0700"},
        says = ["attribute \"modes\"", "no mode of its own"],
        symlinks = {"/etc/mtab": "../proc/mounts"},
    )
    native.test_suite(
        name = name,
        tests = [
            "image_action_test",
            "mode_of_symlink_test",
            "mode_of_undeclared_path_test",
            "platform_without_cpu_test",
            "rootfs_test",
            "set_of_one_test",
            "set_test",
            "several_files_for_one_path_test",
            "two_platforms_of_one_architecture_test",
        ],
    )
