# shellcheck shell=bash
# The sysroot: Debian packages made into something a program can run in.

# sysroot_make DIRECTORY
sysroot_make() {
  local into=$1 name version
  debs_unpack "$suite" "$into" "${packages[@]}"

  # What maintainer scripts would have done, as far as it is needed.
  ln -s gawk "$into/usr/bin/awk"
  # Its settings are ours to give (bazelrc).
  rm -r -- "$into/etc/bazel"
  # Where the overlay mounts what stays the host's.
  mkdir -p -- "$into/usr/local"
  for name in passwd group resolv.conf hosts nsswitch.conf localtime; do
    rm -f -- "$into/etc/$name"
    : >"$into/etc/$name"
  done

  version=$(cat "$into/usr/share/bazel/build-label.txt")
  [[ $version == "$bazel_version" ]] || die "Debian's package holds Bazel '$version', not $bazel_version" \
    "Set PROVISION_BAZEL_VERSION=$version to accept it."
}
