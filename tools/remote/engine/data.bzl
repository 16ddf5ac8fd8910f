"""What programs that use package engine must be given."""

visibility(["//tools/remote/..."])

_PROGRAMS = {
    "BUILDBOX_CASD": "@remote_buildbox//:buildbox-casd",
    "BUILDBOX_RUN_BUBBLEWRAP": "@remote_buildbox//:buildbox-run-bubblewrap",
    "BUILDBOX_RUN_HOSTTOOLS": "@remote_buildbox//:buildbox-run-hosttools",
    "BWRAP": "@bubblewrap//:bwrap",
}

ENGINE_DATA = _PROGRAMS.values()

ENGINE_ENV = {variable: "$(rlocationpath {})".format(label) for variable, label in _PROGRAMS.items()}

# The one build tag of this repository leaves HTTP/2 out of net/http, which gRPC needs.
# Tags replace that of .bazelrc; this one means nothing else.
WITH_HTTP2 = ["with_http2"]
