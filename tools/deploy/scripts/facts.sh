#!/bin/sh
# shellcheck disable=SC2154 # what is set before

# What the host has and is. Changes nothing.
# Set before: file (the image's name on the host), digest and size (the image's), modules
# (kernel modules that mount it), option (the kernel's option of its compression), where (a
# profile's name).
: "${file:?}" "${modules:?}" "${profile:?}" "${profiles:?}"

missing=''
for tool in systemctl portablectl systemd-analyze journalctl flock timeout head sha256sum stat df mv rm mkdir truncate sync uname date readlink sleep base64; do
  command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
done
say missing "$missing"

if command -v systemctl >/dev/null 2>&1; then
  version=$(systemctl --version | { read -r _ number _ && printf '%s' "$number"; })
  say systemd "$version"
  systemctl cat systemd-portabled.service >/dev/null 2>&1 || say no-portabled 1
fi
say machine "$(uname -m)"
say kernel "$(uname -r)"
[ ! -r /sys/fs/selinux/enforce ] || say selinux "$(cat /sys/fs/selinux/enforce)"

for module in $modules; do
  found=unknown
  while read -r first second; do
    [ "${second:-$first}" != "$module" ] || found=yes
  done </proc/filesystems
  [ ! -d "/sys/module/$module" ] || found=yes
  if [ $found = unknown ] && command -v modprobe >/dev/null 2>&1; then
    found=no
    ! modprobe --dry-run --quiet "$module" 2>/dev/null || found=yes
  fi
  say "module $module" $found
done
if [ -n "${option:-}" ]; then
  found=unknown
  for config in "/boot/config-$(uname -r)" "/usr/lib/modules/$(uname -r)/config" "/lib/modules/$(uname -r)/config"; do
    [ -r "$config" ] || continue
    found=no
    while IFS= read -r line; do
      [ "$line" != "$option=y" ] || found=yes
    done <"$config"
    break
  done
  say "option $option" $found
fi

for top in "$directory" "${directory%/*}" /var/lib /var /; do
  [ -d "$top" ] && break
done
say writable "$(if [ -w "$top" ]; then echo yes; else echo "$top"; fi)"
df -Pk "$top" | {
  read -r _
  read -r _ _ _ free _
  say free "$free"
}
found=no
for top in $profiles; do
  [ ! -d "$top/$profile" ] || found=yes
done
say profile $found

stored=$directory/$file
if [ -f "$stored" ]; then
  sum=$(sha256sum "$stored") && say stored "${sum%% *}"
fi
find_attached
used=''
for unit in $units; do
  for where in $attached; do
    [ ! -L "$where/$unit.d/10-profile.conf" ] || used=$(readlink "$where/$unit.d/10-profile.conf")
  done
done
used=${used%/service.conf}
say used-profile "${used##*/}"
say units "$units"
say image "$image"
say runtime "$runtime"
if [ -n "$image" ] && [ -f "$image" ]; then
  sum=$(sha256sum "$image") && say attached "${sum%% *}"
fi
if [ -f "$directory/$name.history" ]; then
  while IFS= read -r line; do
    say history "$line"
  done <"$directory/$name.history"
fi
