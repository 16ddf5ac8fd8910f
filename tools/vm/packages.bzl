"""What the virtual machines are made of: Debian packages, a repository per suite."""

load("//tools/provision:debian.bzl", "debian_packages")
load("//tools/vm/realservices:services.bzl", "SUITE", "all_files", "all_packages")

# "//" is for MODULE.bazel.
visibility([
    "//",
    "//bzl",
    "//bzl/workspace",
])

# systemd with portabled, a kernel, and what the scenarios call.
_SYSTEM = [
    "base-files",
    "base-passwd",
    "bash",
    "coreutils",
    "curl",
    "dash",
    "dbus",
    "e2fsprogs",
    "kmod",
    # Without it systemd 262 runs services without their seccomp filter, silently.
    "libseccomp2",
    "mount",
    "systemd",
    "systemd-container",
    "systemd-sysv",
    "util-linux",
]

# Dependencies of the kernel's packages, which only installing needs.
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

def machine_repositories(lock):
    """Declares @vm_SUITE, with root.tar, @vm_qemu, with QEMU, and @vm_services, with real services.

    Args:
        lock: the lock file's label.
    """
    for suite, packages in SUITES.items():
        debian_packages(
            name = "vm_" + suite,
            archive = True,
            architecture = "amd64",
            assume = _ASSUME,
            lock = lock,
            packages = _SYSTEM + packages + ["linux-image-cloud-amd64"],
            suite = suite,
        )
    debian_packages(
        name = "vm_trixie_arm64",
        archive = True,
        architecture = "arm64",
        assume = _ASSUME,
        lock = lock,
        packages = _SYSTEM + SUITES["trixie"] + ["linux-image-cloud-arm64"],
        suite = "trixie",
    )
    debian_packages(
        name = "vm_services",
        architecture = "amd64",
        # What their maintainer scripts call.
        assume = [
            "adduser",
            "cron",
        ],
        data = all_files(),
        packages = all_packages(),
        suite = SUITE,
    )
    debian_packages(
        name = "vm_qemu",
        data = [
            "usr/share/qemu/kvmvapic.bin",
            "usr/share/qemu/linuxboot_dma.bin",
            "usr/share/seabios/bios-256k.bin",
        ],
        lock = lock,
        packages = ["qemu-system-x86"],
        programs = ["qemu-system-x86_64"],
        suite = "forky",
    )
    debian_packages(
        name = "vm_qemu_arm",
        lock = lock,
        packages = ["qemu-system-arm"],
        programs = ["qemu-system-aarch64"],
        suite = "forky",
    )

# For what is tested on one suite only.
_WHOLE_STORY = ["gpg", "gpg-agent", "nginx", "squashfs-tools"]

def _server_packages_impl(_ctx):
    for suite in SUITES:
        debian_packages(
            name = "vm_servers_" + suite,
            archive = True,
            architecture = "amd64",
            # For maintainer scripts, and for other uses of the servers.
            assume = [
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
            ],
            packages = ["openssh-client", "openssh-server"] + (_WHOLE_STORY if suite == "trixie" else []),
            suite = suite,
        )
    debian_packages(
        name = "rsync",
        packages = ["rsync"],
        programs = ["rsync"],
        suite = "trixie",
    )

server_packages = module_extension(
    implementation = _server_packages_impl,
    doc = """Repositories @vm_servers_SUITE: what our own walk-through has beside the machine's system.

portable_deploy reaches a machine through sshd on its own loopback interface, nginx serves a channel, gpg signs and
verifies it, and inspect reads images with unsquashfs. And @rsync, for the test of publishing with it.""",
)
