# shellcheck shell=bash
# The requirements for this machine. Each check that fails prints how to fix it.

open_world_hint=${open_world_hint-Or install Bazelisk, which needs none of this if the machine can reach the internet.}

# host_check_paths: sets cache, and verifies it and the workspace's path. It is quick,
# and runs at every start.
host_check_paths() {
  if [[ -n ${XDG_CACHE_HOME:-} ]]; then
    cache=$XDG_CACHE_HOME
  elif [[ -n ${HOME:-} ]]; then
    cache=$HOME/.cache
  else
    die 'HOME is not set, so there is no place for the provisioned tools' \
      'Set HOME, or XDG_CACHE_HOME to a directory that you can write to.'
  fi
  [[ $cache == /* ]] || die "the cache directory is a relative path: '$cache'" \
    'Set XDG_CACHE_HOME (or HOME) to an absolute path.'
  cache=$cache/portable-walkthrough-go
  [[ $cache != *[[:space:]]* ]] || die "the cache directory's path has a space in it: '$cache'" \
    'Bazel rules split paths at spaces. Set XDG_CACHE_HOME to a path without.'
  [[ $workspace != *[[:space:]]* ]] || die "the workspace's path has a space in it: '$workspace'" \
    'Bazel rules split paths at spaces. Move the checkout to a path without.'
  if ! mkdir -p -- "$cache" 2>/dev/null || [[ ! -w $cache ]]; then
    die "can't write to the cache directory '$cache'" \
      'Make it writable, or set XDG_CACHE_HOME to a directory that is.'
  fi
}

# host_architecture: sets the machine's CPU, by Debian's name.
host_architecture() {
  case $(uname -s)/$(uname -m) in
    Linux/x86_64) architecture=amd64 multiarch=x86_64-linux-gnu loader=ld-linux-x86-64.so.2 ;;
    Linux/aarch64) architecture=arm64 multiarch=aarch64-linux-gnu loader=ld-linux-aarch64.so.1 ;;
    *)
      die "unsupported machine: $(uname -s) on $(uname -m)" \
        'Provisioning supports Linux on x86_64 and aarch64.' "$open_world_hint"
      ;;
  esac
}

# host_check_tools: verifies that the programs are there which provisioning itself needs.
# It runs before the first download.
host_check_tools() {
  local tool missing=()
  for tool in apt-get apt-cache dpkg-deb; do
    command -v "$tool" >/dev/null || missing+=("$tool")
  done
  ((${#missing[@]} == 0)) || die "not found: ${missing[*]}; this is $(host_distribution)" \
    'apt and dpkg fetch Debian packages, as on any Debian machine.' \
    "$open_world_hint"
  for tool in flock tar xargs sha256sum unshare; do
    command -v "$tool" >/dev/null || die "not found: $tool" \
      "It is part of any Debian system: apt-get install util-linux tar findutils coreutils"
  done
}

# host_check_namespaces: verifies that this user can make namespaces. It runs at every
# start, because a cache may move to another machine.
host_check_namespaces() {
  unshare --user --map-root-user --mount true 2>/dev/null || unshare --mount true 2>/dev/null ||
    die 'this machine forbids user namespaces, and you are not root' \
      'Bazel runs in a namespace that shows it the provisioned /usr. Allow namespaces:' \
      '  sysctl user.max_user_namespaces=10000 kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0' \
      '(only those that your kernel has; a container must also allow unshare in its seccomp profile), or run as root.' \
      "$open_world_hint"
}

host_distribution() {
  # shellcheck source=/dev/null
  (. /etc/os-release && printf '%s' "${PRETTY_NAME:-$ID}") 2>/dev/null || printf 'an unknown distribution'
}

# host_check_space DIRECTORY MEBIBYTES: verifies the free space before a download, so that
# none stops halfway.
host_check_space() {
  local free
  free=$(df --output=avail --block-size=1M -- "$1" | tail -n 1)
  ((free >= $2)) || die "not enough disk space in '$1': $((free)) MiB free, $2 MiB needed" \
    'Free some, or set XDG_CACHE_HOME to a directory on another disk.'
}
