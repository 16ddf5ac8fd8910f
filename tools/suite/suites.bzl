"""The Debian suites whose systemd tests compare with."""

visibility(["//tools/..."])

_ARCHIVES = ["@vm_{}//:root.tar".format(suite) for suite in ["bookworm", "bullseye", "forky", "trixie"]]

# Without a Debian mirror there are no suites, and package suite skips the tests.
SUITES_DATA = select({
    "@vm_forky//:available": _ARCHIVES,
    "//conditions:default": [],
})

SUITES_ENV = select({
    "@vm_forky//:available": {"SYSTEMDS": " ".join(["$(rlocationpath {})".format(archive) for archive in _ARCHIVES])},
    "//conditions:default": {},
})
