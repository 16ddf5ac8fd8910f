"""The provider of a build's configuration."""

visibility("private")

ConfigurationInfo = provider(
    doc = "What an image takes from the configuration that it is built in.",
    fields = {
        "architecture": "string: the target platform's CPU in systemd's words, such as arm64 or x86-64; \"\" if systemd has none for it.",
        "stamp": "bool: whether --stamp is on.",
    },
)
