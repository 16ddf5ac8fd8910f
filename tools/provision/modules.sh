# shellcheck shell=bash
# Bazel's modules without the Central Registry: Debian's packages have the rules
# that come with Bazel; the Go module proxy has rules_go, gazelle, the Go SDK and
# the modules of go.mod.

# world_make_modules DIRECTORY
world_make_modules() {
  local into=$1
  if [[ -n ${modules_job:-} ]]; then
    say_phase 'wait for the Go SDK and modules'
    # If it failed, its log has the reason.
    wait "$modules_job" || { cat -- "$cache/modules.log" >&2 && exit 1; }
  else
    (modules_go "$into")
  fi

  say_phase 'write the modules and the bazelrc'
  local mirror
  modules_apt "$into" "$world"
  modules_squashfs_tools "$into"
  modules_package_metadata "$into/modules"
  modules_bazel_features "$into/modules"
  modules_empty "$into/modules"
  modules_bazelrc "$into" "$world" >"$into/bazelrc"
  modules_versions "$into" >"$into/modules.versions"
}

# modules_start DIRECTORY: starts Go's part in parallel to apt's, if it needs no Debian
# package.
modules_start() {
  modules_have_go && { [[ -n ${SSL_CERT_FILE:-}${SSL_CERT_DIR:-} || -e /etc/ssl/certs/ca-certificates.crt ]]; } || return 0
  PHASES=5
  (trap - EXIT && modules_go "$1") >"$cache/modules.log" 2>&1 &
  modules_job=$!
  # If apt's part fails, this one must not go on alone.
  trap 'kill "$modules_job" 2>/dev/null; say_ended_early' EXIT
}

# modules_go DIRECTORY: gets everything that comes from the Go module proxy. Call it in a
# subshell, since Bazel must not inherit the variables that it exports for Go.
modules_go() {
  local into=$1
  mkdir -p -- "$into"/modules
  # The user chooses the proxy and the checksum database. All other settings are ours,
  # and the user's own caches do not change.
  export GOMODCACHE=$cache/gomod GOCACHE=$cache/gocache GOPATH=$cache/gopath
  export GOFLAGS=-modcacherw GOWORK=off
  # Go writes statistics beside its settings (go env -w). The settings are to be the
  # user's, the statistics not.
  export GOENV=${GOENV:-${XDG_CONFIG_HOME:-${HOME:-}/.config}/go/env} XDG_CONFIG_HOME=$cache/config
  # A small Debian has no certificates; the sysroot has Debian's.
  if [[ -z ${SSL_CERT_FILE:-}${SSL_CERT_DIR:-} && ! -e /etc/ssl/certs/ca-certificates.crt ]]; then
    export SSL_CERT_DIR=$sysroot/usr/share/ca-certificates/mozilla
  fi

  say_phase "download the Go SDK $go_version"
  modules_go_sdk "$into"
  (cd / && GOTOOLCHAIN=local "$(world_go_sdk)/bin/go" env GOPROXY) >"$into/goproxy"

  say_phase 'download Go modules'
  modules_go_rules "$into/modules"
  sums_of "$(world_go_sdk)" >"$world.go.sums"
}

# go_or_die WHAT COMMAND...: prints the command's output, or fails with its error and how
# to fix it.
go_or_die() {
  local what=$1 said hint
  shift
  if said=$("$@" 2>"$cache/go.log"); then
    printf '%s\n' "$said"
    return
  fi
  said+=$(<"$cache/go.log")
  case $said in
    *'SECURITY ERROR'* | *'checksum mismatch'*)
      hint='The download differs from the pinned one. Do not use this proxy until you know why.' ;;
    *'no space left'*)
      hint='The disk is full: free some space, or set XDG_CACHE_HOME to a directory on another disk.' ;;
    *)
      hint="The Go module proxy can't be reached, or lacks the module. The first use needs the network; check it, and 'go env GOPROXY GOSUMDB'." ;;
  esac
  # In a JSON answer, one field has the reason.
  mapfile -t said < <(grep -vE '^[[:space:]]*("(Path|Version|Query)"|[{}])' <<<"$said" | tail -n 3)
  die "can't get $what" "${said[@]}" "$hint" "$open_world_hint"
}

