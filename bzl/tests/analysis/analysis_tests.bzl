"""What the rules make of their attributes, without building anything."""

load("@bazel_skylib//lib:unittest.bzl", "analysistest", "asserts")
load("//bzl:defs.bzl", "OsReleaseInfo", "PortableImageInfo", "PortableImageSetInfo", "os_release", "portable_image", "portable_image_set", "rootfs")

visibility("private")

_LINUX = "@io_bazel_rules_go//go/toolchain:linux_"

def _action(env, mnemonic):
    actions = [a for a in analysistest.target_actions(env) if a.mnemonic == mnemonic]
    asserts.equals(env, 1, len(actions))
    return actions[0]

def _written(env, name):
    """The content of a file that the target writes."""
    return [a for a in analysistest.target_actions(env) if a.outputs.to_list()[0].basename == name][0].content

def _has(env, files, names):
    got = [file.basename for file in files]
    for name in names:
        asserts.true(env, name in got, "{} is none of {}".format(name, got))

def _lacks(env, files, names):
    got = [file.basename for file in files]
    for name in names:
        asserts.false(env, name in got, "{} is one of {}".format(name, got))

def _image_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    action = _action(env, "PortableImage")

    # A PATH, a shell or a host path would make the bits depend on the machine.
    asserts.equals(env, {}, action.env)
    asserts.true(env, action.argv[0].endswith("/mkportable"), action.argv[0])
    packed = ["subject.service", "20-limit.conf", "os-release", "app.conf", "service"]
    inputs = action.inputs.to_list()
    _has(env, inputs, packed + ["mksquashfs"])
    _lacks(env, inputs, ["spec.jsonl", "checks.options.json", "checks.json", "checks.txt", "checked"])

    # An action of its own lists them, for a build that asks for the manifest.
    manifest = _action(env, "PortableManifest")
    _has(env, manifest.inputs.to_list(), packed)
    _lacks(env, manifest.inputs.to_list(), ["mksquashfs", "named_1.2.raw"])

    # Another action checks them: neither waits for the other.
    check = _action(env, "PortableCheck")
    asserts.equals(env, {}, check.env)
    _has(env, check.inputs.to_list(), packed + ["checks.options.json"])
    _lacks(env, check.inputs.to_list(), ["mksquashfs", "named_1.2.raw"])
    asserts.equals(
        env,
        {"allow": {"exec-missing": "A test."}, "minimum_systemd": 252, "profile": "strict"},
        json.decode(_written(env, "checks.options.json")),
    )

    # Inputs of the checks alone do not rebuild the image. (The negative control: the image
    # action's inputs are there.)
    arguments = " ".join(action.argv)
    asserts.true(env, "named_1.2.raw" in arguments, arguments)
    for text in ["profile", "strict", "minimum_systemd", "exec-missing"]:
        asserts.false(env, text in arguments, "{} is in the image's cache key".format(text))

    # One spec for all three actions, and for users.
    for line in [line for line in _written(env, "spec.jsonl").splitlines() if "bazel-out/" not in line]:
        for reader in [action, manifest, check]:
            asserts.true(env, line in reader.argv, "{} does not get {}".format(reader.mnemonic, line))

    info = target[PortableImageInfo]
    groups = target[OutputGroupInfo]
    asserts.equals(env, "named", info.name)
    asserts.equals(env, "1.2", info.version)
    asserts.equals(env, ["named", "subject"], info.prefixes)
    asserts.equals(env, "strict", info.profile)
    asserts.equals(env, ["subject.service", "subject.socket"], [f.basename for f in info.units])
    asserts.equals(env, [info.image], target[DefaultInfo].files.to_list())
    asserts.equals(env, [info.image], action.outputs.to_list())
    asserts.equals(env, [info.manifest], groups.manifest.to_list())
    asserts.equals(env, [info.manifest], manifest.outputs.to_list())
    asserts.equals(env, [info.spec], groups.spec.to_list())
    asserts.equals(env, check.outputs.to_list(), groups.checks.to_list())

    # The checks that fail the build. (The group also has the validations of the image's inputs,
    # such as nogo's.)
    for file in _action(env, "PortableVerdict").outputs.to_list():
        asserts.true(env, file in groups._validation.to_list(), "{} is no validation".format(file))

    # All are in the target's own directory, so that another image can have the same name.
    for file in [info.image, info.manifest, info.spec, info.os_release] + groups.checks.to_list():
        asserts.equals(env, ctx.label.package + "/subject/" + file.basename, file.short_path)
    return analysistest.end(env)

