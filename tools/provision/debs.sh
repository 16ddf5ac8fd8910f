# shellcheck shell=bash
# Unpacks packages of a Debian suite, with their dependencies, into a directory.
# Any user can do that, and this machine's own packages stay as they are.
#
# apt runs with a root of its own: its own lists, status and cache, but the host's
# mirror, keyring, proxies and certificates. It verifies the suite's signature
# and every package's digest. No maintainer script runs.

# debs_unpack SUITE DIRECTORY PACKAGE[=VERSION]...
#
# DIRECTORY must not exist. It gets the packages' files, merged-usr, without
# documentation, and packages.lock: a line "name version sha256" per package.
# Versions may end in *. $assumed lists dependencies to leave out, as if they were
# installed; if $alone is set, all dependencies are left out.
debs_unpack() {
  local wanted_suite=$1 into=$2 apt
  shift 2
  apt=$into.apt
  rm -rf -- "$apt"
  mkdir -p -- "$into" "$apt"/{lists,archives}/partial
  debs_configure "$apt" "$wanted_suite"

  say_phase "list the packages of Debian $wanted_suite"
  debs_update "$apt" "$wanted_suite"
  debs_check_pins "$apt" "$wanted_suite" "$@"

  say_phase 'download Debian packages'
  debs_download "$apt" "$@"

  say_phase 'unpack Debian packages'
  debs_extract "$apt" "$into"
  rm -rf -- "$apt"
}

# debs_mirror: prints the first Debian mirror in this machine's own sources.
debs_mirror() {
  local mirror
  if [[ -n ${PROVISION_MIRROR:-} ]]; then
    printf '%s\n' "$PROVISION_MIRROR"
    return
  fi
  mirror=$(apt-get indextargets --format "\$(COMPONENT) \$(RELEASE) \$(REPO_URI)" 2>/dev/null |
    awk '$1 == "main" && $2 ~ /^(bullseye|bookworm|trixie|forky|duke|sid|oldoldstable|oldstable|stable|testing|unstable)$/ { print $3; exit }') || true
  [[ -n $mirror ]] || die "apt knows no Debian mirror; this is $(host_distribution)" \
    'Provisioning needs one in its sources, or PROVISION_MIRROR set to its address.' \
    "$open_world_hint"
  printf '%s\n' "$mirror"
}

# debs_keyring: prints the file of the keys that may sign a suite.
debs_keyring() {
  local keyring=${PROVISION_KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg}
  [[ -e $keyring || -n ${PROVISION_KEYRING:-} ]] || keyring=${keyring%.gpg}.pgp
  [[ -e $keyring ]] || die "not found: the keyring '$keyring'" \
    "apt verifies Debian's signatures with it: apt-get install debian-archive-keyring, or set PROVISION_KEYRING."
  printf '%s\n' "$keyring"
}

debs_configure() {
  local apt=$1 keyring mirror name
  mirror=$(debs_mirror)
  keyring=$(debs_keyring)
  printf 'deb [signed-by=%s target=Packages] %s %s main\n' "$keyring" "$mirror" "$2" >"$apt/sources.list"
  for name in "${assumed[@]}"; do
    printf 'Package: %s\nStatus: install ok installed\nArchitecture: %s\n' "$name" "$architecture"
    printf 'Version: 1:9999\nMaintainer: none\nDescription: assumed\n\n'
  done >"$apt/status"
  # apt reads this file last, so that it overrides the host's settings. It clears
  # hooks because they would act on the host.
  {
    [[ -z ${PROVISION_APT_CONF:-} ]] || cat -- "$PROVISION_APT_CONF"
    cat <<EOT
Dir::State "$apt";
Dir::State::status "$apt/status";
Dir::Cache "$apt";
// The first call of apt writes it, and the others read it.
Dir::Cache::pkgcache "pkgcache.bin";
Dir::Cache::srcpkgcache "";
Dir::Etc::SourceList "$apt/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
// A mirror may be a frozen copy, whose Release file has expired. apt still
// verifies its signature.
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
Acquire::Retries "3";
// As root, apt would switch to a user that can't read a private directory.
APT::Sandbox::User "root";
APT::Architecture "$architecture";
APT::Architectures { "$architecture"; };
APT::Install-Recommends "false";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Invoke;
#clear DPkg::Pre-Install-Pkgs;
#clear DPkg::Post-Invoke;
EOT
  } >"$apt/apt.conf"
}

# debs_apt_conf CERTIFICATES: prints this machine's apt settings for proxies and servers,
# for an apt that can't read /etc/apt.
debs_apt_conf() {
  printf 'Acquire::https::CaInfo "%s";\n' "$1"
  apt-config dump | grep -E '^Acquire::(https?|Check-Date|ForceIPv[46]|Retries)\>' |
    grep -v -i 'auto-?detect' || true
}

debs_update() {
  local apt=$1
  # Without --error-on=any, apt-get update only warns if it can't reach a mirror or
  # verify its signature.
  apt-get --config-file "$apt/apt.conf" --error-on=any update >"$apt/log" 2>&1 && return
  debs_explain "$apt/log" "the package lists of Debian $2"
}

# debs_explain LOG WHAT: fails with the reason that apt's log gives, and how to fix it.
debs_explain() {
  local said hint
  said=$(grep -E '^(E|W|Err):' "$1" | tail -n 3) || said=$(tail -n 3 "$1")
  case $said in
    *'No space left'* | *'enough free space'*)
      hint='The disk is full: free some space, or set XDG_CACHE_HOME to a directory on another disk.' ;;
    *NO_PUBKEY* | *'not signed'* | *'Bad signature'* | *"signatures couldn't be verified"* | *'sqv'*)
      hint='No key of debian-archive-keyring signed the suite: update that package.' ;;
    *'Hash Sum'* | *'unexpected size'*)
      hint='The mirror is being updated, or something changed the download: try again.' ;;
    *)
      hint="The Debian mirror can't be reached, or lacks the suite. The first use needs the network; check it, apt's proxy settings, or set PROVISION_MIRROR." ;;
  esac
  mapfile -t said <<<"$said"
  die "can't get $2" "${said[@]}" "$hint" "$open_world_hint"
}

