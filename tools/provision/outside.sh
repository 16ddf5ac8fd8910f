# shellcheck shell=bash
# bazel run for programs that need this machine's own /usr: its ssh, sudo or rsync.

# outside_run SYSROOT COMMAND...: runs a command as sysroot_run does, and ends with its exit status. A program that
# the command starts can write a command line into the file that PROVISION_OUTSIDE names, with a NUL after each word.
# If the program then succeeds, this shell executes that command line. Package //tools/provision/outside does so.
outside_run() {
  # shellcheck disable=SC2034 # sysroot_run reads it: if this shell is killed, bubblewrap ends too.
  local ends_with_launcher=1
  local child='' ended='' status=0 words=()
  PROVISION_OUTSIDE=$(mktemp "$cache/tmp/outside.XXXXXX")
  export PROVISION_OUTSIDE
  # Set before the start, because the command may already run before this shell continues.
  trap 'ended=1; [[ -z $child ]] || kill -TERM "$child" 2>/dev/null || :' TERM HUP
  # In the background, so that this shell can pass signals on. The redirection keeps standard input.
  (sysroot_run "$@") <&0 &
  child=$!
  [[ -z $ended ]] || kill -TERM "$child" 2>/dev/null || :
  # A signal ends wait, but not the child.
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
