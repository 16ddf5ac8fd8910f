"""The table of all errors that the rules report during analysis.

Each message names the rule, the target, the attribute and the fix. The image action reports
errors in the contents of files: see bzl/tests/bad.
"""

load("@bazel_skylib//lib:unittest.bzl", "analysistest", "asserts")
load("@bazel_skylib//rules:write_file.bzl", "write_file")
load("//bzl:defs.bzl", "PortableImageInfo", "os_release", "portable_channel", "portable_deploy", "portable_image", "portable_image_set", "portable_sign", "portable_verity", "rootfs")
load("//bzl:test.bzl", "portable_image_test", "portable_test")
load("//bzl/tests/pkg:pkg_rootfs.bzl", "pkg_rootfs")

visibility("private")

_LINUX = "@io_bazel_rules_go//go/toolchain:linux_"

# name: (rule, attributes, parts of the message, the wrong attribute first).
_ERRORS = {
    "channel_for_no_cpu": (
        portable_channel,
        {"images": ["image_for_no_cpu"], "url": "https://example.org/", "version": "1"},
        ["\"images\"", " is built for a CPU that systemd has no name for", "Build it for another platform."],
    ),
    "channel_keeps_none": (
        portable_channel,
        {"images": ["script-subject"], "keep": 0, "url": "https://example.org/", "version": "1"},
        ["\"keep\"", "it is 0", ". Keep at least 1 version."],
    ),
    "channel_of_another_version": (
        portable_channel,
        {"images": ["image_of_version_1"], "url": "https://example.org/", "version": "2"},
        ["\"version\"", "it is \"2\", but other", " has the version ", "1. Leave it out."],
    ),
    "channel_of_two_images": (
        portable_channel,
        {"images": ["script-subject", "image_of_no_version"], "url": "https://example.org/", "version": "1"},
        ["\"images\"", ". A channel has one image, in one version, for several architectures."],
    ),
    "channel_without_a_version": (
        portable_channel,
        {"images": ["script-subject"], "url": "https://example.org/"},
        ["\"version\"", "has no version, but hosts need it to find newer images", "Write a version"],
    ),
    "channel_without_an_address": (
        portable_channel,
        {"images": ["script-subject"], "url": "/srv/www", "version": "1"},
        ["\"url\"", "\"/srv/www\" is not a URL", "beginning with https://"],
    ),
    "cpu_without_partition_types": (
        portable_verity,
        {"image": "mainframe"},
        ["\"image\"", ":mainframe is built for the architecture \"s390x\", but portable_verity supports only arm64, riscv64, x86-64", "Build it for one of these, with --platforms."],
    ),
    "deploy_keeps_none": (
        portable_deploy,
        {"image": "script-subject", "keep": 0},
        ["\"keep\"", "it is 0", "Write 1 or more"],
    ),
    "deploy_to_a_relative_directory": (
        portable_deploy,
        {"directory": "portables", "image": "script-subject"},
        ["\"directory\"", "\"portables\" is not absolute", "such as /var/lib/portables"],
    ),
    "drop_in_for_another_unit": (
        portable_image,
        {"units": ["subject.service", "other.service.d/10-nice.conf"]},
        ["\"units\"", "10-nice.conf is a drop-in for other.service", "Add the unit"],
    ),
    "drop_in_nowhere": (
        portable_image,
        {"units": ["subject.service", "app.conf"]},
        ["\"units\"", "app.conf is not a drop-in", "Move it to one, or pack it with `files`"],
    ),
    "image_of_a_negative_size": (
        portable_image,
        {"max_size": -1, "units": ["subject.service"]},
        ["\"max_size\"", "it is -1", ". Write a number of bytes, or 0 for no limit."],
    ),
    "name_has_a_blank": (
        portable_image,
        {"portable_name": "a b", "units": ["subject.service"]},
        ["\"portable_name\"", "\"a b\" is not a valid name", " is not a valid name: portablectl accepts letters, digits", "Choose another name"],
    ),
    "name_has_a_plus": (
        portable_image,
        {"portable_name": "a+1", "units": ["subject.service"]},
        ["\"portable_name\"", "\"a+1\" is not a valid name", "letters, digits"],
    ),
    "name_has_an_underscore": (
        portable_image,
        {"portable_name": "under_score", "units": ["subject.service"]},
        ["\"portable_name\"", "\"under_score\" has an underscore", " has an underscore, which starts a version. Choose a name without one", "add \"under_score\" to prefixes: portablectl attach IMAGE under_score"],
    ),
    "name_of_target_has_an_underscore": (
        portable_image,
        {"portable_name": "", "units": ["subject.service"]},
        ["\"portable_name\"", "\"name_of_target_has_an_underscore\" (the target's name) has an underscore"],
    ),
    "name_starts_with_a_dot": (
        portable_image,
        {"portable_name": ".a", "units": ["subject.service"]},
        ["\"portable_name\"", "\".a\" is not a valid name", "no dot at the start"],
    ),
    "os_release_field_misspelt": (
        os_release,
        {"fields": {"HomeUrl": "https://example.org"}},
        ["\"fields\"", "\"HomeUrl\" is not a valid name of a field", "\"HOMEURL\" instead"],
    ),
    "os_release_field_starts_with_a_digit": (
        os_release,
        {"fields": {"3D": "yes"}},
        ["\"fields\"", "\"3D\" is not a valid name of a field", "\"D\" instead"],
    ),
    "os_release_field_with_an_attribute": (
        os_release,
        {"fields": {"PRETTY_NAME": "Hello"}},
        ["\"fields\"", "PRETTY_NAME", "has an attribute of its own. Write ", "pretty_name = …"],
    ),
    "os_release_of_another_version": (
        portable_image,
        {"os_release": "os_release_1.3", "units": ["subject.service"], "version": "1.2"},
        ["\"version\"", "it is \"1.2\", but", ":os_release_1.3 sets IMAGE_VERSION=1.3", "Leave image_version out"],
    ),
    "os_release_stamped_misspelt": (
        os_release,
        {"stamped": {"build-id": "STABLE_VCS_REF"}},
        ["\"stamped\"", "\"build-id\" is not a valid name of a field", "is not a valid name of a field. Use capital letters", "\"BUILD_ID\" instead"],
    ),
    "out_of_another_name": (
        portable_image,
        {"out": "dist/other.raw", "portable_name": "subject", "units": ["subject.service"], "version": "1.2"},
        ["\"out\"", "the file is called \"other.raw\"", ", but portablectl reads the portable name and the version from it. Call it", "\"subject_1.2.raw\", in any directory"],
    ),
    "owner_by_name_in_rules_pkg": (
        pkg_rootfs,
        {"srcs": ["//bzl/tests/pkg:by_name"]},
        ["\"srcs\"", "//bzl/tests/pkg:by_name has the user \"www-data\"", "an image stores only numbers", "uid = NUMBER"],
    ),
    "platform_without_cpu": (
        portable_image_set,
        {"image": "script-subject", "platforms": ["no_cpu"]},
        ["\"platforms\"", ":no_cpu has no CPU", "@platforms//cpu"],
    ),
    "prefix_is_empty": (
        portable_image,
        {"prefixes": [""], "units": ["subject.service"]},
        ["\"prefixes\"", "\"\" is not a valid prefix", "is not empty"],
    ),
    "prefix_has_a_blank": (
        portable_image,
        {"prefixes": ["one two"], "units": ["subject.service"]},
        ["\"prefixes\"", "\"one two\" is not a valid prefix", " has only letters, digits", "as a separate string"],
    ),
    "program_that_is_none": (
        rootfs,
        {"binaries": {"/usr/bin/app": "both"}},
        ["\"binaries\"", "\"/usr/bin/app\": ", ":both is not a program: it stands for 2 files", "Name a target that `bazel run` can run, or one file", "`files`"],
    ),
    "program_that_is_a_directory": (
        portable_image,
        {"binary": "//bzl/tests/links:directory", "units": ["subject.service"]},
        ["\"binary\"", "\"/usr/bin/subject\": ", ":directory is a directory", " is a directory. Name the program itself", "`trees`"],
    ),
    "program_in_a_directory": (
        portable_image,
        {"binaries": {"/usr/bin/": "//service"}, "units": ["subject.service"]},
        ["\"binaries\"", "\"/usr/bin/\": ", "the path of //service:service ends in a slash", "ends in a slash, so it names a directory. Write", "\"/usr/bin/service\""],
    ),
    "test_of_a_negative_size": (
        portable_image_test,
        {"image": "script-subject", "max_size": -1},
        ["\"max_size\"", "it is -1", ". Write a number of bytes, or 0 for no limit."],
    ),
    "sign_a_naked_image": (
        portable_sign,
        {"images": ["script-subject"]},
        ["\"images\"", ":script-subject has no hash tree", "Make a portable_verity of it"],
    ),
    "sign_two_images_of_one_name": (
        portable_sign,
        {"images": ["verity-subject", "verity-subject_2"]},
        ["\"images\"", ":verity-subject_2 both have an image script-subject.raw", "two portable_sign targets"],
    ),
    "test_of_a_service_without_a_type": (
        portable_test,
        {"idle_exit": ["subject"], "image": "script-subject", "suites": ["trixie"]},
        ["\"idle_exit\"", "\"subject\" is not the name of a service", " is not the name of a service. Write it with its type", "\"subject.service\""],
    ),
    "test_of_a_relative_path": (
        portable_image_test,
        {"contains": ["etc/hosts"], "image": "script-subject"},
        ["\"contains\"", "\"etc/hosts\" is not a path in an image", " is not a path in an image. Start it with a slash."],
    ),
    "test_of_a_socket_without_a_port": (
        portable_test,
        {"image": "script-subject", "sockets": {"tcp:localhost": "x"}, "suites": ["trixie"]},
        ["\"sockets\"", "\"tcp:localhost\" is not an address"],
    ),
    "test_of_a_socket_without_a_kind": (
        portable_test,
        {"image": "script-subject", "sockets": {"localhost:80": "x"}, "suites": ["trixie"]},
        ["\"sockets\"", "\"localhost:80\" is not an address", " is not an address of a stream socket. Write unix:/PATH or tcp:HOST:PORT."],
    ),
    "test_of_an_unknown_state": (
        portable_test,
        {"image": "script-subject", "suites": ["trixie"], "units": {"subject.service": "up"}},
        ["\"units\"", "\"up\" of subject.service is not a state", " is not a state. Write one of ", "active, ", ", as in active/waiting."],
    ),
    "test_of_no_unit": (
        portable_test,
        {"drop_ins": {"10-limits.conf": "subject"}, "image": "script-subject", "suites": ["trixie"]},
        ["\"drop_ins\"", "\"subject\" is not the name of a unit", " is not the name of a unit. Write it with its type, as in ", "\"subject.service\""],
    ),
    "test_of_nothing": (
        portable_image_test,
        {"image": "script-subject"},
        ["\"contains\"", "it is empty, and so are absent, max_size and golden. Set one of them."],
    ),
    "test_of_too_high_a_rating": (
        portable_test,
        {"image": "script-subject", "max_exposure": "10.1", "suites": ["trixie"]},
        ["\"max_exposure\"", "\"10.1\" is not a rating", " is not a rating. Write a number from 0, the best, to 10"],
    ),
    "test_over_https": (
        portable_test,
        {"http": {"https://localhost/": "x"}, "image": "script-subject", "suites": ["trixie"]},
        ["\"http\"", "\"https://localhost/\" is not a URL", " is not a URL that starts with http://.", "test https with commands."],
    ),
    "two_platforms_of_one_architecture": (
        portable_image_set,
        {"image": "script-subject", "platforms": [_LINUX + "amd64", _LINUX + "amd64_cgo"]},
        ["\"platforms\"", "linux_amd64_cgo is the second platform for x86-64", "another portable_image_set"],
    ),
}

