#!/bin/sh
# shellcheck disable=SC2154 # what is set before

# Attaches an image, in place of another one if one is attached, and goes back if the
# services do not come up. The host does all of this by itself: a connection that is lost
# leaves nothing half-done.
# Set before:
#   how       attach, reattach, swap or replace: see put
#   new, profile            the image's path, and the profile for it
#   old, old_profile        those attached now; empty for none
#   prefixes                of units' names, for portablectl
#   enable    1: enable units that have an [Install] section
#   now       1: restart sockets, timers and paths too
#   patience, settle        seconds until units must be up, and must have stayed so
#   check     a shell command that must succeed, too; or empty
#   verdict   1: then wait for a line "good" from the other side
#   entries   the new contents of the history
: "${how:?}" "${new:?}" "${profile:?}" "${prefixes:?}" "${patience:?}" "${settle:?}" "${entries:?}"
: "${old=}" "${old_profile=}" "${enable=}" "${now=}" "${check=}" "${verdict=}"
trap '' HUP INT TERM PIPE

exec 8>>"$directory/$name.history" || fail "can't write $directory/$name.history"
flock --timeout 300 8 || fail 'another deployment is still under way on this host'

# put IMAGE PROFILE INSTEAD: attaches an image in place of another one.
put() {
  case $how in
  attach)
    # shellcheck disable=SC2086 # words
    try portablectl --no-pager --profile="$2" attach "$1" $prefixes
    ;;
  reattach)
    # Without --now: sockets stay as they are, and services run on (portablectl(1)).
    # shellcheck disable=SC2086 # words
    try portablectl --no-pager $runtime --profile="$2" reattach "$1" $prefixes
    ;;
  swap)
    # systemd before 248 has no reattach. Both images have the same units, so it would
    # change no more than the path in portabled's drop-ins.
    for unit in $units; do
      for where in $attached; do
        swap_in "$where/$unit.d/20-portable.conf" "${3##*/}" "${1##*/}" || return
      done
    done
    try systemctl daemon-reload
    ;;
  replace)
    # shellcheck disable=SC2046,SC2086 # words
    try systemctl stop $(plain "$units") $instances &&
      try portablectl --no-pager $runtime detach "$3" $prefixes &&
      try portablectl --no-pager $runtime --profile="$2" attach "$1" $prefixes
    ;;
  esac
}

# disable_vanishing: units that the new image has no more, while systemd knows them.
disable_vanishing() {
  for unit in $units; do
    if ! has "$unit" "$wanted" && [ "$(property "$unit" UnitFileState)" = enabled ]; then
      try systemctl disable "$unit" && disabled="$disabled $unit"
    fi
  done
}

# same_units: do both images have the same units, for the same profile, in the same place?
same_units() {
  [ "$profile" = "$old_profile" ] && [ "${old%/*}" = "${new%/*}" ] || return
  # shellcheck disable=SC2086 # words
  one=$(portablectl --no-pager --cat inspect "$old" $prefixes 2>/dev/null) &&
    other=$(portablectl --no-pager --cat inspect "$new" $prefixes 2>/dev/null) || return
  for unit in $units $wanted; do
    has "$unit" "$units" && has "$unit" "$wanted" &&
      [ "$(unit_text "$unit" "$one")" = "$(unit_text "$unit" "$other")" ] || return
  done
}

# unit_text UNIT TEXT: the unit's part of what portablectl --cat inspect prints.
unit_text() {
  text=${2#*"-- Unit file: $1 --"}
  printf '%s\n' "${text%%-- Unit file: *}"
}

# swap_in FILE OLD NEW: replaces one text by another in a file, atomically.
swap_in() {
  [ -f "$1" ] || return 0
  say run "replace $2 by $3 in $1"
  while IFS= read -r line; do
    case $line in *"$2"*) line=${line%%"$2"*}$3${line#*"$2"} ;; esac
    printf '%s\n' "$line"
  done <"$1" >"$1.new" && mv "$1.new" "$1"
}

# find_running: $services that run, or have failed, and must be started with the other image;
# $active: other units that are active; $broken: other units that have failed.
find_running() {
  services='' active='' broken='' instances=''
  for unit in $units; do
    case $unit in
    *@.service)
      for instance in $(systemctl list-units --plain --no-legend --full --state=active,activating,reloading "${unit%.service}*.service" |
        while read -r id _; do printf '%s\n' "$id"; done); do
        services="$services $instance" instances="$instances $instance"
      done
      ;;
    *@.*) ;;
    *)
      state=$(property "$unit" ActiveState)
      case $state in
      inactive | '') ;;
      *)
        case $unit:$state in
        *.service:*) services="$services $unit" ;;
        *:failed) broken="$broken $unit" ;;
        *) active="$active $unit" ;;
        esac
        ;;
      esac
      ;;
    esac
  done
}

