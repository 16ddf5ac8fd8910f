"""What the rules make of their attributes, without building anything."""

load("@bazel_skylib//lib:unittest.bzl", "analysistest", "asserts")
load("//bzl:defs.bzl", "OsReleaseInfo", "PortableImageInfo", "PortableImageSetInfo", "RootfsInfo", "os_release", "portable_image", "portable_image_set", "rootfs")

visibility("private")

_LINUX = "@io_bazel_rules_go//go/toolchain:linux_"

def _action(env, mnemonic):
    actions = [a for a in analysistest.target_actions(env) if a.mnemonic == mnemonic]
    asserts.equals(env, 1, len(actions))
    return actions[0]

def _image_action_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    action = _action(env, "PortableImage")

    # A PATH, a shell or a host path would make the bits depend on the machine.
    asserts.equals(env, {}, action.env)
    asserts.equals(env, 3, len(action.argv), "arguments are the spec alone: {}".format(action.argv))
    asserts.true(env, action.argv[0].endswith("/mkportable"), action.argv[0])
    asserts.equals(env, "-quiet", action.argv[1])
    asserts.true(env, action.argv[2].endswith("/subject.spec.jsonl"), action.argv[2])
    asserts.equals(env, ["named_1.2.raw"], [f.basename for f in action.outputs.to_list()])

    inputs = [f.basename for f in action.inputs.to_list()]
    for name in ["subject.spec.jsonl", "subject.service", "20-limit.conf", "subject.os-release", "app.conf", "service", "mksquashfs"]:
        asserts.true(env, name in inputs, "{} is no input of the action: {}".format(name, inputs))

    # Listed by an action of its own, for whoever asks for it.
    manifest = _action(env, "PortableManifest")
    asserts.equals(env, ["subject.manifest"], [f.basename for f in manifest.outputs.to_list()])
    asserts.false(env, "mksquashfs" in [f.basename for f in manifest.inputs.to_list()])

    info = target[PortableImageInfo]
    asserts.equals(env, "named", info.name)
    asserts.equals(env, "1.2", info.version)
    asserts.equals(env, ["named", "subject"], info.prefixes)
    asserts.equals(env, "strict", info.profile)
    asserts.equals(env, "subject.os-release", info.os_release.basename)
    asserts.equals(env, ["subject.service", "subject.socket"], [f.basename for f in info.units])
    asserts.equals(env, [info.image], target[DefaultInfo].files.to_list())
    asserts.equals(env, [info.spec], target[OutputGroupInfo].spec.to_list())
    asserts.equals(env, [info.manifest], target[OutputGroupInfo].manifest.to_list())
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
    groups = target[OutputGroupInfo]
    asserts.equals(env, len(images), len(target[DefaultInfo].files.to_list()))
    asserts.equals(env, len(images), len(groups.spec.to_list()))
    asserts.equals(env, len(images), len(groups.manifest.to_list()))

    # As text and as JSON.
    reports = [file.basename for file in groups.checks.to_list()]
    asserts.equals(env, ["subject.checks.txt", "subject.checks.json"] * len(images), reports)

    # An image that is bad for one machine fails the set: each has its own verdict.
    verdicts = [file for file in groups._validation.to_list() if file.basename == "subject.checked"]
    asserts.equals(env, len(images), len(verdicts))
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
        (e.path, e.type, e.mode, e.owner, e.target or (e.source.basename if e.source else ""))
        for e in target[RootfsInfo].entries.to_list()
    ]
    asserts.equals(env, [
        ("/usr/bin/service", "file", "0755", "", "service"),
        ("/usr/bin/service.runfiles/", "file", "0755", "", ""),
        ("/tmp", "directory", "0755", "", ""),
        ("/etc/machine-id", "file", "0644", "", ""),
        ("/etc/mtab", "symlink", "", "", "../proc/mounts"),
        ("/etc/many/", "file", "0644", "", ""),
        ("/srv/many", "tree", "0644", "", ""),
        ("/tmp", "attributes", "1777", "", ""),
        ("/srv/many", "attributes", "", "1:2", ""),
    ], got)
    files = [f.basename for f in target[RootfsInfo].files.to_list()]
    for name in ["service", "one.conf", "two.conf", "many"]:
        asserts.true(env, name in files, "{} is none of {}".format(name, files))
    return analysistest.end(env)

_rootfs_test = analysistest.make(_rootfs_test_impl)

# Without --stamp no commit and no clock may make anything anew.
def _unstamped_test_impl(ctx):
    env = analysistest.begin(ctx)
    info = analysistest.target_under_test(env)[OsReleaseInfo]
    asserts.equals(env, {"HOME_URL": "https://example.org", "ID": "hello", "PORTABLE_PREFIXES": "hello world"}, info.fields)
    asserts.equals(env, {"BUILD_ID": "STABLE_VCS_REF"}, info.stamped)
    action = _action(env, "OsRelease")
    asserts.equals(env, {}, action.env)
    asserts.false(env, "--stamp" in action.argv)
    for file in action.inputs.to_list():
        asserts.false(env, file.basename.endswith("-status.txt"), file.path)
    return analysistest.end(env)