_image_test = analysistest.make(_image_test_impl)

def _out_test_impl(ctx):
    env = analysistest.begin(ctx)
    image = analysistest.target_under_test(env)[PortableImageInfo].image
    asserts.equals(env, ctx.label.package + "/dist/named_1.2.raw", image.short_path)
    return analysistest.end(env)

_out_test = analysistest.make(_out_test_impl)

# The files of one portable name for several machines are in one directory. The providers of a
# set do not depend on the number of machines.
def _set_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    images = target[PortableImageSetInfo].images
    asserts.equals(
        env,
        {architecture: "named_1.2_{}.raw".format(architecture) for architecture in ctx.attr.architectures},
        {architecture: image.image.basename for architecture, image in images.items()},
    )
    for architecture, image in images.items():
        asserts.equals(env, architecture, image.architecture)
        asserts.equals(env, "named", image.name)
    groups = target[OutputGroupInfo]
    asserts.equals(env, [image.image for image in images.values()], target[DefaultInfo].files.to_list())
    asserts.equals(env, [image.spec for image in images.values()], groups.spec.to_list())
    asserts.equals(env, [image.manifest for image in images.values()], groups.manifest.to_list())

    # As text and as JSON.
    asserts.equals(env, ["checks.txt", "checks.json"] * len(images), [file.basename for file in groups.checks.to_list()])

    # A mistake for one machine fails the set: each image has checks of its own.
    verdicts = [file for file in groups._validation.to_list() if file.basename == "checked"]
    asserts.equals(env, len(images), len(verdicts))
    asserts.false(env, PortableImageInfo in target)
    return analysistest.end(env)

_set_test = analysistest.make(_set_test_impl, attrs = {
    "architectures": attr.string_list(doc = "Of the set's platforms, in systemd's words."),
})

_STATUS = ["stable-status.txt", "volatile-status.txt"]

# Without --stamp, neither a commit nor the clock rebuilds anything.
def _unstamped_test_impl(ctx):
    env = analysistest.begin(ctx)
    info = analysistest.target_under_test(env)[OsReleaseInfo]
    asserts.equals(env, {"HOME_URL": "https://example.org", "ID": "hello", "PORTABLE_PREFIXES": "hello world"}, info.fields)
    asserts.equals(env, {"BUILD_ID": "STABLE_VCS_REF"}, info.stamped)
    action = _action(env, "OsRelease")
    asserts.equals(env, {}, action.env)
    asserts.false(env, "--stamp" in action.argv)
    _lacks(env, action.inputs.to_list(), _STATUS)
    return analysistest.end(env)

_unstamped_test = analysistest.make(_unstamped_test_impl)

def _stamped_test_impl(ctx):
    env = analysistest.begin(ctx)
    action = _action(env, "OsRelease")
    asserts.true(env, "BUILD_ID=STABLE_VCS_REF" in action.argv)
    _has(env, action.inputs.to_list(), _STATUS)
    return analysistest.end(env)

_stamped_test = analysistest.make(
    _stamped_test_impl,
    config_settings = {"//command_line_option:stamp": True},
)

# The image's own action never reads the status.
def _stamped_image_test_impl(ctx):
    env = analysistest.begin(ctx)
    _lacks(env, _action(env, "PortableImage").inputs.to_list(), _STATUS)
    return analysistest.end(env)

_stamped_image_test = analysistest.make(
    _stamped_image_test_impl,
    config_settings = {"//command_line_option:stamp": True},
)

