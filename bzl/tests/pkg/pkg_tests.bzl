"""What becomes of a layout that rules_pkg describes."""

load("@bazel_skylib//lib:unittest.bzl", "analysistest", "asserts")
load("//bzl:defs.bzl", "RootfsInfo")

visibility("private")

def _layout_test_impl(ctx):
    env = analysistest.begin(ctx)
    info = analysistest.target_under_test(env)[RootfsInfo]
    asserts.equals(env, [
        ("/etc/app.conf", "symlink", "", "0:0", "app/app.conf", "//bzl/tests/pkg:link"),
        ("/etc/app/app.conf", "file", "0640", "0:33", "app.conf", "//bzl/tests/pkg:conf"),
        ("/usr/share/app/css/plain.css", "file", "0644", "0:0", "plain.css", "//bzl/tests/pkg:www"),
        ("/usr/share/app/index.html", "file", "0644", "0:0", "index.html", "//bzl/tests/pkg:www"),
        ("/usr/share/app/made", "file", "0644", "0:0", "made", "//bzl/tests/pkg:made"),
        ("/var/spool/app", "directory", "1777", "0:0", "", "//bzl/tests/pkg:dirs"),
    ], sorted([
        (e.path, e.type, e.mode, e.owner, e.target or (e.source.basename if e.source else ""), e.origin)
        for e in info.entries.to_list()
    ]))
    asserts.equals(env, ["app.conf", "index.html", "made", "plain.css"], sorted([f.basename for f in info.files.to_list()]))
    return analysistest.end(env)

_layout_test = analysistest.make(_layout_test_impl)

def pkg_tests(name):
    """Declares the test.

    Args:
        name: the test suite's name.
    """
    _layout_test(
        name = "layout_test",
        target_under_test = "layout",
    )
    native.test_suite(
        name = name,
        tests = ["layout_test"],
    )