# start_needed UNITS: starts what nobody else starts: sockets, timers and paths, what has
# an [Install] section, and services that no other unit triggers or wants.
start_needed() {
  first='' second=''
  for unit in $1; do
    case $unit in
    *@.*) continue ;;
    esac
    state=$(property "$unit" UnitFileState)
    case $state in
    disabled)
      [ "$enable" != 1 ] || try systemctl enable "$unit" || return
      ;;
    esac
    case $unit:$state in
    *.socket:* | *.timer:* | *.path:*) first="$first $unit" ;;
    *.service:static | *.target:static) second="$second $unit" ;;
    *) first="$first $unit" ;;
    esac
  done
  # shellcheck disable=SC2086 # words
  [ -z "$first" ] || try systemctl start $first || return
  started="$started$first"
  for unit in $second; do
    case $unit in *.target) continue ;; esac
    [ -z "$(systemctl show --value --property=TriggeredBy,WantedBy,RequiredBy,UpheldBy "$unit" | while read -r line; do printf '%s' "$line"; done)" ] || continue
    try systemctl start "$unit" || return
    started="$started $unit"
  done
}

# probe: a service that a socket starts is started once, so that an image whose service
# can't start is noticed now, and not by the first client.
probe() {
  for unit in $units; do
    case $unit in *@.*) continue ;; *.service) ;; *) continue ;; esac
    [ "$(property "$unit" ActiveState)" = inactive ] || continue
    for trigger in $(property "$unit" TriggeredBy); do
      case $trigger in
      *.socket)
        if systemctl --quiet is-active "$trigger"; then
          try systemctl start "$unit" || return
          started="$started $unit"
          break
        fi
        ;;
      esac
    done
  done
}

# count_restarts SERVICES: $restarts is how often systemd has restarted each by itself. It goes on
# counting if it is asked to restart one that it was about to restart after a failure.
count_restarts() {
  restarts=' '
  for unit in $1; do
    restarts="$restarts$unit=$(property "$unit" NRestarts) "
  done
}

# healthy UNITS: waits until they are up and have stayed so. Else $words is why not.
healthy() {
  end=$(($(date +%s) + patience)) since=''
  while :; do
    waiting=''
    for unit in $1; do
      ActiveState='' SubState='' Result='' NRestarts='' Type='' TriggeredBy=''
      # shellcheck disable=SC2034 # eval reads it
      while IFS='=' read -r key value; do
        case $key in ActiveState | SubState | Result | NRestarts | Type | TriggeredBy) eval "$key=\$value" ;; esac
      done <<SHOW
$(systemctl show --property=ActiveState,SubState,Result,NRestarts,Type,TriggeredBy "$unit")
SHOW
      case $restarts in *" $unit=$NRestarts "*) NRestarts=0 ;; esac
      case $ActiveState/$SubState/${Result:-success}/${NRestarts:-0} in
      failed/* | */auto-restart*) ;;
      active/*/success/0) continue ;;
      inactive/*/success/0)
        # Done, or idle until somebody asks for it.
        case $unit:$Type:$TriggeredBy in
        *.service:oneshot:* | *.service:*:?*) continue ;;
        esac
        ;;
      activating/*/success/0 | deactivating/*/success/0 | reloading/*/success/0 | refreshing/*/success/0)
        waiting=$unit
        continue
        ;;
      esac
      words="$unit is $ActiveState ($SubState), result ${Result:-success}, restarted ${NRestarts:-0} times
$(journalctl --no-pager --output=cat --lines=10 --unit="$unit" 2>&1)"
      return 1
    done
    moment=$(date +%s)
    if [ -n "$waiting" ]; then
      since=''
    else
      since=${since:-$moment}
      [ $((moment - since)) -lt "$settle" ] || break
    fi
    if [ -n "$waiting" ] && [ "$moment" -gt "$end" ]; then
      words="$waiting is not up after $patience s"
      return 1
    fi
    sleep 0.3
  done
  if [ -n "$check" ]; then
    say run "$check"
    # Retried, as a service may need some time to be ready.
    until words=$(sh -c "$check" 2>&1); do
      if [ "$(date +%s)" -gt "$end" ]; then
        words="the health check failed: $check
$words"
        return 1
      fi
      sleep 0.5
    done
  fi
}

# asked: the other side's verdict. A connection that is lost is a bad one.
asked() {
  [ "$verdict" = 1 ] || return 0
  say ask 1
  # KILL: the others are ignored, here and by what is started here.
  answer=$(timeout --signal=KILL $((patience + 60)) head -c 4)
  [ "$answer" != good ] || return 0
  words=${answer:+'the health check failed'}
  words=${words:-'the connection was lost before the health check was over'}
  return 1
}

