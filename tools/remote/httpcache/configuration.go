package httpcache

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

// configuration is nginx's. What is not said here is nginx's default.
var configuration = template.Must(template.New("nginx.conf").Parse(`
# One process, which dies with its parent.
daemon off;
master_process off;
{{- if .Root}}
# Else root's files would become nobody's.
user root root;
{{- end}}
error_log stderr warn;
pid "{{.Scratch}}/pid";

events {
    worker_connections 1024;
}

http {
    access_log off;
    # Beside what is kept, so that an upload becomes visible whole, by a rename.
    client_body_temp_path "{{.Storage}}/incoming";
    # Of modules that are not used, but want a directory.
    fastcgi_temp_path "{{.Scratch}}/fastcgi";
    proxy_temp_path "{{.Scratch}}/proxy";
    scgi_temp_path "{{.Scratch}}/scgi";
    uwsgi_temp_path "{{.Scratch}}/uwsgi";

    server {
        listen {{.Address}}{{if .Certificate}} ssl{{end}};
        {{- if .Certificate}}
        ssl_certificate "{{.Certificate}}";
        ssl_certificate_key "{{.Key}}";
        {{- end}}
        root "{{.Storage}}/root";
        # Images are large; nginx's default is 1 MB.
        client_max_body_size 0;
        # A miss is no error.
        log_not_found off;

        location / {
            return 404;
        }
        # Nothing but blobs and results: no listing, no deletion.
        location ~ "^/(ac|cas)/[0-9a-f]{64}$" {
            dav_methods PUT;
            create_full_put_path on;
            {{- if .Writers}}
            limit_except GET {
                auth_basic "who writes";
                auth_basic_user_file "{{.Scratch}}/writers";
            }
            {{- end}}
        }
    }
}
`))

// configure writes the configuration, and makes the directories that it names.
func (c *Cache) configure(address string) (path string, err error) {
	for _, directory := range []string{"root", "incoming"} {
		if err := os.MkdirAll(filepath.Join(c.options.Storage, directory), 0o777); err != nil {
			return "", err
		}
	}
	var writers strings.Builder
	for _, writer := range c.options.Writers {
		name, password, found := strings.Cut(writer, ":")
		if !found || name == "" || password == "" || strings.ContainsAny(writer, "\r\n") {
			return "", fmt.Errorf("writer %q is not written name:password", writer)
		}
		fmt.Fprintf(&writers, "%s:{PLAIN}%s\n", name, password)
	}
	if err := os.WriteFile(filepath.Join(c.scratch, "writers"), []byte(writers.String()), 0o600); err != nil {
		return "", err
	}
	var text bytes.Buffer
	err = configuration.Execute(&text, map[string]any{
		"Address":     address,
		"Certificate": c.options.Certificate,
		"Key":         c.options.Key,
		"Root":        os.Geteuid() == 0,
		"Scratch":     c.scratch,
		"Storage":     c.options.Storage,
		"Writers":     c.options.Writers,
	})
	if err != nil {
		return "", err
	}
	path = filepath.Join(c.scratch, "nginx.conf")
	return path, os.WriteFile(path, text.Bytes(), 0o600)
}
