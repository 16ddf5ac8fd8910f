#!/bin/sh
# shellcheck disable=SC2154 # what is set before

# Installs a certificate, by which systemd trusts the verity images that its key has signed
# (systemd.exec(5), RootVerity=).
# Set before: trust (the directory), certificate (PEM).
: "${trust:?}" "${certificate:?}"

must mkdir -p "$trust"
say run "write $trust/$name.crt"
if ! { printf '%s\n' "$certificate" >"$trust/.#$name.crt" && mv -T "$trust/.#$name.crt" "$trust/$name.crt"; }; then
  fail "can't write $trust/$name.crt"
fi
