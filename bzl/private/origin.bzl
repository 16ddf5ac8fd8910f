"""Helpers for the actions and the error messages of all rules."""

visibility("private")

# The requirements of every action. No path in arguments or parameter files is a plain string, so
# Bazel can remove the configuration's name from them (--experimental_output_paths=strip). One
# cache entry then serves several configurations.
PATH_MAPPING = {"supports-path-mapping": "1"}

def shown(label):
    """Returns a label as its user writes it, without the prefix of the main repository.

    Args:
        label: the Label.

    Returns:
        A string.
    """

    # buildifier: disable=canonical-repository
    return str(label).lstrip("@") if not label.repo_name else str(label)

def own_file(ctx, name):
    """Declares an output in the target's own directory.

    So several targets of one package can have outputs of the same name, such as images of one
    portable name.

    Args:
        ctx: the context of the target's rule.
        name: the file's name.

    Returns:
        A File.
    """
    return ctx.actions.declare_file(ctx.label.name + "/" + name)

def refuse(ctx, rule, attribute, message, *values):
    """Fails the analysis of a target.

    Args:
        ctx: the context of the target's rule.
        rule: the rule's name, which a context does not have.
        attribute: the name of the wrong attribute.
        message: the error and, in another sentence, the fix.
        *values: the values for the message's {}.
    """
    fail("{} {}: attribute \"{}\": {}".format(rule, shown(ctx.label), attribute, message.format(*values)))

def declared_by(ctx, attribute):
    """Returns the origin of an entry (see RootfsInfo.entries).

    Args:
        ctx: the context of the declaring rule.
        attribute: the attribute's name.

    Returns:
        A string.
    """
    return "{} in {}".format(attribute, shown(ctx.label))
