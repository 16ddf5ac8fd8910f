# shellcheck shell=bash
# The sysroot: Debian packages in a directory, in which programs run.

# sysroot_make DIRECTORY
sysroot_make() {
  local into=$1 name version
  debs_unpack "$suite" "$into" "${packages[@]}"

  # The links that maintainer scripts would make, as far as they are needed.
  ln -s gawk "$into/usr/bin/awk"
  # Our bazelrc has the settings.
  rm -r -- "$into/etc/bazel"
  # Mount points for files and directories of the host.
  mkdir -p -- "$into/usr/local"
  for name in passwd group resolv.conf hosts nsswitch.conf localtime; do
    rm -f -- "$into/etc/$name"
    : >"$into/etc/$name"
  done

  sysroot_locale "$into"

  # As later calls run it, but with another path.
  version=$(sysroot_run "$into" /usr/bin/bazel --install_base=/usr/share/bazel --trust_install_base --version) ||
    die "the provisioned Bazel does not start: ${version:-no output}" "$open_world_hint"
  [[ $version == "bazel $bazel_version" ]] || die "Debian's package has '$version', not bazel $bazel_version" \
    "Set PROVISION_BAZEL_VERSION=${version#bazel } to accept it."
}

# sysroot_locale DIRECTORY: makes the locale that Bazel's server requires. It treats names of
# files as bytes, and without a Latin-1 locale Java refuses those that are not ASCII.
sysroot_locale() {
  local into=$1 locale=en_US.iso88591
  mkdir -- "$into/locale"
  (sysroot_run "$into" /usr/bin/localedef --no-archive -i en_US -f ISO-8859-1 "$into/locale/$locale") >&2
  mkdir -p -- "$into/usr/lib/locale"
  mv -- "$into/locale/$locale" "$into/usr/lib/locale/"
  rm -r -- "$into/locale" "$into/usr/share/i18n"
}
