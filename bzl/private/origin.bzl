"""How errors name what somebody wrote."""

def shown(label):
    """A label as its user writes it: without the main repository's `@@`.

    Args:
        label: the Label.

    Returns:
        A string.
    """
    return str(label).removeprefix("@@") if not label.workspace_name else str(label)

def declared_by(ctx, attribute):
    """The origin of an entry (see RootfsInfo.entries).

    Args:
        ctx: the context of the rule that declares it.
        attribute: the attribute's name.

    Returns:
        A string.
    """
    return "{} in {}".format(attribute, shown(ctx.label))
