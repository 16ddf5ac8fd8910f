# shellcheck shell=bash
# The closed world: what is made once, where it lies, and how Bazel runs in it.
#
# Below the cache directory:
#   sysroot-KEY/  Debian packages: Bazel, Java, squashfs-tools, what actions call
#   world-KEY/    Bazel modules and the bazelrc that puts them in place
#   *-KEY.sums    the digests of a piece's files; world-KEY.go.sums those of the SDK
#   gomod/        Go's own module cache, with the SDK; gocache/ its build cache
#   bazel/        Bazel's output user root; actions/ its disk cache; tmp/, config/, home/
# KEY is a digest of all that a piece is made from. A piece is made in a
# temporary directory under a lock and published by one rename, so a call that
# finds it finds it whole, whatever was killed before.

provision=$workspace/tools/provision
# shellcheck source=tools/provision/say.sh
source "$provision/say.sh"
# shellcheck source=tools/provision/host.sh
source "$provision/host.sh"
# shellcheck source=tools/provision/outside.sh
source "$provision/outside.sh"
# shellcheck source=tools/provision/pins.sh
source "$provision/pins.sh"

# world_locate: names the pieces, makes nothing but the cache directory.
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

# digest_of WORD... -- FILE...: the start of a sha256 over words and contents.
digest_of() {
  local words=()
  while [[ $1 != -- ]]; do
    words+=("$1")
    shift
  done
  shift
  { printf '%s\n' "${words[@]}" && cat -- "$@"; } | sha256sum | cut -c 1-16
}

# world_ensure: makes what is not there yet.
world_ensure() {
  world_locate
  [[ -e $world ]] || host_check_tools
  host_check_namespaces
  if [[ ! -e $world ]]; then
    # One at a time; whoever waited finds the work done.
    world_lock
    [[ -e $world ]] || world_make
    exec 9>&-
  fi
  world_check
}

# world_lock: holds the cache directory until descriptor 9 is closed, by this
# shell and all that it started.
world_lock() {
  while :; do
    mkdir -p -- "$cache"
    exec 9>"$cache/lock"
    flock --nonblock 9 || {
      printf 'tools/bazel: waiting for another call that is at work in %s\n' "$cache" >&2
      flock 9
    }
    # Whoever had it may have removed the directory, and the lock with it.
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
  # Left by a call that was killed: nobody else works here, the lock is ours.
  remove_tree "$cache"/*.making "$cache"/*.making.apt
  PHASES=3
  if [[ ! -e $sysroot ]]; then
    PHASES=6
    # Packages unpacked, packed and modules: what was seen, with a third to spare.
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

# world_publish PIECE: from PIECE.making, with the digests of all its files.
world_publish() {
  sums_of "$1.making" >"$1.sums"
  mv -T -- "$1.making" "$1"
}

# sums_of DIRECTORY: lines "DIGEST ./FILE", and "MODE ./PATH TARGET" for all paths.
sums_of() (
  cd -- "$1"
  {
    find . -type f -print0 | xargs -0 -r -n 500 -P "$(nproc)" sha256sum --
    find . -printf '%M  %p %l\n'
  } | LC_ALL=C sort -k 2
)

# world_check: that the pieces have what every call needs. It looks at a few files
# only, to be quick; tools/provision/verify looks at all.
world_check() {
  local file
  for file in "$sysroot"/usr/bin/{bazel,bwrap,bash} "$sysroot/usr/lib/$multiarch/$loader" \
    "$sysroot"/usr/share/bazel/{A-server.jar,install_base_key} \
    "$sysroot/usr/lib/jvm/default-java/bin/java" "$world"/{bazelrc,goproxy} \
    "$world/modules/squashfs-tools/bin/mksquashfs" "$(world_go_sdk)/bin/go"; do
    [[ -s $file ]] || die "the cache directory is damaged: '$file' is missing or empty" \
      'tools/provision/verify tells what else is wrong; tools/provision/clean removes all, and the next call makes it anew.'
  done
}

world_go_sdk() {
  printf '%s\n' "$cache/gomod/golang.org/toolchain@v0.0.1-go$go_version.linux-$architecture"
}

# remove_tree PATH...: also what is read-only, as Go's module cache is.
remove_tree() {
  local path
  for path in "$@"; do
    [[ -e $path || -L $path ]] || continue
    rm -rf -- "$path" 2>/dev/null && continue
    chmod -R u+w -- "$path" && rm -rf -- "$path"
  done
}

# sysroot_run SYSROOT COMMAND...: replaces this shell by a command that sees the
# sysroot's /usr and /etc, and everything else of this machine where it is. So
# Bazel's server outlives the call, and its paths mean the same outside.
sysroot_run() {
  local root=$1 name
  shift
  local overlay=(--dev-bind / / --ro-bind "$root/usr" /usr)
  [[ -z ${ends_with_launcher:-} ]] || overlay+=(--die-with-parent)
  # /usr may hold a person's own things, and the workspace.
  overlay+=(--bind-try /usr/local /usr/local)
  for name in bin sbin lib lib64; do
    # Before merged-usr these are directories of their own.
    [[ -L /$name || ! -d /$name ]] || overlay+=(--ro-bind "$root/usr/$name" "/$name")
  done
  overlay+=(--ro-bind "$root/etc" /etc)
  for name in passwd group resolv.conf hosts nsswitch.conf localtime; do
    # Through its links: what /etc/resolv.conf points to may be anywhere.
    [[ ! -f /etc/$name ]] || overlay+=(--ro-bind "$(readlink -f "/etc/$name")" "/etc/$name")
  done
  [[ $workspace != /usr/* ]] || overlay+=(--bind "$workspace" "$workspace")
  [[ $cache != /usr/* ]] || overlay+=(--bind "$cache" "$cache")
  exec "$root/usr/lib/$multiarch/$loader" --library-path "$root/usr/lib/$multiarch" \
    "$root/usr/bin/bwrap" "${overlay[@]}" --chdir "$PWD" -- "$@"
}

world_exec_bazel() {
  # bubblewrap waits for Bazel's client and passes its exit status on. Ctrl-C is
  # for the client alone, which cancels the build; and when somebody ends this
  # process, the client is told.
  trap '' INT
  mkdir -p -- "$cache/tmp"
  # For the Go modules of a workspace that uses this one: all that this one needs is there
  # already. A --repo_env=GOPROXY=… in the workspace's .bazelrc comes before it. Of
  # certificates, the sysroot has none where Go looks.
  export GOPROXY=${GOPROXY:-$(<"$world/goproxy")} SSL_CERT_FILE=$world/certificates.pem
  # Of words before --, the command is one. A target that is called run makes no difference.
  local word inside=sysroot_run
  for word; do
    [[ $word != -- ]] || break
    [[ $word != run ]] || inside=outside_run
  done
  # The server lives in the sysroot it was started in. The property is there to
  # differ when that does: Bazel then starts another.
  "$inside" "$sysroot" /usr/bin/setpriv --pdeathsig TERM \
    /usr/bin/bazel --nosystem_rc "--bazelrc=$world/bazelrc" \
    --install_base=/usr/share/bazel --trust_install_base \
    --server_javabase=/usr/lib/jvm/default-java "--output_user_root=$cache/bazel" \
    "--host_jvm_args=-Dprovision.sysroot=${sysroot##*/}" \
    "--host_jvm_args=-Djava.io.tmpdir=$cache/tmp" --host_jvm_args=-XX:-UsePerfData "$@"
}
