# shellcheck shell=bash
# What the provisioner says to people, always on standard error.

# die MESSAGE [HINT...]: one sentence on what is wrong, then what to do about it.
die() {
  say_end
  printf '%s: error: %s\n' "${say_name:-tools/bazel}" "$1" >&2
  shift
  printf '  %s\n' "$@" >&2
  exit 1
}

# say_phase NAME: starts a phase. PHASES and the clock belong to the whole run.
say_phase() {
  say_end
  phase_number=$((${phase_number:-0} + 1))
  phase_name=$1
  phase_shown=$SECONDS
  say_line ''
}

# say_count DONE TOTAL: progress in the phase, at most once a second; on a
# terminal in place, in a log every fifth second.
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

# say_end: leaves a progress line on a terminal behind.
say_end() {
  if [[ -n ${say_open:-} ]]; then
    printf '\n' >&2
    say_open=''
  fi
}

# say_ended_early: for a trap, so that no failure goes without a word.
say_ended_early() {
  say_end
  printf 'tools/bazel: provisioning did not end well; nothing of it is used, and the next call starts it again\n' >&2
}