# modules_go_sdk DIRECTORY
modules_go_sdk() {
  local into=$1 module said sum
  modules_find_go "$into"
  module=golang.org/toolchain@v0.0.1-go$go_version.linux-$architecture
  said=$(cd / && GOTOOLCHAIN=local go_or_die "the Go SDK $go_version" "${go[@]}" mod download -json "$module")
  sum=$(sed -nE 's/^\t"Sum": "(.*)",?/\1/p' <<<"$said")
  [[ $sum == "$go_toolchain_sum" ]] || die "the Go SDK $module has the sum '$sum'" \
    "tools/provision/pins.sh pins $go_toolchain_sum. If you changed GO_VERSION, change the sum too."
  # Module archives have no execute bits; Go sets them when it switches toolchains.
  (cd / && GOTOOLCHAIN=go$go_version go_or_die "the Go SDK $go_version" "${go[@]}" env GOROOT) >/dev/null
  remove_tree "$into.bootstrap.making"
}

# modules_have_go: succeeds if this machine's own Go is new enough to fetch another. It
# runs before modules_go sets the directory for Go's statistics.
modules_have_go() {
  [[ $(GOTOOLCHAIN=local GOENV=off XDG_CONFIG_HOME=$cache/config go env GOVERSION 2>/dev/null) =~ ^go1\.([0-9]+) ]] && ((BASH_REMATCH[1] >= 21))
}

# modules_find_go DIRECTORY: sets go, the command that fetches the SDK: the SDK
# itself if it exists, else the machine's own Go if it is new enough to fetch
# another (1.21), else the Go of a Debian package.
modules_find_go() {
  local bootstrap=$1.bootstrap.making root
  if [[ -x $(world_go_sdk)/bin/go ]]; then
    go=("$(world_go_sdk)/bin/go")
    return
  fi
  if modules_have_go; then
    go=(go)
    return
  fi
  PHASES=$((PHASES + 3))
  assumed=()
  debs_unpack "$suite" "$bootstrap" golang-go
  root=$(readlink -f "$bootstrap/usr/lib/go")
  # It is a static program, and needs no library of its suite.
  go=(env "GOROOT=$root" "$root/bin/go")
}

modules_go_rules() {
  local into=$1 go sdk name module version
  sdk=$(world_go_sdk)
  go=$sdk/bin/go
  local -x GOTOOLCHAIN=local GOROOT=$sdk
  # Get all modules, so that Bazel needs no network later. Go verifies them with a
  # copy of go.sum, because it may add lines.
  mkdir -- "$into/go.mod"
  cp -- "$workspace"/go.{mod,sum} "$into/go.mod"
  (cd "$into/go.mod" && go_or_die 'the modules of go.mod' "$go" mod download -json) >/dev/null
  rm -r -- "$into/go.mod"
  for name in rules_go gazelle; do
    case $name in
      rules_go) module=github.com/bazelbuild/rules_go version=$rules_go_version ;;
      gazelle) module=github.com/bazelbuild/bazel-gazelle version=$gazelle_version ;;
    esac
    cp -R -- "$GOMODCACHE/$module@v$version" "$into/$name"
    chmod -R u+w -- "$into/$name"
    find "$into/$name" -name '*.sh' -exec chmod +x {} +
    # bazel_dep requires a version, which module archives do not have.
    sed -i -E "0,/^module\(/s/^module\(/module(\n    version = \"$version\",/; /^    version = \"\",$/d" \
      "$into/$name/MODULE.bazel"
  done
  # rules_go compiles its builder on one processor, because a build may have several builders.
  # This one has one, and all other actions wait for it.
  sed -i '/^ *"GOMAXPROCS": "1",$/d' "$into/rules_go/go/private/rules/binary.bzl"
  # gazelle runs one of its programs without -trimpath, for which Go would compile the standard
  # library again. All of them run for a moment for each Go repository: without optimizations
  # Go compiles them in three quarters of the time.
  sed -i -e 's/^ *"run",$/&\n"-trimpath",\n"-gcflags=all=-N -l",/' -e 's/^ *"-buildvcs=false",$/&\n"-gcflags=all=-N -l",/' \
    "$into/gazelle/internal/go_repository_tools.bzl"
  # gazelle consists of two Go modules in one tree. Its release archive has both, and a
  # vendor directory from which Bazel builds the repository tools; the Go module has
  # neither. Its tests import packages that no module has.
  cp -R -- "$GOMODCACHE/github.com/bazel-contrib/bazel-gazelle/v2@v$gazelle_v2_version" "$into/gazelle/v2"
  chmod -R u+w -- "$into/gazelle/v2"
  : >>"$into/gazelle/v2/go.sum"
  rm -r -- "$into/gazelle/tests"
  # The newest version of the second module is older than the first module, and its Run
  # takes the languages unconverted.
  sed -i 's/update\.Run(ctx, langsV2, /update.Run(ctx, languages, /; /^\tlangsV2 := languagesV2()$/d' "$into/gazelle/cmd/gazelle/main.go"
  grep -qF 'update.Run(ctx, languages, ' "$into/gazelle/cmd/gazelle/main.go" || die "can't adapt gazelle $gazelle_version to its module v2 $gazelle_v2_version" \
    'Its cmd/gazelle/main.go has changed: adapt modules_go_rules in tools/provision/modules.sh to it.'
  (cd "$into/gazelle" && GOWORK='' go_or_die "gazelle's dependencies" "$go" work vendor) >/dev/null
  modules_compile "$into/gazelle"
}

