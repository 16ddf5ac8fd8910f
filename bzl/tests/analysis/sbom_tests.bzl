"""Tests of the actions for an SBOM: no other output needs them."""

load("@bazel_skylib//lib:unittest.bzl", "analysistest", "asserts")
load("//bzl:defs.bzl", "PortableImageInfo", "portable_image", "portable_image_set")

visibility("private")

_DOCUMENTS = ["PortableInventory", "PortableProvenance", "PortableSbom"]

def _actions(env):
    """The target's actions by mnemonic, and the outputs of each action."""
    return [struct(
        inputs = [file.path for file in action.inputs.to_list()],
        mnemonic = action.mnemonic,
        outputs = [file.path for file in action.outputs.to_list()],
    ) for action in analysistest.target_actions(env)]

def _needed(actions, files):
    """The mnemonics of the target's actions that must run for these files."""
    wanted = {file.path: None for file in files}
    needed = {}
    for _ in actions:
        for action in actions:
            if [path for path in action.outputs if path in wanted]:
                needed[action.mnemonic] = None
                wanted = wanted | {path: None for path in action.inputs}
    return needed.keys()

def _lacks_documents(env, needed, what):
    for mnemonic in _DOCUMENTS + ["PortableManifest"]:
        asserts.false(env, mnemonic in needed, "{} needs {}".format(what, mnemonic))

# Building an image, and its checks, runs no action of the documents.
def _unasked_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    groups = target[OutputGroupInfo]
    actions = _actions(env)
    built = _needed(actions, target[DefaultInfo].files.to_list() + groups._validation.to_list())
    asserts.true(env, "PortableImage" in built and "PortableVerdict" in built, str(built))
    _lacks_documents(env, built, "the image")
    _lacks_documents(env, _needed(actions, target[DefaultInfo].default_runfiles.files.to_list()), "a test of the image")

    # The negative control: the output groups need them.
    asserts.equals(
        env,
        ["PortableInventory", "PortableManifest", "PortableSbom"],
        [m for m in sorted(_needed(actions, groups.sbom.to_list())) if m in _DOCUMENTS + ["PortableManifest"]],
    )
    asserts.true(env, "PortableProvenance" in _needed(actions, groups.provenance.to_list()))
    asserts.equals(env, ["subject_1.0.cdx.json"], [file.basename for file in groups.sbom.to_list()])
    asserts.equals(env, ["subject_1.0.provenance.json"], [file.basename for file in groups.provenance.to_list()])
    return analysistest.end(env)

_unasked_test = analysistest.make(_unasked_test_impl)

# An image that packs its SBOM needs it. That SBOM does not contain the image's digest.
def _packed_test_impl(ctx):
    env = analysistest.begin(ctx)
    info = analysistest.target_under_test(env)[PortableImageInfo]
    actions = _actions(env)
    packed = [file for file in info.inputs.to_list() if file.basename.endswith(".cdx.json")]
    asserts.equals(env, [ctx.attr.document], [file.basename for file in packed])
    asserts.false(env, "PortableImage" in _needed(actions, packed), "the packed SBOM needs the image")
    asserts.true(env, "PortableImage" in _needed(actions, [info.sbom]), "the SBOM beside the image has no digest of it")
    return analysistest.end(env)

_packed_test = analysistest.make(
    _packed_test_impl,
    attrs = {"document": attr.string(doc = "Its file name.")},
)

# A size limit is a check: the image does not wait for it.
def _size_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    actions = _actions(env)
    asserts.true(env, "PortableSize" in _needed(actions, target[OutputGroupInfo]._validation.to_list()), "nobody compares the size")
    asserts.false(env, "PortableSize" in _needed(actions, target[DefaultInfo].files.to_list()), "the image needs the verdict")
    return analysistest.end(env)

_size_test = analysistest.make(_size_test_impl)

# The documents of a set have the architecture in their names, like its images.
def _set_test_impl(ctx):
    env = analysistest.begin(ctx)
    groups = analysistest.target_under_test(env)[OutputGroupInfo]
    asserts.equals(env, ["subject_1.0_arm64.cdx.json"], [file.basename for file in groups.sbom.to_list()])
    asserts.equals(env, ["subject_1.0_arm64.provenance.json"], [file.basename for file in groups.provenance.to_list()])
    return analysistest.end(env)

_set_test = analysistest.make(_set_test_impl)

def sbom_tests(name):
    """Declares the tests, and a suite of them.

    Args:
        name: the suite's name.
    """
    for image, attributes in {
        "packed": {"max_size": 1000, "sbom": "/usr/share/sbom/"},
        "plain": {},
    }.items():
        portable_image(
            name = "{}_{}".format(name, image),
            portable_name = "subject",
            tags = ["manual"],
            units = ["subject.service"],
            version = "1.0",
            **attributes
        )
    portable_image_set(
        name = name + "_set",
        image = name + "_plain",
        platforms = ["@io_bazel_rules_go//go/toolchain:linux_arm64"],
        tags = ["manual"],
    )
    _unasked_test(
        name = name + "_unasked_test",
        target_under_test = name + "_plain",
    )
    _packed_test(
        name = name + "_packed_test",
        document = "subject_1.0.cdx.json",
        target_under_test = name + "_packed",
    )
    _size_test(
        name = name + "_size_test",
        target_under_test = name + "_packed",
    )
    _set_test(
        name = name + "_set_test",
        target_under_test = name + "_set",
    )
    native.test_suite(
        name = name,
        tests = [name + "_" + test + "_test" for test in ["packed", "set", "size", "unasked"]],
    )
