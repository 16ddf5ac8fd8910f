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

  # Asked as it will be run, but for the path.
  version=$(sysroot_run "$into" /usr/bin/bazel --install_base=/usr/share/bazel --trust_install_base --version) ||
    die "the provisioned Bazel does not start: ${version:-no output}" "$open_world_hint"
  [[ $version == "bazel $bazel_version" ]] || die "Debian's package holds '$version', not bazel $bazel_version" \
    "Set PROVISION_BAZEL_VERSION=${version#bazel } to accept it."
}
