"""What programs that use package servers must be given."""

visibility(["//tools/remote/..."])

_PROGRAMS = {
    "BUILDBOX_CASD": "@remote_buildbox//:buildbox-casd",
    "BUILDBOX_RUN_BUBBLEWRAP": "@remote_buildbox//:buildbox-run-bubblewrap",
    "BUILDBOX_RUN_HOSTTOOLS": "@remote_buildbox//:buildbox-run-hosttools",
    "BWRAP": "@bubblewrap//:bwrap",
    "NGINX": "@remote_nginx//:nginx",
}

SERVERS_DATA = _PROGRAMS.values()

SERVERS_ENV = {variable: "$(rlocationpath {})".format(label) for variable, label in _PROGRAMS.items()}

SERVERS_AVAILABLE = [
    "@remote_buildbox//:available",
    "@remote_nginx//:available",
]

# gRPC needs HTTP/2 in net/http, which .bazelrc leaves out by a build tag. This tag replaces it,
# and has no other effect.
WITH_HTTP2 = ["with_http2"]
