# shellcheck shell=bash disable=SC2034
# What the closed world is made of. Versions that the open world needs too are
# read from where that has them; only what is peculiar to this world is written
# here. A change of any of these makes a new provision beside the old one.

# pin_of FILE SED-EXPRESSION: the one match of a pattern, or an error.
pin_of() {
  local value
  value=$(sed -nE "$2" "$workspace/$1" | head -n 1) || true
  [[ -n $value ]] || die "no version found in $1 (looked for: $2)" \
    "restore the line, for instance with: git checkout -- $1"
  printf '%s\n' "$value"
}

pins_load() {
  bazel_version=${PROVISION_BAZEL_VERSION:-$(pin_of .bazelversion '1p')}
  squashfs_tools_version=$(pin_of MODULE.bazel \
    's/^bazel_dep\(name = "squashfs-tools", version = "([^"]+)".*/\1/p')
  rules_pkg_version=$(pin_of MODULE.bazel \
    's/^bazel_dep\(name = "rules_pkg", version = "([^"]+)".*/\1/p')
  rules_go_version=$(pin_of go.mod 's,.*github.com/bazelbuild/rules_go v([^ ]+).*,\1,p')
  gazelle_version=$(pin_of go.mod 's,.*github.com/bazelbuild/bazel-gazelle v([^ ]+).*,\1,p')
  gazelle_v2_version=$(pin_of go.mod 's,.*github.com/bazel-contrib/bazel-gazelle/v2 v([^ ]+).*,\1,p')
  go_version=$(pin_of bzl/toolchains/versions.bzl 's/^GO_VERSION = "([^"]+)"/\1/p')

  # Debian's suite that has this Bazel.
  suite=${PROVISION_SUITE:-forky}

  # golang.org/toolchain's module sums: what the Go checksum database says of
  # the SDK that versions.bzl pins by its archive's sha256.
  case $architecture in
    amd64) go_toolchain_sum='h1:BbG1DRIqH1ZVMRnQg/4M6jtOJjMFUusUjI+kXRBWqE8=' ;;
    arm64) go_toolchain_sum='h1:3daC5cZuthisv2y8yd9iERt0sN0KIW5fFKNTbnxpDEA=' ;;
  esac

  # Pinned is what has a say in the bits: the Go SDK, rules_go and squashfs-tools.
  # The rest is the suite's: a suite holds one version of each, and a machine that
  # provisions next month gets next month's. Here that is Bazel (its version must
  # be right all the same), the rules that Debian packages, what actions and test
  # wrappers find in /usr/bin, and apt for debian.bzl. Nothing here is C, but
  # sh_binary (so gazelle's runner) asks for a C toolchain all the same.
  packages=(
    "bazel-bootstrap=$bazel_version*" bazel-rules-pkg bazel-rules-shell default-jre-headless
    "squashfs-tools=1:$squashfs_tools_version*" shellcheck bubblewrap
    gcc libc6-dev bash dash coreutils sed grep gawk tar gzip xz-utils findutils diffutils
    patch procps util-linux base-files unzip zip git
    # For tests: systemd-analyze, and what it loads by itself.
    systemd libseccomp2
    apt dpkg file gpgv debian-archive-keyring
    # For sysroot_locale.
    libc-bin locales
  )
  # Dependencies of bazel-bootstrap that only compiling Java or C++ needs: 400 MB. And
  # git's, for which nothing here is fetched from anywhere.
  assumed=(
    default-jdk-headless openjdk-21-jdk-headless openjdk-25-jdk-headless
    build-essential velocity libtruth-java libjarjar-java libproguard-java
    zlib1g-dev
    perl liberror-perl libcurl3t64-gnutls
  )
}
