"""Checks of what `portable_test` expects: a misspelt expectation fails before a machine boots."""

load(":origin.bzl", "refuse")

visibility("private")

# systemd.unit(5).
_UNIT_TYPES = ["automount", "device", "mount", "path", "scope", "service", "slice", "socket", "swap", "target", "timer"]

# org.freedesktop.systemd1(5), ActiveState.
_ACTIVE_STATES = ["activating", "active", "deactivating", "failed", "inactive", "maintenance", "refreshing", "reloading"]

def _is_number(text):
    parts = text.split(".")
    return len(parts) <= 2 and all([part.isdigit() for part in parts])

def _check_unit(ctx, rule, attribute, unit):
    if "/" in unit or unit.rpartition(".")[2] not in _UNIT_TYPES or unit.startswith("."):
        refuse(ctx, rule, attribute, "\"{}\" is not the name of a unit. Write it with its type, as in \"{}.service\".", unit, unit.split("/")[-1] or "app")

def check_expectations(ctx, rule):
    """Fails the analysis of a target if no machine could meet its expectations.

    Args:
        ctx: the context of a portable_test.
        rule: the rule's name, for errors.
    """
    for socket in ctx.attr.sockets:
        tcp = socket.startswith("tcp:") and socket.count(":") >= 2 and socket.rpartition(":")[2].isdigit()
        if not socket.startswith("unix:/") and not tcp:
            refuse(ctx, rule, "sockets", "\"{}\" is not an address of a stream socket. Write unix:/PATH or tcp:HOST:PORT.", socket)
    for url in ctx.attr.http:
        if not url.startswith("http://"):
            refuse(ctx, rule, "http", "\"{}\" is not a URL that starts with http://. A test in a machine without a network has no certificates; test https with commands.", url)
    for unit, state in ctx.attr.units.items():
        _check_unit(ctx, rule, "units", unit)
        if state.split("/")[0] not in _ACTIVE_STATES:
            refuse(ctx, rule, "units", "\"{}\" of {} is not a state. Write one of {}, or STATE/SUBSTATE, as in active/waiting.", state, unit, ", ".join(_ACTIVE_STATES))
    for unit in ctx.attr.idle_exit:
        if not unit.endswith(".service"):
            refuse(ctx, rule, "idle_exit", "\"{}\" is not the name of a service. Write it with its type, as in \"{}.service\".", unit, unit)
    for unit in ctx.attr.start:
        _check_unit(ctx, rule, "start", unit)
    for unit in ctx.attr.drop_ins.values():
        _check_unit(ctx, rule, "drop_ins", unit)
    bound = ctx.attr.max_exposure
    if bound and (not _is_number(bound) or float(bound) > 10):
        refuse(ctx, rule, "max_exposure", "\"{}\" is not a rating. Write a number from 0, the best, to 10, as in \"2.1\".", bound)
