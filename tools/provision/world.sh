# shellcheck shell=bash
# The closed world: makes its pieces, and runs Bazel in it.
#
# Below the cache directory:
#   sysroot-KEY/  Debian packages: Bazel, Java, squashfs-tools, the programs of actions
#   world-KEY/    Bazel modules and the bazelrc that names them
#   *-KEY.sums    the digests of a piece's files; world-KEY.go.sums those of the SDK
#   gomod/        Go's own module cache, with the SDK; gocache/ its build cache
#   bazel/        Bazel's output user root; actions/ its disk cache; tmp/, config/, home/
# KEY is a digest of all inputs of a piece. A call makes a piece in a temporary
# directory under a lock and publishes it by one rename. So a piece that exists is
# complete, even if an earlier call was killed.

provision=$workspace/tools/provision
# shellcheck source=tools/provision/say.sh
source "$provision/say.sh"
# shellcheck source=tools/provision/host.sh
source "$provision/host.sh"
# shellcheck source=tools/provision/outside.sh
source "$provision/outside.sh"
# shellcheck source=tools/provision/pins.sh
source "$provision/pins.sh"

# world_locate: sets the names of the pieces. It makes only the cache directory.
world_locate() {
  host_architecture
  host_check_paths
  pins_load
  sysroot=$cache/sysroot-$(digest_of "$architecture" "$suite" "${packages[@]}" \
    "${assumed[@]}" -- "$provision"/{debs,sysroot}.sh)
  world=$cache/world-$(digest_of "${sysroot##*/}" "$cache" "$go_version" \
    "$go_toolchain_sum" "$rules_pkg_version" -- "$provision"/{world,modules}.sh "$provision/import" \
    "$provision"/imported/* "$provision"/package_metadata/{MODULE.in,*/*} "$workspace"/go.{mod,sum})
}

# digest_of WORD... -- FILE...: prints the start of a SHA-256 of the words and the files.
digest_of() {
  local words=()
  while [[ $1 != -- ]]; do
    words+=("$1")
    shift
  done
  shift
  { printf '%s\n' "${words[@]}" && cat -- "$@"; } | sha256sum | cut -c 1-16
}

# world_ensure: makes the pieces that do not exist yet.
world_ensure() {
  world_locate
  [[ -e $world ]] || host_check_tools
  host_check_namespaces
  if [[ ! -e $world ]]; then
    # One call at a time; another one may have made the world meanwhile.
    world_lock
    [[ -e $world ]] || world_make
    exec 9>&-
  fi
  world_check
}

# world_lock: locks the cache directory until this shell and all processes that it
# started have closed descriptor 9.
world_lock() {
  while :; do
    mkdir -p -- "$cache"
    exec 9>"$cache/lock"
    flock --nonblock 9 || {
      printf 'tools/bazel: waiting for another call that uses %s\n' "$cache" >&2
      flock 9
    }
    # The other call may have removed the directory, and the lock with it.
    [[ ! /proc/self/fd/9 -ef $cache/lock ]] || return 0
  done
}

