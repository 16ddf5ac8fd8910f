#!/bin/sh
# shellcheck disable=SC2154 # what is set before

# One deployment at a time: takes the lock and keeps it as long as the other side says, at
# least every 30 s, that it is there. A connection that is lost frees it.
# Set before: lock (a file below /run), who (the deployer, for people).
: "${lock:?}" "${who:?}"

exec 9>>"$lock" || fail "can't write $lock"
flock --nonblock 9 || fail "locked by $(cat "$lock")"
printf '%s, since %s\n' "$who" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$lock"
say locked 1
while [ "$(timeout 30 head -c 1)" = . ]; do :; done
: >"$lock"
