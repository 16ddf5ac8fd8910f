"""Tests of the flags of a build: what they change, and what they do not."""

load("@bazel_skylib//lib:unittest.bzl", "analysistest", "asserts")
load("//bzl:defs.bzl", "portable_image")

visibility("private")

_LEVEL = str(Label("//bzl:compression_level"))

_ActionsInfo = provider(
    doc = "The actions of a target, with all that a cache's key covers.",
    fields = {"actions": "dict of string to struct: arguments and inputs by mnemonic, without the name of the configuration."},
)

def _plain(path):
    """Leaves out the configuration's name, which every other flag changes."""
    parts = path.split("bazel-out/")
    return "bazel-out/".join(parts[:1] + [part[part.index("/"):] for part in parts[1:]])

def _actions_impl(target, _ctx):
    return [_ActionsInfo(actions = {
        action.mnemonic: struct(
            arguments = [_plain(argument) for argument in action.argv],
            inputs = sorted([_plain(file.path) for file in action.inputs.to_list()]),
        )
        for action in target.actions
        if action.argv
    })]

_actions = aspect(implementation = _actions_impl)

# Another level compresses the image again, but runs neither checks nor the manifest. The inventory,
# which only an SBOM and the provenance need, contains the level.
def _level_test_impl(ctx):
    env = analysistest.begin(ctx)
    default = analysistest.target_under_test(env)[_ActionsInfo].actions
    quick = ctx.attr.quick[0][_ActionsInfo].actions
    asserts.equals(env, default.keys(), quick.keys())
    for mnemonic, action in default.items():
        if mnemonic not in ["PortableImage", "PortableInventory"]:
            asserts.equals(env, action, quick[mnemonic])

    # The negative control: these actions exist, and the image's has the flag.
    for mnemonic in ["OsRelease", "PortableCheck", "PortableImage", "PortableManifest", "PortableVerdict"]:
        asserts.true(env, mnemonic in default, "no {} among {}".format(mnemonic, default.keys()))
    asserts.equals(env, default["PortableImage"].inputs, quick["PortableImage"].inputs)
    asserts.equals(
        env,
        [argument.replace("--level=19", "--level=3").replace("--processors=4", "--processors=8") for argument in default["PortableImage"].arguments],
        quick["PortableImage"].arguments,
    )
    asserts.true(env, default["PortableImage"] != quick["PortableImage"], "the flags change nothing")
    return analysistest.end(env)

_level_test = analysistest.make(
    _level_test_impl,
    attrs = {
        "quick": attr.label(
            doc = "The target under test again.",
            aspects = [_actions],
            cfg = analysis_test_transition(settings = {
                _LEVEL: "3",
                str(Label("//bzl:processors")): "8",
            }),
        ),
    },
    extra_target_under_test_aspects = [_actions],
)

# If the flag's level is higher than the compressor's highest one, that is used. A compressor
# without levels ignores the flag. The flag overrides the attribute.
def _capped_test_impl(ctx):
    env = analysistest.begin(ctx)
    arguments = analysistest.target_under_test(env)[_ActionsInfo].actions["PortableImage"].arguments
    asserts.true(env, ctx.attr.level in arguments, "{} is none of {}".format(ctx.attr.level, arguments))
    return analysistest.end(env)

_capped_test = analysistest.make(
    _capped_test_impl,
    attrs = {"level": attr.string(doc = "The argument that is wanted.")},
    config_settings = {_LEVEL: "12"},
    extra_target_under_test_aspects = [_actions],
)

def flags_tests(name):
    """Declares the tests.

    Args:
        name: the test suite's name.
    """
    _level_test(
        name = "level_test",
        quick = "//:image",
        target_under_test = "//:image",
    )
    levels = {"gzip": 9, "xz": 0, "zstd": 12}
    for compression, level in levels.items():
        portable_image(
            name = compression,
            testonly = True,
            compression = compression,
            compression_level = min(level, 1),
            portable_name = "subject",
            tags = ["manual"],
            units = ["subject.service"],
        )
        _capped_test(
            name = compression + "_level_test",
            level = "--level={}".format(level),
            target_under_test = compression,
        )
    native.test_suite(
        name = name,
        tests = ["level_test"] + [compression + "_level_test" for compression in levels],
    )
