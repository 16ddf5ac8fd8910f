"""What the virtual machines are made of: Debian packages, a repository per suite."""

load("//tools/provision:debian.bzl", "debian_packages")
load("//tools/provision:requests.bzl", "debian_requests", "request")
load("//tools/vm/realservices:services.bzl", "SUITE", "all_files", "all_packages")

visibility([
    "//bzl",
    "//bzl/workspace",
])

# systemd with portabled, a kernel, the programs of the scenarios, and those that users expect in
# a shell on Debian.
_SYSTEM = [
    "base-files",
    "base-passwd",
    "bash",
    "coreutils",
    "curl",
    "dash",
    "dbus",
    "e2fsprogs",
    "findutils",
    "grep",
    "kmod",
    # Without it, systemd 262 silently runs services without their seccomp filters.
    "libseccomp2",
    "mount",
    "ncurses-base",
    "procps",
    "sed",
    "systemd",
    "systemd-container",
    "systemd-sysv",
    "util-linux",
]

# Dependencies of the kernel's packages that only an installation needs.
_ASSUME = [
    "initramfs-tools",
    "linux-base",
    "linux-initramfs-tool",
]

SUITES = {
    "bookworm": ["libcryptsetup12"],
    "bullseye": ["libcryptsetup12", "udev"],
    "forky": ["libcryptsetup12"],
    "trixie": ["libcryptsetup12"],
}

# For maintainer scripts, and for other uses of the servers.
_ASSUME_OF_SERVERS = [
    "adduser",
    "debconf",
    "iproute2",
    "lsb-base",
    "openssh-sftp-server",
    "pinentry-curses",
    "procps",
    "runit-helper",
    "systemd",
    "sysvinit-utils",
    "ucf",
]

# The machines of the public tests: attributes of debian_packages.
_MACHINES = [
    dict(
        name = "vm_" + suite,
        archive = True,
        architecture = "amd64",
        assume = _ASSUME,
        packages = _SYSTEM + packages + ["linux-image-cloud-amd64"],
        suite = suite,
    )
    for suite, packages in SUITES.items()
] + [
    dict(
        name = "vm_trixie_arm64",
        archive = True,
        architecture = "arm64",
        assume = _ASSUME,
        packages = _SYSTEM + SUITES["trixie"] + ["linux-image-cloud-arm64"],
        suite = "trixie",
    ),
    dict(
        name = "vm_qemu",
        data = [
            "usr/share/qemu/kvmvapic.bin",
            "usr/share/qemu/linuxboot_dma.bin",
            "usr/share/seabios/bios-256k.bin",
        ],
        packages = ["qemu-system-x86"],
        programs = ["qemu-system-x86_64"],
        suite = "forky",
    ),
    dict(
        name = "vm_qemu_arm",
        packages = ["qemu-system-arm"],
        programs = ["qemu-system-aarch64"],
        suite = "forky",
    ),
]

# For tests that run on one suite only.
_WHOLE_STORY = [
    "gpg",
    "gpg-agent",
    "nginx",
    "squashfs-tools",
]

# Attributes of debian_packages for further packages of this repository's own tests.
_OWN = [
    dict(
        name = "vm_services",
        architecture = "amd64",
        # Only their maintainer scripts need these.
        assume = [
            "adduser",
            "cron",
        ],
        data = all_files(),
        packages = all_packages(),
        suite = SUITE,
    ),
] + [
    # portable_deploy reaches a machine through sshd on its own loopback interface, nginx serves a
    # channel, gpg signs and verifies it, and inspect reads images with unsquashfs.
    dict(
        name = "vm_servers_" + suite,
        archive = True,
        architecture = "amd64",
        assume = _ASSUME_OF_SERVERS,
        packages = ["openssh-client", "openssh-server"] + (_WHOLE_STORY if suite == "trixie" else []),
        suite = suite,
    )
    for suite in SUITES
] + [
    # For the test that publishes with it.
    dict(
        name = "rsync",
        packages = ["rsync"],
        programs = ["rsync"],
        suite = "trixie",
    ),
]

def machine_repositories(lock, further = [], own = False):
    """Declares @vm_SUITE, with root.tar, @vm_qemu, with QEMU, and @vm_requests, for the lock.

    Args:
        lock: the lock file's label.
        further: more repositories: dicts of attributes of debian_packages.
        own: declares what this repository's own tests need, too: @vm_services, with real
            services, @vm_servers_SUITE and @rsync.
    """
    repositories = _MACHINES + (_OWN if own else []) + further
    for attributes in repositories:
        debian_packages(lock = lock, **attributes)
    debian_requests(
        name = "vm_requests",
        requests = {attributes["name"]: request(**attributes) for attributes in repositories},
    )
