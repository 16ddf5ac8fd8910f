"""The rule `configuration`: flags and platforms as values.

A rule can't read --stamp or ask which CPU the target platform has; `select` can,
and this rule hands on what it chose.
"""

load(":configuration_info.bzl", "ConfigurationInfo")

visibility("private")

def _configuration_impl(ctx):
    return [ConfigurationInfo(architecture = ctx.attr.architecture, stamp = ctx.attr.stamp)]

configuration = rule(
    implementation = _configuration_impl,
    doc = "Provides ConfigurationInfo. There is one target of it, beside this file.",
    attrs = {
        "architecture": attr.string(doc = "See ConfigurationInfo."),
        "stamp": attr.bool(doc = "See ConfigurationInfo."),
    },
    provides = [ConfigurationInfo],
)
