"""The provider of a build's configuration."""

visibility("private")

ConfigurationInfo = provider(
    doc = "The parts of a build's configuration that affect an image.",
    fields = {
        "architecture": "string: the target platform's CPU under systemd's name, such as arm64 or x86-64; \"\" if systemd has no name for it.",
        "stamp": "bool: whether --stamp is on.",
    },
)
