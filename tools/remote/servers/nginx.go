package servers

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// background is the context of servers: they end by Close, or with this process.
var background = context.Background()

// HTTPCache starts nginx with its DAV module. Everybody may read and write.
func HTTPCache(o Options) (*Server, error) {
	return start(o, "http", func(s *Server) (*exec.Cmd, error) {
		nginx, err := find("NGINX")
		if err != nil {
			return nil, err
		}
		configuration, err := s.configuration()
		if err != nil {
			return nil, err
		}
		path := filepath.Join(s.scratch, "nginx.conf")
		if err := os.WriteFile(path, []byte(configuration), 0o600); err != nil {
			return nil, err
		}
		for _, directory := range []string{"ac", "cas", "incoming"} {
			if err := os.MkdirAll(filepath.Join(s.options.Storage, directory), 0o777); err != nil {
				return nil, err
			}
		}
		// -e: its own default is a file below /var/log.
		return nginx.Command(background, "-p", s.scratch, "-e", "stderr", "-c", path), nil
	})
}

// The server as users copy it.
//
//go:embed nginx.conf
var published string

// passwords matches the published server's lines about readers and writers.
var passwords = regexp.MustCompile(`(?s) +# The file of readers.*?\n        }\n`)

// configuration is the published server without TLS, passwords and root's directories.
func (s *Server) configuration() (string, error) {
	server := passwords.ReplaceAllString(published, "")
	for _, change := range [][2]string{
		{"listen 443 ssl;", `listen "unix:` + s.socket() + `";`},
		{"    ssl_certificate /etc/nginx/cache.crt;\n", ""},
		{"    ssl_certificate_key /etc/nginx/cache.key;\n", ""},
		{"/var/cache/bazel/incoming;", `"` + filepath.Join(s.options.Storage, "incoming") + `";`},
		{"/var/cache/bazel;", `"` + s.options.Storage + `";`},
	} {
		if strings.Count(server, change[0]) != 1 {
			return "", fmt.Errorf("nginx.conf has %q %d times, want 1", change[0], strings.Count(server, change[0]))
		}
		server = strings.Replace(server, change[0], change[1], 1)
	}
	if left := regexp.MustCompile(`/etc|/var|ssl|auth`).FindString(server); left != "" {
		return "", fmt.Errorf("nginx.conf still has %q; replace it in nginx.go", left)
	}
	var unprivileged string
	if os.Geteuid() == 0 {
		// Otherwise root's files would belong to the user nobody.
		unprivileged = "user root root;"
	}
	temporary := func(module string) string {
		return fmt.Sprintf("    %s_temp_path %q;\n", module, filepath.Join(s.scratch, module))
	}
	return fmt.Sprintf(`
# One process, which dies with its parent.
daemon off;
master_process off;
%s
error_log stderr warn;
pid "%s/pid";
events {
    worker_connections 1024;
}
http {
    access_log off;
    # Modules that are not used want a directory all the same.
%s
%s
}
`, unprivileged, s.scratch, temporary("fastcgi")+temporary("proxy")+temporary("scgi")+temporary("uwsgi"), server), nil
}

// File returns where the HTTP cache keeps what it has at a path of its URL: "/ac/KEY" for
// the result of an action, "/cas/DIGEST" for the content of a file.
func (s *Server) File(path string) string { return filepath.Join(s.options.Storage, path) }
