# shellcheck shell=bash
# The provisioner's messages, all on standard error.

# die MESSAGE [HINT...]: prints one sentence on what is wrong, then how to fix it, and exits.
die() {
  say_end
  printf '%s: error: %s\n' "${say_name:-tools/bazel}" "$1" >&2
  shift
  printf '  %s\n' "$@" >&2
  exit 1
}

# say_phase NAME: starts a phase. PHASES is the number of phases; the time is that of
# the whole run.
say_phase() {
  say_end
  phase_number=$((${phase_number:-0} + 1))
  phase_name=$1
  phase_shown=$SECONDS
  say_line ''
}

# say_count DONE TOTAL: prints progress in the phase: on a terminal at most once a
# second, in place; in a log at most every five seconds.
say_count() {
  local pause=5
  [[ -t 2 ]] && pause=1
  (((SECONDS - phase_shown) >= pause)) || return 0
  phase_shown=$SECONDS
  say_line "$1/$2"
}

say_line() {
  local text
  printf -v text '[%d/%d] %3d s  %s %s' "$phase_number" "${PHASES:-?}" "$SECONDS" "$phase_name" "$1"
  if [[ -t 2 ]]; then
    printf '\r\033[K%s' "$text" >&2
    say_open=1
  else
    printf '%s\n' "$text" >&2
  fi
}

# say_end: ends a progress line on a terminal.
say_end() {
  if [[ -n ${say_open:-} ]]; then
    printf '\n' >&2
    say_open=''
  fi
}

# say_ended_early: for a trap, so that every failure has a message.
say_ended_early() {
  say_end
  printf 'tools/bazel: provisioning failed; its files are not used, and the next call starts again\n' >&2
}
