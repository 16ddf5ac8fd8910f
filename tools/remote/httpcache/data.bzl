"""What programs that use package httpcache must be given."""

visibility(["//tools/remote/..."])

HTTPCACHE_DATA = ["@remote_nginx//:nginx"]

HTTPCACHE_ENV = {"NGINX_PROGRAM": "$(rlocationpath @remote_nginx//:nginx)"}
