#!/bin/sh
# shellcheck disable=SC2154 # what is set before

# The journal of the units that are attached.
# Set before: lines (how many), follow (1: go on).
: "${lines:?}" "${follow=}"

find_attached
[ -n "$units" ] || fail "no image of $name is attached"
set --
for unit in $units; do
  case $unit in
  *@.*) set -- "$@" "--unit=${unit%%@*}@*.${unit##*.}" ;;
  *) set -- "$@" "--unit=$unit" ;;
  esac
done
[ "$follow" != 1 ] || set -- "$@" --follow
journalctl --no-pager --lines="$lines" "$@" | while IFS= read -r line; do
  say log "$line"
done