# modules_compile GAZELLE: compiles the programs with which Bazel fetches Go repositories
# into Go's build cache, while apt uses the network and the disk. If it fails, Bazel
# compiles them.
modules_compile() (
  local build=(env GOWORK='' CGO_ENABLED=0 "$go" build -trimpath '-gcflags=all=-N -l' -o /dev/null)
  cd -- "$1" && "${build[@]}" internal/list_repository_tools_srcs.go &&
    "${build[@]}" -buildvcs=false github.com/bazelbuild/bazel-gazelle/cmd/{fetch_repo,generate_repo_config} \
      github.com/bazel-contrib/bazel-gazelle/v2/cmd/gazelle
) >/dev/null 2>&1 || true

# modules_squashfs_tools DIRECTORY: makes a module like the Central Registry's, with
# :mksquashfs and :unsquashfs from Debian's package, and repositories for two programs.
modules_squashfs_tools() {
  "$provision/import" "$sysroot" "$1/modules/squashfs-tools" mksquashfs unsquashfs
  printf 'module(name = "squashfs-tools", version = "%s")\n' "$squashfs_tools_version" \
    >"$1/modules/squashfs-tools/MODULE.bazel"
  "$provision/import" "$sysroot" "$1/shellcheck" shellcheck
  "$provision/import" "$sysroot" "$1/bubblewrap" bwrap
}

