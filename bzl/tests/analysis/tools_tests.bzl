"""Tests that the tools of actions are static."""

load("@bazel_skylib//lib:unittest.bzl", "analysistest", "asserts")

visibility("private")

# Every tool that our actions run.
_TOOLS = [
    "//tools/checkportable",
    "//tools/mkosrelease",
    "//tools/mkportable",
    "//tools/verity/mkverity",
]

def _static_test_impl(ctx):
    env = analysistest.begin(ctx)
    link = [a for a in analysistest.target_actions(env) if a.mnemonic == "GoLink"]
    asserts.equals(env, 1, len(link))
    asserts.equals(env, "0", link[0].env.get("CGO_ENABLED"))
    asserts.true(env, "-static" in " ".join(link[0].argv).replace("=", " ").split(" "), "not linked static: {}".format(link[0].argv))
    return analysistest.end(env)

# Another module's .bazelrc does not have the flags of ours.
_static_test = analysistest.make(
    _static_test_impl,
    config_settings = {
        str(Label("@io_bazel_rules_go//go/config:" + flag)): False
        for flag in ["pure", "static"]
    },
)

def tools_tests(name):
    """Tests that the tools are static without our .bazelrc.

    Args:
        name: the test suite's name.
    """
    tests = []
    for tool in _TOOLS:
        test = tool.split("/")[-1] + "_static_test"
        _static_test(name = test, target_under_test = tool)
        tests.append(test)
    native.test_suite(name = name, tests = tests)
