#!/bin/sh
# shellcheck disable=SC2154 # what is set before

# Stops and detaches what is attached. The services' state stays, and so do the images.
# Set before: prefixes, purge (1: remove state and images).
: "${prefixes:?}" "${purge=}"
trap '' HUP INT TERM PIPE

find_attached
if [ -n "$units" ]; then
  instances='' services=''
  for unit in $units; do
    case $unit in
    *@.service)
      for instance in $(systemctl list-units --plain --no-legend --full --all "${unit%.service}*.service" |
        while read -r id _; do printf '%s\n' "$id"; done); do
        instances="$instances $instance"
      done
      continue
      ;;
    *@.*) continue ;;
    *.service) services="$services $unit" ;;
    esac
    [ "$(property "$unit" UnitFileState)" != enabled ] || must systemctl disable "$unit"
  done
  stopped=$(plain "$units")
  # In one go: else a socket would start its service again.
  # shellcheck disable=SC2086 # words
  must systemctl stop $stopped $instances
  # shellcheck disable=SC2086 # words
  try systemctl reset-failed $stopped $instances
  if [ "$purge" = 1 ]; then
    for unit in $services $instances; do
      must systemctl clean --what=all "$unit"
    done
  fi
  # shellcheck disable=SC2086 # words
  must portablectl --no-pager $runtime detach "$image" $prefixes
fi
if [ "$purge" = 1 ]; then
  must rm -f "$directory/$name.history"
  remove_others
fi
say "done" "$image"