# modules_apt DIRECTORY FINAL-DIRECTORY: writes this machine's apt settings and
# certificates for debian.bzl, which sees only the sysroot's /etc. Sets mirror.
modules_apt() {
  local certificates=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
  if [[ -e $certificates ]]; then
    cp -- "$certificates" "$1/certificates.pem"
  else
    cat -- "$sysroot"/usr/share/ca-certificates/mozilla/*.crt >"$1/certificates.pem"
  fi
  debs_apt_conf "$2/certificates.pem" >"$1/apt.conf"
  mirror=$(debs_mirror)
}

# modules_package_metadata DIRECTORY: rules_go and gazelle load two files of a module that
# Debian does not have. These are our own, with the part of its interface that is used.
modules_package_metadata() {
  local into=$1/package_metadata
  cp -R -- "$provision/package_metadata" "$into"
  mv -- "$into/MODULE.in" "$into/MODULE.bazel"
  touch -- "$into"/{,providers/,rules/}BUILD.bazel
}

# modules_bazel_features DIRECTORY: Debian's copy, with a feature of Bazel 9 added that
# rules_go asks for and the copy lacks.
modules_bazel_features() {
  local into=$1/bazel_features feature=instrumented_files_info_has_baseline_coverage_files
  cp -R -- "$sysroot/usr/share/bazel/tools/features" "$into"
  grep -q "$feature" "$into/features.bzl" ||
    sed -i "s/^_rules = struct(\$/&\n    $feature = ge(\"9.0.0\"),/" "$into/features.bzl"
  grep -q "$feature" "$into/features.bzl" || die "can't add $feature to Debian's bazel_features" \
    'The package has changed: adapt modules_bazel_features in tools/provision/modules.sh to it.'
}

# modules_empty DIRECTORY: makes modules that are in the graph but that no target uses.
modules_empty() {
  local name
  for name in protobuf buildozer zlib apple_support; do
    mkdir -- "$1/$name"
    printf 'module(name = "%s")\n' "$name" >"$1/$name/MODULE.bazel"
  done
}

# modules_versions DIRECTORY: prints lines "NAME VERSION", the module that each MODULE.bazel
# declares; "-" if it declares no version.
modules_versions() {
  local file
  for file in "$1"/modules/*/MODULE.bazel "$sysroot"/usr/share/bazel/{rules,tools}/*/MODULE.bazel; do
    # modules_bazel_features makes the copy that is used.
    [[ $file != */tools/features/* ]] || continue
    awk '
      /^module\(/ { inside = 1 }
      inside && match($0, /name = "[^"]*"/) && name == "" && $0 !~ /repo_name = .*name/ { name = substr($0, RSTART + 8, RLENGTH - 9) }
      inside && match($0, /version = "[^"]*"/) { version = substr($0, RSTART + 11, RLENGTH - 12) }
      inside && /\)[[:space:]]*$/ { exit }
      END { print name, version == "" ? "-" : version }' "$file"
  done | LC_ALL=C sort
}

# modules_registry DIRECTORY: makes a registry for the module that only this repository
# depends on. In a repository that uses this one it is not in the graph, and overriding
# it there would be an error.
modules_registry() {
  local pkg=$1/modules/rules_pkg/$rules_pkg_version
  mkdir -p -- "$pkg"
  printf '{}\n' >"$1/bazel_registry.json"
  printf '{"type": "local_path", "path": "/usr/share/bazel/rules/pkg"}\n' >"$pkg/source.json"
  sed -E "0,/version = \"[^\"]*\"/s//version = \"$rules_pkg_version\"/" "$sysroot/usr/share/bazel/rules/pkg/MODULE.bazel" >"$pkg/MODULE.bazel"
}

# modules_bazelrc DIRECTORY FINAL-DIRECTORY: prints the bazelrc. Bazel reads it last, so no
# workspace's .bazelrc can change its settings.
modules_bazelrc() {
  local name rules=/usr/share/bazel/rules tools=/usr/share/bazel/tools
  # Bazel downloads nothing. Go does, for a workspace with Go modules of its own: its
  # proxy is in the environment (world_exec_bazel), where the workspace can change it.
  printf 'block *\n' >"$1/downloader.cfg"
  modules_registry "$1/registry"
  cat <<EOT
# Made by tools/provision. The closed world: modules from this machine's disk.
common --registry=file://$2/registry
common --experimental_downloader_config=$2/downloader.cfg
# All checkouts of this user share one cache.
common --disk_cache=$cache/actions
common --experimental_disk_cache_gc_max_size=10G
common --check_direct_dependencies=off
common --repo_env=PATH=/usr/bin:/bin
common --repo_env=GO_SDK_ROOT=$(world_go_sdk)
common --repo_env=SQUASHFS_TOOLS_ROOT=$2/modules/squashfs-tools
common --repo_env=SHELLCHECK_ROOT=$2/shellcheck
common --repo_env=BUBBLEWRAP_ROOT=$2/bubblewrap
common --repo_env=PROVISION_MODULES=$2/modules.versions
common --repo_env=PROVISION_MIRROR=$mirror
common --repo_env=PROVISION_APT_CONF=$2/apt.conf
common --repo_env=GO_REPOSITORY_USE_HOST_CACHE=1
common --repo_env=GOMODCACHE=$cache/gomod
common --repo_env=GOCACHE=$cache/gocache
common --repo_env=GOPATH=$cache/gopath
# Bazel's rules require that a go.sum has the sums of all modules.
common --repo_env=GOSUMDB=off
# Go writes statistics there.
common --repo_env=HOME=$cache/home
common --repo_env=GOFLAGS=-modcacherw
common --override_module=bazel_skylib=$tools/skylib
common --override_module=platforms=$tools/platforms
EOT
  for name in cc java license proto python shell; do
    printf 'common --override_module=rules_%s=%s\n' "$name" "$rules/$name"
  done
  for name in rules_go gazelle package_metadata bazel_features squashfs-tools protobuf buildozer zlib apple_support; do
    printf 'common --override_module=%s=%s\n' "$name" "$2/modules/$name"
  done
  printf '# The same by their names in a WORKSPACE.\n'
  printf 'common --override_repository=%s\n' \
    "io_bazel_rules_go=$2/modules/rules_go" "bazel_gazelle=$2/modules/gazelle" \
    "package_metadata=$2/modules/package_metadata" \
    "bazel_skylib=$tools/skylib" "platforms=$tools/platforms"
  for name in cc java license pkg proto python shell; do
    printf 'common --override_repository=rules_%s=%s\n' "$name" "$rules/$name"
  done
}