# debs_check_pins APT-ROOT SUITE PACKAGE[=VERSION]...: verifies that the suite has each
# version that is asked for; otherwise it fails with the versions that exist.
debs_check_pins() {
  local apt=$1 pinned_suite=$2 pin name version
  shift 2
  for pin in "$@"; do
    [[ $pin == *=* ]] || continue
    name=${pin%%=*} version=${pin#*=}
    # shellcheck disable=SC2053 # the version is a pattern
    while read -r found; do
      [[ $found == $version ]] && continue 2
    done < <(debs_versions "$apt" "$name" | awk '{ print $1 }')
    debs_report_versions "$apt" "$pinned_suite" "$name" "$version"
  done
}

# debs_versions APT-ROOT PACKAGE: prints lines "version suite".
debs_versions() {
  apt-cache --config-file "$1/apt.conf" madison "$2" 2>/dev/null |
    awk -F '|' '{ gsub(/ /, "", $2); split($3, at, " "); sub("/.*", "", at[2]); print $2, at[2] }'
}

debs_report_versions() {
  local apt=$1 pinned_suite=$2 name=$3 version=$4 other found=''
  for other in trixie forky duke sid; do
    sed "s/ $pinned_suite main/ $other main/" "$apt/sources.list" >"$apt/sources.other"
    sed "s|$apt/sources.list|$apt/sources.other|" "$apt/apt.conf" >"$apt/apt.other"
    apt-get --config-file "$apt/apt.other" update >/dev/null 2>&1 || continue
    found+=$(apt-cache --config-file "$apt/apt.other" madison "$name" 2>/dev/null |
      awk -F '|' -v suite="$other" '{ gsub(/ /, "", $2); printf "  %s in %s\n", $2, suite }' || true)$'\n'
  done
  mapfile -t found < <(grep . <<<"$found")
  die "Debian $pinned_suite has no $name $version on this mirror" \
    "The mirror has:" "${found[@]:-  (no version in any suite)}" \
    'PROVISION_SUITE=SUITE takes another suite, and for Bazel PROVISION_BAZEL_VERSION=X.Y.Z accepts another version than .bazelversion.' \
    "$open_world_hint"
}

debs_download() {
  local apt=$1
  shift
  if [[ -n ${alone:-} ]]; then
    (cd "$apt/archives" && apt-get --config-file "$apt/apt.conf" --quiet download "$@") >"$apt/log" 2>&1 ||
      debs_explain "$apt/log" 'Debian packages'
    return
  fi
  apt-get --config-file "$apt/apt.conf" -o APT::Status-Fd=3 --download-only --yes install "$@" \
    3>&1 >"$apt/log" 2>&1 | debs_show_download || debs_explain "$apt/log" 'Debian packages'
}

# debs_show_download: prints progress from apt's status lines.
debs_show_download() {
  local kind text
  while IFS=: read -r kind _ _ text; do
    # "Retrieving file 12 of 217 (3s remaining)"
    if [[ $kind == dlstatus && $text =~ ([0-9]+)\ of\ ([0-9]+) ]]; then
      say_count "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
    fi
  done
}

debs_extract() {
  local apt=$1 into=$2 total done=0 deb directory
  for directory in bin sbin lib lib64; do
    mkdir -p -- "$into/usr/$directory"
    ln -s "usr/$directory" "$into/$directory"
  done
  total=$(find "$apt/archives" -name '*.deb' | wc -l)
  # Files named NAME_VERSION_ARCHITECTURE.deb, with : in the version as %3a.
  (cd "$apt/archives" && sha256sum -- *.deb) |
    sed -E 's/^([0-9a-f]+) +([^_]+)_([^_]+)_.*/\2 \3 \1/; s/%3a/:/' |
    LC_ALL=C sort >"$into/packages.lock"
  while read -r deb; do
    done=$((done + 1))
    say_count "$done" "$total"
    [[ $deb == ok ]] || die "can't unpack a Debian package: ${deb:0:300}" \
      'The disk is full, or the download is damaged: free some space, or set XDG_CACHE_HOME to a directory on another disk, and try again.'
  done < <(find "$apt/archives" -name '*.deb' -print0 | LC_ALL=C sort -z |
    xargs -0 -n 1 -P "$(nproc)" bash -c 'debs_extract_one "$@"' bash "$into")
  # The loop does not see it if a signal killed xargs or one of its children.
  ((done == total)) || die "only $done of $total Debian packages were unpacked" \
    'Something ended tar or dpkg-deb, perhaps for lack of memory. Try again.'
}

# debs_extract_one DIRECTORY DEB: prints ok, or the error. Several run in parallel:
# packages share no files, and tar keeps existing directories.
debs_extract_one() {
  local said
  if said=$(set -o pipefail && {
    dpkg-deb --fsys-tarfile "$2" |
      tar -x -C "$1" --keep-directory-symlink --no-same-owner --preserve-permissions \
        --exclude=./usr/share/{doc,man,locale,info,lintian}
  } 2>&1); then
    rm -- "$2"
    echo ok
  else
    echo "${2##*/}: ${said//$'\n'/ }"
  fi
}
export -f debs_extract_one
