"""The checks of images: beside the image action, and never before it."""

load("@bazel_skylib//lib:unittest.bzl", "analysistest", "asserts")
load("//bzl:defs.bzl", "portable_image")

visibility("private")

def _checks_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    actions = {a.mnemonic: a for a in analysistest.target_actions(env)}
    check, verdict, image = [actions[name] for name in ["PortableCheck", "PortableVerdict", "PortableImage"]]
    groups = target[OutputGroupInfo]

    # What fails the build is what nothing else waits for. (Validations of what the
    # image is made from, such as nogo's, are in the group as well.)
    for file in verdict.outputs.to_list():
        asserts.true(env, file in groups._validation.to_list(), "{} is no validation".format(file))
    asserts.equals(env, check.outputs.to_list(), groups.checks.to_list())
    asserts.equals(env, ["checks_subject.checks.txt", "checks_subject.checks.json"], [f.basename for f in groups.checks.to_list()])
    inputs = [f.basename for f in image.inputs.to_list()]
    for name in inputs:
        asserts.false(env, name.startswith("checks_subject.check"), "{} is in the image's cache key".format(name))

    # The units and the program are checked, and the exceptions known; neither
    # image nor mksquashfs are waited for.
    inputs = [f.basename for f in check.inputs.to_list()]
    for name in ["checks_subject.spec.jsonl", "checks_subject.checks.options.json", "app.conf", "service"]:
        asserts.true(env, name in inputs, "{} is no input of the checks: {}".format(name, inputs))
    for name in ["mksquashfs", "checks_subject.raw"]:
        asserts.false(env, name in inputs, "the checks wait for {}".format(name))
    asserts.equals(env, {}, check.env)
    options = [a for a in analysistest.target_actions(env) if a.outputs.to_list()[0].basename == "checks_subject.checks.options.json"]
    asserts.equals(env, {"allow": {"exec-missing": "A test."}, "minimum_systemd": 252, "profile": "strict"}, json.decode(options[0].content))

    # What only the checks look at makes no image anew. (The negative control: what the
    # image's action looks at is there.)
    spec = [a for a in analysistest.target_actions(env) if a.outputs.to_list()[0].basename == "checks_subject.spec.jsonl"]
    asserts.true(env, "checks_subject.raw" in spec[0].content, spec[0].content)
    for text in ["profile", "strict", "minimum_systemd", "exec-missing"]:
        asserts.false(env, text in spec[0].content, "{} is in the image's cache key".format(text))
    return analysistest.end(env)

_checks_test = analysistest.make(_checks_test_impl)

def checks_tests(name):
    """Tests where the checks' actions stand.

    Args:
        name: the test's name.
    """
    portable_image(
        name = "checks_subject",
        testonly = True,
        allow = {"exec-missing": "A test."},
        binary = "//service",
        files = {"app.conf": "/etc/app.conf"},
        minimum_systemd = 252,
        profile = "strict",
        tags = ["manual"],
        units = ["//units"],
    )
    _checks_test(
        name = name,
        target_under_test = "checks_subject",
    )
