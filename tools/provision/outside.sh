# shellcheck shell=bash
# bazel run, for programs that need this machine's own /usr: its ssh, sudo or rsync.

# outside_run SYSROOT COMMAND...: runs a command as sysroot_run does, and ends as it does. If a program that it
# starts writes a command line into the file that PROVISION_OUTSIDE names, each word with a NUL behind it, and ends
# well, this shell is replaced by that command. Package //tools/provision/outside does so.
outside_run() {
  # shellcheck disable=SC2034 # sysroot_run reads it: if this shell is killed, bubblewrap goes with it.
  local ends_with_launcher=1
  local child='' ended='' status=0 words=()
  PROVISION_OUTSIDE=$(mktemp "$cache/tmp/outside.XXXXXX")
  export PROVISION_OUTSIDE
  # Set before the start: the command may be at work before this shell goes on.
  trap 'ended=1; [[ -z $child ]] || kill -TERM "$child" 2>/dev/null || :' TERM HUP
  # In the background, since this shell passes on what ends it; with its standard input all the same.
  (sysroot_run "$@") <&0 &
  child=$!
  [[ -z $ended ]] || kill -TERM "$child" 2>/dev/null || :
  # A signal ends wait, and not what is waited for.
  while kill -0 "$child" 2>/dev/null; do
    status=0
    wait "$child" || status=$?
  done
  if [[ $status == 0 ]]; then mapfile -d '' -t words <"$PROVISION_OUTSIDE"; fi
  rm -f -- "$PROVISION_OUTSIDE"
  unset PROVISION_OUTSIDE
  trap - INT TERM HUP
  [[ ${#words[@]} == 0 ]] || exec "${words[@]}"
  exit "$status"
}
