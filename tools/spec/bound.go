package spec

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// Guess says how certain the type of a mount point is. The host decides whether a bound path is a
// file or a directory, and systemd mounts files only over files and directories over directories.
type Guess int

// The kinds of guesses.
const (
	Sure    Guess = iota // the directive or the path determines the type
	ByName               // the path looks like a file's, or is unknown
	Assumed              // unknown, but most such paths are directories
)

// hostFiles are files on hosts. hostDirectories are directories on hosts; paths below them are
// directories too, unless they look like files.
var (
	hostFiles = []string{
		"/etc/adjtime", "/etc/aliases", "/etc/crypttab", "/etc/environment", "/etc/ethers", "/etc/exports", "/etc/fstab", "/etc/group", "/etc/gshadow",
		"/etc/hostid", "/etc/hostname", "/etc/hosts", "/etc/issue", "/etc/ld.so.cache", "/etc/localtime", "/etc/login.defs", "/etc/machine-id",
		"/etc/machine-info", "/etc/motd", "/etc/mtab", "/etc/netgroup", "/etc/networks", "/etc/os-release", "/etc/passwd", "/etc/profile",
		"/etc/protocols", "/etc/rpc", "/etc/services", "/etc/shadow", "/etc/shells", "/etc/subgid", "/etc/subuid", "/etc/sudoers", "/etc/timezone",
		"/etc/ssh/ssh_known_hosts", "/usr/lib/os-release", "/var/lib/dbus/machine-id",
		"/etc/gai.conf", "/etc/host.conf", "/etc/krb5.conf", "/etc/krb5.keytab", "/etc/ld.so.conf", "/etc/locale.conf", "/etc/nsswitch.conf", "/etc/resolv.conf",
		"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/pki/tls/cert.pem", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
		"/etc/ssl/cert.pem", "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/openssl.cnf",
	}
	hostDirectories = []string{"/data", "/home", "/media", "/mnt", "/opt", "/root", "/srv", "/usr/lib/locale", "/usr/share", "/var"}
	// Paths below these are files, except those that have files below them.
	filesBelow = []string{"/etc/default", "/etc/ssl/certs", "/etc/ssl/private", "/etc/sysconfig", "/usr/bin", "/usr/local/bin", "/usr/local/sbin", "/usr/sbin", "/bin", "/sbin", "/usr/share/zoneinfo"}
)

// fileEnding matches names of files by their end.
var fileEnding = regexp.MustCompile(`\.(?:asc|bin|cer|cert|cfg|cnf|conf|config|crt|csr|csv|dat|db|der|env|gpg|htpasswd|img|ini|iso|jks|json|jwk|key|keytab|list|lock|log|lua|p12|passwd|password|pem|pfx|pid|properties|pub|py|raw|rules|secret|sh|sock|socket|sql|sqlite3?|token|toml|txt|xml|ya?ml|zst|gz|xz|zip|tar|so(?:\.[0-9]+)*)$`)

// someEnding matches names that may belong to a file or to a directory, such as example.org.
var someEnding = regexp.MustCompile(`[^/.]\.[A-Za-z][A-Za-z0-9_+-]*$`)

// boundKind returns the type of a bound path's mount point, and how certain it is.
func boundKind(source, target string) (Type, Guess) {
	source = path.Clean(source)
	switch {
	case slices.Contains(hostFiles, source), slices.Contains(hostFiles, target):
		return File, Sure
	case slices.Contains(filesBelow, source), slices.Contains(hostDirectories, source), strings.Count(source, "/") == 1, strings.HasSuffix(source, ".d"):
		return Directory, Sure
	}
	for _, name := range []string{source, target} {
		if fileEnding.MatchString(name) || slices.Contains(filesBelow, path.Dir(name)) {
			return File, ByName
		}
	}
	switch {
	case someEnding.MatchString(source):
		return Directory, ByName
	case slices.ContainsFunc(hostDirectories, func(dir string) bool { return strings.HasPrefix(source, dir+"/") }):
		return Directory, Sure
	}
	return Directory, Assumed
}