# restart: what ran before runs with the image that is attached now.
restart() {
  if [ -n "$broken" ]; then
    # shellcheck disable=SC2086 # words
    try systemctl reset-failed $services $broken
    # shellcheck disable=SC2086 # words
    try systemctl start $broken || return
    active="$active $broken" broken=''
  fi
  if [ "$now" = 1 ] || [ "$how" = replace ]; then
    # shellcheck disable=SC2086 # words
    [ -z "$active" ] || try systemctl restart $active || return
  fi
  # shellcheck disable=SC2086 # words
  [ -z "$services" ] || try systemctl restart $services || {
    for unit in $services; do
      words="$words
$(journalctl --no-pager --output=cat --lines=10 --unit="$unit" 2>&1)"
    done
    return 1
  }
  count_restarts "$services"
}

# back: to the image before.
back() {
  say_words
  say rolling-back "$old"
  obsolete=''
  find_attached
  for unit in $units; do
    has "$unit" "$before" || obsolete="$obsolete $unit"
  done
  # shellcheck disable=SC2086 # words
  if [ -n "$obsolete" ]; then
    try systemctl disable $obsolete
    # shellcheck disable=SC2046 # words
    try systemctl stop $(plain "$obsolete")
  fi
  # A reattach that failed half-way may have left nothing attached.
  # shellcheck disable=SC2086 # words
  put "$old" "$old_profile" "$new" ||
    try portablectl --no-pager --profile="$old_profile" --force attach "$old" $prefixes || {
    # shellcheck disable=SC2046,SC2086 # words
    try systemctl stop $(plain "$before") $services
    # shellcheck disable=SC2086 # words
    try portablectl --no-pager --profile="$old_profile" attach "$old" $prefixes || fail "can't attach $old again"
  }
  # A service that failed too often, and its socket, would refuse to start.
  # shellcheck disable=SC2046,SC2086 # words
  try systemctl reset-failed $(plain "$before") $services
  # shellcheck disable=SC2086 # words
  [ -z "$services" ] || try systemctl restart $services || fail "can't start $services again"
  count_restarts "$services"
  # shellcheck disable=SC2086 # words
  [ -z "$active" ] || try systemctl start $active || fail "can't start $active again"
  # shellcheck disable=SC2086 # words
  [ -z "$disabled" ] || try systemctl enable $disabled
  healthy "$active $services" || fail "$old is attached again, and does not come up either"
  remove_others
  say rolled-back "$old"
  exit 3
}

# away: what was attached for the first time is detached again.
away() {
  say_words
  say rolling-back ''
  find_attached
  # shellcheck disable=SC2086 # words
  if [ -n "$units" ]; then
    try systemctl disable $units
    # shellcheck disable=SC2046 # words
    try systemctl stop $(plain "$units")
    must portablectl --no-pager detach "$new" $prefixes
  fi
  remove_others
  say rolled-back ''
  exit 3
}

# portabled reads the image as it will when it attaches it: what this kernel, or SELinux, does
# not allow is known before anything is changed.
# shellcheck disable=SC2086 # words
must portablectl --no-pager inspect "$new" $prefixes

# The units that the new image has, which come last.
wanted='' listed=''
while read -r first _; do
  case $listed:$first in
  1:*.service | 1:*.socket | 1:*.timer | 1:*.path | 1:*.target) wanted="$wanted $first" ;;
  :Unit) listed=1 ;;
  esac
done <<INSPECT
$words
INSPECT
[ -n "$wanted" ] || fail "$new has no units that match $prefixes"
words=''

find_attached
before=$units restarts='' started='' disabled='' services='' active='' broken='' instances=''
if [ -z "$old" ]; then
  undo=away
else
  undo=back
  find_running
  kept=''
  for unit in $services; do
    template=${unit%%@*}@.service
    if has "$unit" "$wanted" || has "$template" "$wanted"; then kept="$kept $unit"; fi
  done
fi
if [ "$how" = swap ] && ! same_units; then how=replace; fi
[ "$how" != replace ] || say replaces 1

if [ -n "$old" ]; then disable_vanishing; fi
put "$new" "$profile" "$old" || $undo
find_attached
fresh=''
for unit in $units; do
  has "$unit" "$before" || fresh="$fresh $unit"
done
all_services=$services services=${kept:-}
restart || { services=$all_services; $undo; }
services=$all_services
start_needed "$fresh" || $undo
probe || $undo
healthy "$active ${kept:-} $started" || $undo
asked || $undo

# The point of no return: what is not needed any more goes.
obsolete=''
for unit in $before $all_services; do
  template=${unit%%@*}@.${unit##*.}
  has "$unit" "$units" || has "$template" "$units" || obsolete="$obsolete $unit"
done
# shellcheck disable=SC2046 # words
[ -z "$(plain "$obsolete")" ] || try systemctl stop $(plain "$obsolete") || say_words
if ! { printf '%s\n' "$entries" >"$directory/.#$name.history" && sync "$directory/.#$name.history" &&
  mv -T "$directory/.#$name.history" "$directory/$name.history"; }; then
  fail "can't write $directory/$name.history"
fi
remove_others
say "done" "$new"
