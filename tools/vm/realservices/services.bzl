"""Real services, as Debian packages them: the contents of an image of each one."""

visibility(["//tools/vm/..."])

# All packages are from this suite, and run on a machine with it.
SUITE = "trixie"

_LIBRARIES = "usr/lib/x86_64-linux-gnu/"
_UNITS = "usr/lib/systemd/system/"

def _service(packages, program, libraries = [], files = [], config = {}):
    """Describes a service.

    Args:
        packages: names of Debian's packages.
        program: the path of the program, without a leading slash.
        libraries: names of the shared libraries that the program needs beside the C
            library.
        files: paths of the packages' further files: a socket unit, scripts, settings. A
            file that sets nothing is left out.
        config: what an administrator adds: path in the image to a file of config/.

    Returns:
        A struct of these.
    """
    return struct(
        config = config,
        files = files,
        libraries = libraries,
        packages = packages,
        program = program,
    )

# By portable name.
SERVICES = {
    "caddy": _service(
        packages = ["caddy"],
        program = "usr/bin/caddy",
        libraries = ["libzstd.so.1"],
        files = ["etc/caddy/Caddyfile", "usr/share/caddy/index.html"],
    ),
    "dnss": _service(
        packages = ["dnss"],
        program = "usr/bin/dnss",
        files = ["etc/default/dnss", _UNITS + "dnss.socket"],
    ),
    "docker-registry": _service(
        packages = ["docker-registry"],
        program = "usr/bin/docker-registry",
        files = ["etc/docker/registry/config.yml", "etc/docker/registry/htpasswd"],
    ),
    "etcd": _service(
        packages = ["etcd-server"],
        program = "usr/bin/etcd",
    ),
    "gobgpd": _service(
        packages = ["gobgpd"],
        program = "usr/bin/gobgpd",
        config = {"/etc/gobgpd.conf": "gobgpd.conf"},
    ),
    "memcached": _service(
        packages = ["memcached"],
        program = "usr/bin/memcached",
        libraries = [
            "libcrypto.so.3",
            "libevent-2.1.so.7",
            "libm.so.6",
            "libsasl2.so.2",
            "libssl.so.3",
            "libz.so.1",
            "libzstd.so.1",
        ],
        files = ["usr/share/memcached/scripts/systemd-memcached-wrapper"],
    ),
    "mosquitto": _service(
        packages = ["mosquitto"],
        program = "usr/sbin/mosquitto",
        libraries = [
            "libcap.so.2",
            "libcrypto.so.3",
            "libdlt.so.2",
            "libm.so.6",
            "libssl.so.3",
            "libsystemd.so.0",
            "libwebsockets.so.19",
            "libwrap.so.0",
            "libz.so.1",
            "libzstd.so.1",
        ],
        files = ["etc/mosquitto/mosquitto.conf", "etc/mosquitto/conf.d/README"],
    ),
    "nats-server": _service(
        packages = ["nats-server"],
        program = "usr/sbin/nats-server",
        files = ["etc/nats-server.conf"],
    ),
    "ngircd": _service(
        packages = ["ngircd"],
        program = "usr/sbin/ngircd",
        libraries = [
            "libaudit.so.1",
            "libcap-ng.so.0",
            "libffi.so.8",
            "libgmp.so.10",
            "libgnutls.so.30",
            "libhogweed.so.6",
            "libident.so.0",
            "libidn2.so.0",
            "libnettle.so.8",
            "libp11-kit.so.0",
            "libpam.so.0",
            "libtasn1.so.6",
            "libunistring.so.5",
            "libz.so.1",
        ],
        files = ["etc/ngircd/ngircd.conf", "etc/ngircd/ngircd.motd"],
    ),
    "ntfy": _service(
        packages = ["ntfy"],
        program = "usr/bin/ntfy",
        libraries = ["libm.so.6", "libsqlite3.so.0"],
        files = ["etc/ntfy/server.yml"],
    ),
    "prometheus-blackbox-exporter": _service(
        packages = ["prometheus-blackbox-exporter"],
        program = "usr/bin/prometheus-blackbox-exporter",
        files = ["etc/default/prometheus-blackbox-exporter", "etc/prometheus/blackbox.yml"],
    ),
    "prometheus-node-exporter": _service(
        packages = ["prometheus-node-exporter"],
        program = "usr/bin/prometheus-node-exporter",
        files = ["etc/default/prometheus-node-exporter"],
    ),
    "prometheus-pushgateway": _service(
        packages = ["prometheus-pushgateway"],
        program = "usr/bin/prometheus-pushgateway",
        files = [
            "etc/default/prometheus-pushgateway",
            "usr/share/prometheus/pushgateway/template.html",
        ],
    ),
    "tinyproxy": _service(
        packages = ["tinyproxy"],
        program = "usr/bin/tinyproxy",
        files = [
            "etc/tinyproxy/tinyproxy.conf",
            "usr/share/tinyproxy/default.html",
            "usr/share/tinyproxy/stats.html",
        ],
    ),
    "valkey-server": _service(
        packages = ["valkey-server", "valkey-tools"],
        program = "usr/bin/valkey-server",
        libraries = [
            "libatomic.so.1",
            "libcap.so.2",
            "libcrypto.so.3",
            "libgcc_s.so.1",
            "libjemalloc.so.2",
            "liblzf.so.1",
            "libm.so.6",
            "libssl.so.3",
            "libstdc++.so.6",
            "libsystemd.so.0",
            "libz.so.1",
            "libzstd.so.1",
        ],
        files = ["etc/valkey/valkey.conf"],
    ),
    "webhook": _service(
        packages = ["webhook"],
        program = "usr/bin/webhook",
        config = {"/etc/webhook.conf": "webhook.conf"},
    ),
}

# Every program that uses the C library needs the library, and its loader at the path that
# programs contain.
_LOADER = _LIBRARIES + "ld-linux-x86-64.so.2"
_C_LIBRARY = _LIBRARIES + "libc.so.6"
SYMLINKS = {
    "/lib": "usr/lib",
    "/lib64": "usr/lib64",
    "/usr/lib64/ld-linux-x86-64.so.2": "../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
}

def files_of(name):
    """Returns the paths of a service's files, units and libraries apart.

    Args:
        name: a key of SERVICES.

    Returns:
        A struct with the lists `programs`, `units` and `files`.
    """
    service = SERVICES[name]
    scripts = [path for path in service.files if "/scripts/" in path]
    sockets = [path for path in service.files if path.startswith(_UNITS)]
    return struct(
        files = [path for path in service.files if path not in scripts + sockets] +
                [_C_LIBRARY] + [_LIBRARIES + library for library in service.libraries],
        programs = [service.program, _LOADER] + scripts,
        units = ["{}{}.service".format(_UNITS, name)] + sockets,
    )

def all_files():
    """Returns the paths of all services' files, each once.

    Returns:
        A list, for `data` of a `debian_packages`.
    """
    paths = {}
    for name in SERVICES:
        files = files_of(name)
        paths.update({path: None for path in files.files + files.programs + files.units})
    return paths.keys()

def all_packages():
    """Returns the names of all packages.

    Returns:
        A list, for `packages` of a `debian_packages`.
    """
    return {package: None for service in SERVICES.values() for package in service.packages}.keys()
