"""What the actions of all rules have in common, and how errors name what somebody wrote."""

visibility("private")

# Requirements of every action: no path in its arguments or parameter files is a mere string,
# so that Bazel may leave the configuration's name out of them
# (--experimental_output_paths=strip). One cache entry then serves several configurations.
PATH_MAPPING = {"supports-path-mapping": "1"}

def shown(label):
    """A label as its user writes it: without the marks of the main repository.

    Args:
        label: the Label.

    Returns:
        A string.
    """

    # buildifier: disable=canonical-repository
    return str(label).lstrip("@") if not label.repo_name else str(label)

def own_file(ctx, name):
    """Declares an output in the target's own directory.

    Targets of one package so have files of the same name: images of one portable name.

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
        attribute: the name of the attribute that is wrong.
        message: what is wrong with it and, in another sentence, how to fix it.
        *values: what the message's {} stand for.
    """
    fail("{} {}: attribute \"{}\": {}".format(rule, shown(ctx.label), attribute, message.format(*values)))

def declared_by(ctx, attribute):
    """The origin of an entry (see RootfsInfo.entries).

    Args:
        ctx: the context of the rule that declares it.
        attribute: the attribute's name.

    Returns:
        A string.
    """
    return "{} in {}".format(attribute, shown(ctx.label))
