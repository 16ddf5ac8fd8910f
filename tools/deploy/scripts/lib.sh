#!/bin/sh
# shellcheck disable=SC2154 # what is set before

# What every step begins with. A host needs systemd's own programs, coreutils, flock and a
# POSIX shell; no sed, grep or find. A step prints lines "KEY<TAB>VALUE" for the program
# that started it:
#
#   run COMMAND     a command that changes something is about to run
#   words LINE      what a command or a service printed
#   failed TEXT     the step failed; the exit status is 1
#   …               what else a step has to say; see each
#
# Set before this file: name (the portable name), directory (where images are stored),
# attached (where portabled puts units, a directory for good and one until reboot).
set -u
LC_ALL=C PATH=$PATH:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin SYSTEMD_PAGER='' SYSTEMD_COLORS=0
# A busy host may need longer for an answer over D-Bus than the default, 25 s.
SYSTEMD_BUS_TIMEOUT=5min
export LC_ALL PATH SYSTEMD_PAGER SYSTEMD_COLORS SYSTEMD_BUS_TIMEOUT
umask 022
: "${name:?}" "${directory:?}" "${attached:?}"
words=''

say() { printf '%s\t%s\n' "$1" "$2"; }

# say_words: the lines of $words.
say_words() {
  while IFS= read -r line; do
    [ -z "$line" ] || say words "$line"
  done <<WORDS
$words
WORDS
  words=''
}

# fail TEXT: ends the step.
fail() {
  say_words
  say failed "$1"
  exit 1
}

# try COMMAND...: runs a command and returns its status; $words is what it printed.
try() {
  say run "$*"
  words=$("$@" 2>&1)
}

# must COMMAND...: ends the step if the command fails.
must() {
  try "$@" || fail "$* failed with status $?"
}

# find_attached: $units that portabled has attached for this portable name, $image that
# they are from, and $runtime=--runtime if they are attached until the next reboot only.
# portabled's own drop-in names the image in its first line.
find_attached() {
  units='' image='' runtime=''
  for where in $attached; do
    for dropin in "$where"/*.d/20-portable.conf; do
      [ -f "$dropin" ] || continue
      IFS= read -r line <"$dropin"
      case $line in
      "# Drop-in created for image '"*"', do not edit."*) ;;
      *) continue ;;
      esac
      line=${line#"# Drop-in created for image '"}
      line=${line%"', do not edit."*}
      line=${line%%:*} # extensions
      file=${line##*/}
      case ${file%.raw} in
      "$name" | "$name"_*) ;;
      *) continue ;;
      esac
      unit=${dropin%.d/20-portable.conf}
      units="$units ${unit##*/}" image=$line
      # shellcheck disable=SC2034 # for others
      case $where in /run/*) runtime=--runtime ;; esac
    done
  done
}

# property UNIT NAME: of systemctl show.
property() { systemctl show --value --property="$2" "$1"; }

# plain UNITS: without templates, which can't be started or stopped.
plain() {
  for unit in $1; do
    case $unit in *@.*) ;; *) printf '%s ' "$unit" ;; esac
  done
}

# has WORD LIST: is it one of them?
has() {
  case " $2 " in *" $1 "*) return 0 ;; esac
  return 1
}

# remove_others: removes the images that a deployment stored, and neither the history names
# nor portabled uses, and what broken copies left. Other files stay.
remove_others() {
  find_attached
  named=''
  if [ -f "$directory/$name.history" ]; then
    while read -r _ file _; do
      named="$named $file"
    done <"$directory/$name.history"
  fi
  hex='[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]'
  for path in "$directory/$name"_*.raw; do
    file=${path##*/}
    tag=${file%.raw}
    tag=${tag##*[-_]}
    # shellcheck disable=SC2254 # a pattern
    case $tag in
    $hex$hex) ;;
    *) continue ;;
    esac
    if [ "$path" = "$image" ] || has "$file" "$named"; then continue; fi
    try rm -f "$path" || say_words
    rm -f "${path%.raw}.roothash" "${path%.raw}.roothash.p7s"
  done
  # portabled links images from there, and removes a link only when it detaches that image.
  for path in /etc/portables/"$name"_*.raw; do
    [ ! -L "$path" ] || [ -e "$path" ] || try rm -f "$path" || say_words
  done
  for path in "$directory/.#$name"_*.part; do
    [ ! -f "$path" ] || try rm -f "$path" || say_words
  done
}
