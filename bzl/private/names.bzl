"""The names of images, and the prefixes of their units."""

load(":origin.bzl", "refuse")

visibility("private")

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

# The characters in names of units, and so in their prefixes (systemd.unit(5)). An image's name
# has no underscore, because that starts a version.
_NAME = _LETTERS + "0123456789-.\\"
_PREFIX = _NAME + ":_"

def _is_made_of(text, characters):
    return not [c for c in text.elems() if c not in characters]

def checked_names(ctx, rule):
    """Returns the image's portable name and its prefixes, or fails if portablectl refuses them.

    Args:
        ctx: the context of a target with the attributes portable_name and prefixes.
        rule: the rule's name, for errors.

    Returns:
        A pair: the name, and a list of strings, the name first.
    """
    name = ctx.attr.portable_name or ctx.label.name
    shown = "\"{}\"".format(name) if ctx.attr.portable_name else "\"{}\" (the target's name)".format(name)
    if "_" in name:
        refuse(
            ctx,
            rule,
            "portable_name",
            "{} has an underscore, which starts a version. Choose a name without one. For units called {}*, add \"{}\" to prefixes: portablectl attach IMAGE {} takes them.",
            shown,
            name,
            name,
            name,
        )
    if name.startswith(".") or not _is_made_of(name, _NAME):
        refuse(
            ctx,
            rule,
            "portable_name",
            "{} is not a valid name: portablectl accepts letters, digits, \"-\", \".\" and \"\\\", but no dot at the start. Choose another name.",
            shown,
        )
    for prefix in ctx.attr.prefixes:
        if not prefix or not _is_made_of(prefix, _PREFIX):
            refuse(
                ctx,
                rule,
                "prefixes",
                "\"{}\" is not a valid prefix: a prefix is not empty and has only letters, digits, \"-\", \".\", \"_\", \":\" and \"\\\". Write each prefix as a separate string.",
                prefix,
            )
    return name, [name] + ctx.attr.prefixes
