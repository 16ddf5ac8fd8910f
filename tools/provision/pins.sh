# shellcheck shell=bash disable=SC2034
# The contents of the closed world. Versions that the open network needs too are
# read from the files that pin them there; this file has only those of the closed
# world. A change to any of them makes new directories beside the old ones.

# pin_of FILE SED-EXPRESSION: prints the first match of a pattern; without one it fails.
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

  # The sums of the module golang.org/toolchain in the Go checksum database. Its
  # SDK is the one that versions.bzl pins by its archive's SHA-256.
  case $architecture in
    amd64) go_toolchain_sum='h1:BbG1DRIqH1ZVMRnQg/4M6jtOJjMFUusUjI+kXRBWqE8=' ;;
    arm64) go_toolchain_sum='h1:3daC5cZuthisv2y8yd9iERt0sN0KIW5fFKNTbnxpDEA=' ;;
  esac

  # Packages that affect the image's bytes are pinned: squashfs-tools here, and the
  # Go SDK and rules_go above. The others have the suite's current versions, so a
  # machine that is provisioned next month gets newer ones: Bazel (whose version is
  # verified), the rules that Debian packages, the programs that actions and test
  # wrappers find in /usr/bin, and apt for debian.bzl. No code here is in C, but
  # sh_binary, and so gazelle's runner, requires a C toolchain.
  packages=(
    "bazel-bootstrap=$bazel_version*" bazel-rules-pkg bazel-rules-shell default-jre-headless
    "squashfs-tools=1:$squashfs_tools_version*" shellcheck bubblewrap
    gcc libc6-dev bash dash coreutils sed grep gawk tar gzip xz-utils findutils diffutils
    patch procps util-linux base-files unzip zip git
    # For tests: systemd-analyze, and the library that it loads with dlopen(3).
    systemd libseccomp2
    apt dpkg file gpgv debian-archive-keyring
    # For sysroot_locale.
    libc-bin locales
  )
  # Dependencies to leave out: 400 MB of bazel-bootstrap's, which only compiling Java
  # or C++ needs, and git's, which only fetching from servers needs.
  assumed=(
    default-jdk-headless openjdk-21-jdk-headless openjdk-25-jdk-headless
    build-essential velocity libtruth-java libjarjar-java libproguard-java
    zlib1g-dev
    perl liberror-perl libcurl3t64-gnutls
    # Java libraries (with what these depend on, 52 packages) that are not on the class path
    # of Bazel's server, which /usr/bin/bazel sets.
    libasm-java libcommons-codec-java libcommons-collections3-java libcommons-lang3-java
    libeclipse-jdt-core-compiler-batch-java libeclipse-jdt-core-java libhttpclient-java
    libhttpcore-java libjackson2-core-java libjacoco-java libjaxb-api-java libjctools-java
    libjgit-java libmaven-enforcer-plugin-java libmaven3-core-java libopencensus-java
    libplexus-utils2-java libslf4j-java
    # What programs load that gcc compiled with -fsanitize.
    libasan8 libhwasan0 liblsan0 libtsan2 libubsan1
  )
}