# An image adds fields to an os_release. From a portable name with capitals or signs, which systemd
# accepts, it makes an ID that os-release(5) allows. The prefixes of both are there, each once.
def _os_release_of_an_image_test_impl(ctx):
    env = analysistest.begin(ctx)
    argv = _action(env, "OsRelease").argv
    for field in ["ID=capital.1", "IMAGE_ID=capital.1", "PRETTY_NAME=Capital.1", "PORTABLE_PREFIXES=Capital.1 subject hello world"]:
        asserts.true(env, field in argv, "{} is none of {}".format(field, argv))
    return analysistest.end(env)

_os_release_of_an_image_test = analysistest.make(_os_release_of_an_image_test_impl)

_AttributesInfo = provider(
    doc = "What a target's rule has.",
    fields = {"names": "A list of all attributes' names."},
)

def _attributes_impl(_target, ctx):
    return [_AttributesInfo(names = dir(ctx.rule.attr))]

_attributes = aspect(implementation = _attributes_impl)

# Every attribute accepts a select: one that does not would fail here.
def _selected_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    _has(env, target[DefaultInfo].files.to_list(), ctx.attr.files)

    # All attributes have a select, except those that every rule has, and the name of an output.
    common = ctx.attr.of_every_rule[_AttributesInfo].names + ["out"]
    own = [name for name in target[_AttributesInfo].names if name not in common and not name.startswith("_")]
    asserts.equals(env, sorted(own), sorted(ctx.attr.chosen))
    return analysistest.end(env)

_selected_test = analysistest.make(
    _selected_test_impl,
    attrs = {
        "chosen": attr.string_list(doc = "The attributes of the target under test that have a select."),
        "files": attr.string_list(doc = "Names of what it makes or packs: what was chosen."),
        "of_every_rule": attr.label(
            doc = "A target of a rule without attributes.",
            aspects = [_attributes],
        ),
    },
    extra_target_under_test_aspects = [_attributes],
)

def _bare_impl(_ctx):
    return []

_bare = rule(implementation = _bare_impl, doc = "Has only the attributes that every rule has.")

_SELECTED_IMAGE = {
    "allow": {"exec-missing": "A test."},
    "binaries": {"/usr/bin/a": "//service"},
    "binary": "//service",
    "block_size": 65536,
    "compression": "gzip",
    "compression_level": 1,
    "directories": ["/srv"],
    "empty_files": ["/etc/a"],
    "files": {"/etc/app.conf": "app.conf"},
    "max_size": 1000000000,
    "minimum_systemd": 252,
    "modes": {"/srv": "0700"},
    "os_release": "os_release_subject",
    "owners": {"/srv": "1:1"},
    "portable_name": "chosen",
    "prefixes": ["subject"],
    "profile": "trusted",
    "rootfs": ["rootfs_subject"],
    "sbom": "/usr/share/sbom/",
    "sbom_licenses": {"example.org/portable-walkthrough-go": "Apache-2.0"},
    "symlinks": {"/etc/b": "a"},
    "timestamp": 1,
    "trees": {"/srv/many": "many"},
    "unit_dir": "/etc/systemd/system",
    "units": ["subject.service"],
    "version": "2",
}

# name: (rule, a file that it makes or packs, its attributes).
_SELECTED = {
    "os_release": (os_release, ["selected_os_release.os-release"], {
        "architecture": "arm64",
        "build_id": "1",
        "fields": {"HOME_URL": "https://example.org"},
        "id": "hello",
        "image_id": "hello",
        "image_version": "1",
        "portable_prefixes": ["hello"],
        "portable_pretty_name": "Hello",
        "pretty_name": "Hello",
        "stamped": {"BUILD_ID": "STABLE_VCS_REF"},
        "version_id": "1",
    }),
    "portable_image": (portable_image, ["chosen_2.raw"], _SELECTED_IMAGE),
    "portable_image_set": (portable_image_set, ["named_1.2_arm64.raw", "named_1.2_riscv64.raw"], {
        "image": "subject",
        "platforms": [_LINUX + "arm64", _LINUX + "riscv64"],
    }),
    "rootfs": (rootfs, ["app.conf", "many", "service"], {
        name: _SELECTED_IMAGE[name]
        for name in ["binaries", "directories", "empty_files", "files", "modes", "owners", "symlinks", "trees"]
    }),
}