def _error_test_impl(ctx):
    env = analysistest.begin(ctx)
    for text in ctx.attr.says:
        asserts.expect_failure(env, text)
    return analysistest.end(env)

_error_test = analysistest.make(
    _error_test_impl,
    attrs = {"says": attr.string_list()},
    expect_failure = True,
)

_some_image = rule(
    implementation = lambda ctx: [PortableImageInfo(
        name = ctx.attr.portable_name,
        architecture = ctx.attr.architecture,
        image = None,
        roothash = None,
        version = ctx.attr.version,
    )],
    doc = "An image that has only names, a version and an architecture. Go has no toolchain for some CPUs.",
    attrs = {
        "architecture": attr.string(),
        "portable_name": attr.string(),
        "version": attr.string(),
    },
)

def error_tests(name):
    """Declares a test for each error, and a suite of them.

    Args:
        name: the suite's name.
    """
    native.platform(
        name = "no_cpu",
        constraint_values = ["@platforms//os:linux"],
    )

    for image, attributes in {
        "image_for_no_cpu": {"portable_name": "other"},
        "image_of_no_version": {"architecture": "x86-64", "portable_name": "other"},
        "image_of_version_1": {"architecture": "x86-64", "portable_name": "other", "version": "1"},
        "mainframe": {"architecture": "s390x"},
    }.items():
        _some_image(name = image, tags = ["manual"], **attributes)

    # Go has no toolchain for such a platform.
    write_file(
        name = "script",
        out = "script.sh",
        content = ["#!/bin/sh"],
        is_executable = True,
        tags = ["manual"],
    )
    portable_image(
        name = "script-subject",
        testonly = True,
        binary = "script",
        tags = ["manual"],
        units = ["subject.service"],
    )
    for verity in ["verity-subject", "verity-subject_2"]:
        portable_verity(
            name = verity,
            testonly = True,
            image = "script-subject",
            tags = ["manual"],
        )
    write_file(
        name = "limits",
        out = "10-limits.conf",
        content = [
            "[Service]",
            "TasksMax=10",
            "",
        ],
        tags = ["manual"],
    )
    os_release(
        name = "os_release_1.3",
        image_version = "1.3",
        tags = ["manual"],
    )
    for error, (rule, attributes, says) in _ERRORS.items():
        # The names of the errors are not valid names of images.
        named = {"portable_name": "subject"} if rule == portable_image else {}
        if rule not in (portable_image_test, portable_test):
            named["testonly"] = True
        rule(name = error, tags = ["manual"], **(named | attributes))

        # A macro makes a target for each suite, or of another rule.
        under_test = error + "_trixie" if rule == portable_test else error
        kind = native.existing_rule(under_test)["kind"]
        _error_test(
            name = error + "_test",
            says = ["{} //bzl/tests/analysis:{}: attribute {}: ".format(
                {"_channel_files": "portable_channel", "_portable_test": "portable_test"}.get(kind, kind),
                under_test,
                says[0],
            )] + says[1:],
            target_under_test = under_test,
        )
    native.test_suite(
        name = name,
        tests = [error + "_test" for error in _ERRORS],
    )
