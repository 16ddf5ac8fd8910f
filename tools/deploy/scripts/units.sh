#!/bin/sh
# shellcheck disable=SC2154 # what is set before

# After facts.sh: the units and what they do.
for unit in $units; do
  case $unit in *@.*) continue ;; esac
  say unit "$unit $(property "$unit" ActiveState) $(property "$unit" SubState)"
  case $unit in
  *.service)
    # The last line: "Overall exposure level for UNIT: 2.0 OK".
    systemd-analyze --no-pager security "$unit" 2>/dev/null | {
      last=''
      while IFS= read -r line; do last=$line; done
      say exposure "$unit ${last##*: }"
    }
    ;;
  esac
done
