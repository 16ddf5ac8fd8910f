"""Tests of images with a hash tree, and of sets of them, as targets."""

load("@bazel_skylib//lib:unittest.bzl", "analysistest", "asserts")
load("//bzl:defs.bzl", "PortableImageInfo", "PortableImageSetInfo", "portable_image", "portable_image_set", "portable_sign", "portable_verity")

visibility("private")

def _names(files):
    return sorted([file.basename for file in files.to_list()])

# It has the output groups of a naked image, and further ones.
def _image_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    groups = target[OutputGroupInfo]
    asserts.equals(env, ["subject_1.0.raw"], _names(target[DefaultInfo].files))
    asserts.equals(env, ["subject_1.0.roothash"], _names(groups.roothash))
    asserts.equals(env, groups.roothash.to_list(), [target[PortableImageInfo].roothash])
    asserts.equals(env, ["partitions.json"], _names(groups.partitions))
    asserts.equals(env, ["checks.json", "checks.txt"], _names(groups.checks))
    _policy(env, groups)
    return analysistest.end(env)

def _policy(env, groups):
    asserts.equals(
        env,
        ["policy/subject.service.d/90-signed.conf"],
        ["/".join(file.short_path.split("/")[-3:]) for file in groups.policy.to_list()],
    )

_image_test = analysistest.make(_image_test_impl)

# A set has the output groups of its images. The name of a file that belongs to one image contains
# the architecture; the policy is the same for all.
def _set_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    groups = target[OutputGroupInfo]

    def for_each(name):
        return [name.format(architecture) for architecture in ["arm64", "riscv64"]]

    asserts.equals(env, for_each("subject_1.0_{}.raw"), _names(target[DefaultInfo].files))
    asserts.equals(env, for_each("subject_1.0_{}.roothash"), _names(groups.roothash))
    asserts.equals(env, groups.roothash.to_list(), [image.roothash for image in target[PortableImageSetInfo].images.values()])
    asserts.equals(env, for_each("subject_1.0_{}.partitions.json"), _names(groups.partitions))
    asserts.equals(env, for_each("subject_1.0_{}.provenance.json"), _names(groups.provenance))
    _policy(env, groups)
    return analysistest.end(env)

_set_test = analysistest.make(_set_test_impl)

# A set of naked images has no output groups that they lack.
def _naked_set_test_impl(ctx):
    env = analysistest.begin(ctx)
    groups = analysistest.target_under_test(env)[OutputGroupInfo]
    for group in ["partitions", "policy", "roothash"]:
        asserts.false(env, hasattr(groups, group), "there is an output group " + group)
    return analysistest.end(env)

_naked_set_test = analysistest.make(_naked_set_test_impl)

# The program gets each image of a set, and its documents, to sign.
def _sign_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    named = " ".join(target[RunEnvironmentInfo].environment.values())
    given = [file.basename for file in target[DefaultInfo].default_runfiles.files.to_list()]
    for name in ["subject_1.0.raw", "subject_1.0_arm64.raw", "subject_1.0_riscv64.raw", "subject_1.0_riscv64.provenance.json"]:
        asserts.true(env, name in given, "{} is missing among {}".format(name, given))
        asserts.true(env, "/" + name + "\"" in named, name + " is not named")
    return analysistest.end(env)

_sign_test = analysistest.make(_sign_test_impl)

def verity_tests(name):
    """Declares the tests, and a suite of them.

    Args:
        name: the suite's name.
    """
    portable_image(
        name = name + "_naked",
        portable_name = "subject",
        tags = ["manual"],
        units = ["subject.service"],
        version = "1.0",
    )
    portable_verity(
        name = name + "_image",
        image = name + "_naked",
        tags = ["manual"],
    )
    for subject in ["image", "naked"]:
        portable_image_set(
            name = "{}_{}_set".format(name, subject),
            image = "{}_{}".format(name, subject),
            platforms = ["@io_bazel_rules_go//go/toolchain:linux_" + architecture for architecture in ["arm64", "riscv64"]],
            tags = ["manual"],
        )
    portable_sign(
        name = name + "_sign",
        images = [name + "_image", name + "_image_set"],
        tags = ["manual"],
    )
    tests = []
    for subject, test in {
        "image": _image_test,
        "image_set": _set_test,
        "naked_set": _naked_set_test,
        "sign": _sign_test,
    }.items():
        tests.append("{}_{}_test".format(name, subject))
        test(
            name = tests[-1],
            target_under_test = "{}_{}".format(name, subject),
        )
    native.test_suite(
        name = name,
        tests = tests,
    )