def _chosen(value):
    return select({
        "@platforms//os:linux": value,
        "//conditions:default": value,
    })

# systemd's names of architectures by Go's.
_ARCHITECTURES = {
    "386": "x86",
    "amd64": "x86-64",
    "arm": "arm",
    "arm64": "arm64",
    "ppc64le": "ppc64-le",
    "riscv64": "riscv64",
    "s390x": "s390x",
}

def analysis_tests(name):
    """Declares the tests and the targets under test.

    Args:
        name: the test suite's name.
    """
    native.filegroup(
        name = "both",
        srcs = ["many/one.conf", "many/two.conf"],
    )
    tests = []
    for subject, attributes in {"subject": {}, "out": {"out": "dist/named_1.2.raw"}}.items():
        portable_image(
            name = subject,
            testonly = True,
            allow = {"exec-missing": "A test."},
            binary = "//service",
            files = {"/etc/app.conf": "app.conf"},
            minimum_systemd = 252,
            os_release = "os_release_subject",
            portable_name = "named",
            prefixes = ["subject"],
            profile = "strict",
            tags = ["manual"],
            units = [
                "subject.service",
                "subject.service.d/10-nice.conf",
                "subject.service.d/20-limit.conf",
                "subject.socket",
            ],
            version = "1.2",
            **attributes
        )
    for test, (rule, subject) in {
        "image_test": (_image_test, "subject"),
        "os_release_of_an_image_test": (_os_release_of_an_image_test, "Capital"),
        "out_test": (_out_test, "out"),
        "stamped_image_test": (_stamped_image_test, "subject"),
        "stamped_test": (_stamped_test, "os_release_subject"),
        "unstamped_test": (_unstamped_test, "os_release_subject"),
    }.items():
        rule(name = test, target_under_test = subject)
        tests.append(test)
    for subject, architectures in {"set_of_one": {"arm64": "arm64"}, "set": _ARCHITECTURES}.items():
        portable_image_set(
            name = subject,
            testonly = True,
            image = "subject",
            platforms = [_LINUX + architecture for architecture in architectures],
            tags = ["manual"],
        )
        _set_test(
            name = subject + "_test",
            architectures = architectures.values(),
            target_under_test = subject,
        )
        tests.append(subject + "_test")
    rootfs(
        name = "rootfs_subject",
        directories = ["/tmp"],
        tags = ["manual"],
    )
    os_release(
        name = "os_release_subject",
        fields = {"HOME_URL": "https://example.org"},
        id = "hello",
        portable_prefixes = ["hello", "world"],
        stamped = {"BUILD_ID": "STABLE_VCS_REF"},
        tags = ["manual"],
    )
    os_release(
        name = "prefixes_subject",
        portable_prefixes = ["hello", "subject", "world"],
        tags = ["manual"],
    )
    portable_image(
        name = "Capital",
        testonly = True,
        binary = "//service",
        os_release = "prefixes_subject",
        portable_name = "Capital.1",
        prefixes = ["subject"],
        tags = ["manual"],
        units = ["subject.service"],
    )
    _bare(
        name = "bare",
        testonly = True,
        tags = ["manual"],
    )
    for kind, (rule, files, attributes) in _SELECTED.items():
        rule(
            name = "selected_" + kind,
            testonly = True,
            tags = ["manual"],
            **{attribute: _chosen(value) for attribute, value in attributes.items()}
        )
        _selected_test(
            name = "selected_{}_test".format(kind),
            chosen = attributes.keys(),
            files = files,
            of_every_rule = "bare",
            target_under_test = "selected_" + kind,
        )
        tests.append("selected_{}_test".format(kind))
    native.test_suite(
        name = name,
        tests = tests,
    )