world_make() {
  # shellcheck source=tools/provision/debs.sh
  source "$provision/debs.sh"
  # shellcheck source=tools/provision/sysroot.sh
  source "$provision/sysroot.sh"
  # shellcheck source=tools/provision/modules.sh
  source "$provision/modules.sh"
  trap say_ended_early EXIT
  printf 'tools/bazel: provisioning Bazel %s, Go %s and squashfs-tools %s, this once, into %s\n' \
    "$bazel_version" "$go_version" "$squashfs_tools_version" "$cache" >&2
  # Left by a call that was killed. Under the lock no other call uses them.
  remove_tree "$cache"/*.making "$cache"/*.making.apt
  PHASES=3
  if [[ ! -e $sysroot ]]; then
    PHASES=6
    # Packages, packed and unpacked, and modules need this much, with a third to spare.
    host_check_space "$cache" 1500
    modules_start "$world.making"
    sysroot_make "$sysroot.making"
    world_publish "$sysroot"
  fi
  host_check_space "$cache" 500
  world_make_modules "$world.making"
  world_publish "$world"
  say_end
  printf 'tools/bazel: provisioned in %d s\n' "$SECONDS" >&2
  trap - EXIT
}

# world_publish PIECE: renames PIECE.making, and writes the digests of all its files.
world_publish() {
  sums_of "$1.making" >"$1.sums"
  mv -T -- "$1.making" "$1"
}

# sums_of DIRECTORY: prints lines "DIGEST ./FILE", and "MODE ./PATH TARGET" for all paths.
sums_of() (
  cd -- "$1"
  {
    find . -type f -print0 | xargs -0 -r -n 500 -P "$(nproc)" sha256sum --
    find . -printf '%M  %p %l\n'
  } | LC_ALL=C sort -k 2
)

# world_check: verifies that the pieces have the files that every call needs. To be quick
# it checks only these; tools/provision/verify checks all files.
world_check() {
  local file
  for file in "$sysroot"/usr/bin/{bazel,bwrap,bash} "$sysroot/usr/lib/$multiarch/$loader" \
    "$sysroot"/usr/share/bazel/{A-server.jar,install_base_key} \
    "$sysroot/usr/lib/jvm/default-java/bin/java" "$world"/{bazelrc,goproxy} \
    "$world/modules/squashfs-tools/bin/mksquashfs" "$(world_go_sdk)/bin/go"; do
    [[ -s $file ]] || die "the cache directory is damaged: '$file' is missing or empty" \
      'tools/provision/verify lists all damaged files. tools/provision/clean removes everything, and the next call provisions it again.'
  done
}

world_go_sdk() {
  printf '%s\n' "$cache/gomod/golang.org/toolchain@v0.0.1-go$go_version.linux-$architecture"
}

# remove_tree PATH...: removes also read-only directories, such as Go's module cache.
remove_tree() {
  local path
  for path in "$@"; do
    [[ -e $path || -L $path ]] || continue
    rm -rf -- "$path" 2>/dev/null && continue
    chmod -R u+w -- "$path" && rm -rf -- "$path"
  done
}

# sysroot_run SYSROOT COMMAND...: replaces this shell by a command that sees the
# sysroot's /usr and /etc. All other paths are this machine's. So Bazel's server can
# outlive the call, and its paths mean the same outside.
sysroot_run() {
  local root=$1 name
  shift
  local overlay=(--dev-bind / / --ro-bind "$root/usr" /usr)
  [[ -z ${ends_with_launcher:-} ]] || overlay+=(--die-with-parent)
  # The user's own programs may be below /usr/local, and the workspace below /usr.
  overlay+=(--bind-try /usr/local /usr/local)
  for name in bin sbin lib lib64; do
    # On systems without merged-usr these are directories.
    [[ -L /$name || ! -d /$name ]] || overlay+=(--ro-bind "$root/usr/$name" "/$name")
  done
  overlay+=(--ro-bind "$root/etc" /etc)
  for name in passwd group resolv.conf hosts nsswitch.conf localtime; do
    # Follow links: /etc/resolv.conf may point to any place.
    [[ ! -f /etc/$name ]] || overlay+=(--ro-bind "$(readlink -f "/etc/$name")" "/etc/$name")
  done
  [[ $workspace != /usr/* ]] || overlay+=(--bind "$workspace" "$workspace")
  [[ $cache != /usr/* ]] || overlay+=(--bind "$cache" "$cache")
  exec "$root/usr/lib/$multiarch/$loader" --library-path "$root/usr/lib/$multiarch" \
    "$root/usr/bin/bwrap" "${overlay[@]}" --chdir "$PWD" -- "$@"
}

world_exec_bazel() {
  # bubblewrap waits for Bazel's client and passes its exit status on. Only the
  # client acts on Ctrl-C: it cancels the build. If this process ends, the client
  # gets SIGTERM.
  trap '' INT
  mkdir -p -- "$cache/tmp"
  # For the Go modules of a workspace that uses this one; the modules of this one are there
  # already. --repo_env=GOPROXY=… in the workspace's .bazelrc takes precedence. The
  # sysroot has no certificates in the places that Go reads.
  export GOPROXY=${GOPROXY:-$(<"$world/goproxy")} SSL_CERT_FILE=$world/certificates.pem
  # The command is one of the words before --. A target that is called run does no harm.
  local word inside=sysroot_run
  for word; do
    [[ $word != -- ]] || break
    [[ $word != run ]] || inside=outside_run
  done
  # A server keeps the sysroot in which it was started. The property differs for
  # another sysroot, so that Bazel starts another server.
  "$inside" "$sysroot" /usr/bin/setpriv --pdeathsig TERM \
    /usr/bin/bazel --nosystem_rc "--bazelrc=$world/bazelrc" \
    --install_base=/usr/share/bazel --trust_install_base \
    --server_javabase=/usr/lib/jvm/default-java "--output_user_root=$cache/bazel" \
    "--host_jvm_args=-Dprovision.sysroot=${sysroot##*/}" \
    "--host_jvm_args=-Djava.io.tmpdir=$cache/tmp" --host_jvm_args=-XX:-UsePerfData "$@"
}