_unstamped_test = analysistest.make(_unstamped_test_impl)

def _stamped_test_impl(ctx):
    env = analysistest.begin(ctx)
    action = _action(env, "OsRelease")
    asserts.true(env, "BUILD_ID=STABLE_VCS_REF" in action.argv)
    inputs = [file.basename for file in action.inputs.to_list()]
    for name in ["stable-status.txt", "volatile-status.txt"]:
        asserts.true(env, name in inputs, "{} is none of {}".format(name, inputs))
    return analysistest.end(env)

_stamped_test = analysistest.make(
    _stamped_test_impl,
    config_settings = {"//command_line_option:stamp": True},
)

# The image's own action never reads the status.
def _stamped_image_test_impl(ctx):
    env = analysistest.begin(ctx)
    for file in _action(env, "PortableImage").inputs.to_list():
        asserts.false(env, file.basename.endswith("-status.txt"), file.path)
    return analysistest.end(env)

_stamped_image_test = analysistest.make(
    _stamped_image_test_impl,
    config_settings = {"//command_line_option:stamp": True},
)

# What an image adds to an os_release: a name with capitals or signs, which systemd accepts,
# makes no ID that os-release(5) forbids; prefixes of both are there, each once.
def _os_release_of_an_image_test_impl(ctx):
    env = analysistest.begin(ctx)
    argv = _action(env, "OsRelease").argv
    for field in ["ID=capital-1", "IMAGE_ID=capital-1", "PRETTY_NAME=Capital+1", "PORTABLE_PREFIXES=Capital+1 subject hello world"]:
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

# Every attribute takes a select: a label that does not would fail here.
def _selected_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    files = [file.basename for file in target[DefaultInfo].files.to_list()]
    for name in ctx.attr.files:
        asserts.true(env, name in files, "{} is none of {}".format(name, files))

    # All are chosen, but for those that every rule has.
    common = ctx.attr.of_every_rule[_AttributesInfo].names
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
    "binaries": {"//service": "/usr/bin/a"},
    "binary": "//service",
    "block_size": 65536,
    "compression": "gzip",
    "compression_level": 1,
    "directories": ["/srv"],
    "empty_files": ["/etc/a"],
    "files": {"app.conf": "/etc/app.conf"},
    "minimum_systemd": 252,
    "modes": {"/srv": "0700"},
    "os_release": "os_release_subject",
    "owners": {"/srv": "1:1"},
    "portable_name": "chosen",
    "prefixes": ["subject"],
    "profile": "trusted",
    "rootfs": ["rootfs_subject"],
    "symlinks": {"/etc/b": "a"},
    "timestamp": 1,
    "trees": {"many": "/srv/many"},
    "unit_dir": "/etc/systemd/system",
    "units": ["subject.service"],
    "version": "2",
}

# name: (rule, what it makes or packs, its attributes).
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

def analysis_tests(name):
    """Declares the tests and the targets under test.

    Args:
        name: the test suite's name.
    """
    native.filegroup(
        name = "both",
        srcs = ["many/one.conf", "many/two.conf"],
    )
    portable_image(
        name = "subject",
        testonly = True,
        binary = "//service",
        files = {"app.conf": "/etc/app.conf"},
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
    )
    _image_action_test(
        name = "image_action_test",
        target_under_test = "subject",
    )
    _stamped_image_test(
        name = "stamped_image_test",
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
    rootfs(
        name = "rootfs_subject",
        binaries = {"//service": "/usr/bin/"},
        directories = ["/tmp"],
        empty_files = ["/etc/machine-id"],
        files = {":both": "/etc/many/"},
        modes = {"/tmp": "1777"},
        owners = {"/srv/many": "1:2"},
        symlinks = {"/etc/mtab": "../proc/mounts"},
        tags = ["manual"],
        trees = {"many": "/srv/many"},
    )
    _rootfs_test(
        name = "rootfs_test",
        target_under_test = "rootfs_subject",
    )
    os_release(
        name = "os_release_subject",
        fields = {"HOME_URL": "https://example.org"},
        id = "hello",
        portable_prefixes = ["hello", "world"],
        stamped = {"BUILD_ID": "STABLE_VCS_REF"},
        tags = ["manual"],
    )
    _unstamped_test(
        name = "unstamped_test",
        target_under_test = "os_release_subject",
    )
    _stamped_test(
        name = "stamped_test",
        target_under_test = "os_release_subject",
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
        portable_name = "Capital+1",
        prefixes = ["subject"],
        tags = ["manual"],
        units = ["subject.service"],
    )
    _os_release_of_an_image_test(
        name = "os_release_of_an_image_test",
        target_under_test = "Capital",
    )
    _bare(
        name = "bare",
        testonly = True,
        tags = ["manual"],
    )
    selected_tests = []
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
        selected_tests.append("selected_{}_test".format(kind))
    native.test_suite(
        name = name,
        tests = selected_tests + [
            "image_action_test",
            "os_release_of_an_image_test",
            "rootfs_test",
            "set_of_one_test",
            "set_test",
            "stamped_image_test",
            "stamped_test",
            "unstamped_test",
        ],
    )
