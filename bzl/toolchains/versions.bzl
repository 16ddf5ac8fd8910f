"""Versions and digests of the tools that are downloaded as archives.

tools/provision reads GO_VERSION from this file, so that the closed world has the same SDK. It
verifies the SDK by the module sum in tools/provision/pins.sh.
"""

visibility("private")

GO_VERSION = "1.26.7"

GO_SDK_SHA256 = {
    "amd64": "ffb5f8de10c62550dfddab66b36b57030721e0a44a3218e9e1181d7b59f121ca",
    "arm64": "5a4ec883379d51ee9ce1040d5e87f8d35e20387574dd8c947feb01eabc3c1b37",
}

SHELLCHECK_VERSION = "0.11.0"

SHELLCHECK_SHA256 = {
    "aarch64": "12b331c1d2db6b9eb13cfca64306b1b157a86eb69db83023e261eaa7e7c14588",
    "x86_64": "8c3be12b05d5c177a04c29e3c78ce89ac86f1595681cab149b65b97c4e227198",
}
