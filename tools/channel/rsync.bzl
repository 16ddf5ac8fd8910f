"""A test with a real rsync. Gazelle would merge a second go_test of the same sources with the first."""

load("@io_bazel_rules_go//go:def.bzl", "go_test")

visibility(["//tools/channel"])

def rsync_test(name, **kwargs):
    """A go_test whose $RSYNC is the runfiles location of rsync.

    Args:
        name: the test's name.
        **kwargs: further attributes of go_test.
    """
    go_test(
        name = name,
        data = ["@rsync"],
        env = {"RSYNC": "$(rlocationpath @rsync)"},
        target_compatible_with = ["@rsync//:available"],
        **kwargs
    )
