"""The rule `configuration`: flags and platforms as values.

A rule can't read --stamp or the CPU of the target platform, but `select` can. This rule passes
on the selected values.
"""

load(":configuration_info.bzl", "ConfigurationInfo")

visibility("private")

def _configuration_impl(ctx):
    return [ConfigurationInfo(architecture = ctx.attr.architecture, stamp = ctx.attr.stamp)]

configuration = rule(
    implementation = _configuration_impl,
    doc = "Provides ConfigurationInfo. It has one target, beside this file.",
    attrs = {
        "architecture": attr.string(doc = "See ConfigurationInfo."),
        "stamp": attr.bool(doc = "See ConfigurationInfo."),
    },
    provides = [ConfigurationInfo],
)
