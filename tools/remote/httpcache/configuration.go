package httpcache

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
)

// configuration is nginx's. What is not said here is nginx's default.
var configuration = template.Must(template.New("nginx.conf").Parse(`
# One process, which dies with its parent.
daemon off;
master_process off;
{{- if .AsRoot}}
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
    # Of modules that are not used, but want a directory.
    fastcgi_temp_path "{{.Scratch}}/fastcgi";
    proxy_temp_path "{{.Scratch}}/proxy";
    scgi_temp_path "{{.Scratch}}/scgi";
    uwsgi_temp_path "{{.Scratch}}/uwsgi";

{{template "server" .}}
}

{{- /* The cache itself. ../ci/README.md shows it, with the paths of a usual server. */ -}}
{{define "server" -}}
server {
    listen {{.Address}}{{if .Certificate}} ssl{{end}};
    {{- with .Name}}
    server_name {{.}};
    {{- end}}
    {{- if .Certificate}}
    ssl_certificate "{{.Certificate}}";
    ssl_certificate_key "{{.Key}}";
    {{- end}}
    {{- if .ClientCA}}
    # Nobody else is talked to.
    ssl_client_certificate "{{.ClientCA}}";
    ssl_verify_client on;
    {{- end}}
    # Images are large. By default what has more than 1 MB is refused, with 413.
    client_max_body_size 0;
    # On the disk of what is kept, so that an upload becomes visible whole, by a rename.
    client_body_temp_path "{{.Incoming}}";
    # A miss is no error.
    log_not_found off;

    location / {
        return 404;
    }
    # Nothing but blobs and results: no listing, no deletion.
    location ~ "^/(ac|cas)/[0-9a-f]{64}$" {
        root "{{.Root}}";
        dav_methods PUT;
        create_full_put_path on;
        {{- if .Readers}}
        # Writers are in this file too. Without these two lines everybody may read.
        auth_basic cache;
        auth_basic_user_file "{{.Readers}}";
        {{- end}}
        {{- if .Writers}}
        limit_except GET {
            auth_basic cache;
            auth_basic_user_file "{{.Writers}}";
        }
        {{- end}}
    }
}
{{- end}}
`))

// settings are what the configuration differs in. Those of the server that are empty are
// left out.
type settings struct {
	AsRoot  bool
	Scratch string

	Address, Name, Certificate, Key, ClientCA string
	// Root holds what is kept, Incoming what is being sent.
	Root, Incoming string
	// Readers and Writers are files of names and passwords.
	Readers, Writers string
}

// configure writes the configuration, and makes the directories that it names.
func (c *Cache) configure(address string) (path string, err error) {
	s := settings{
		AsRoot:      os.Geteuid() == 0,
		Scratch:     c.scratch,
		Address:     address,
		Certificate: c.options.Certificate,
		Key:         c.options.Key,
		ClientCA:    c.options.ClientCA,
		Root:        filepath.Join(c.options.Storage, "root"),
		Incoming:    filepath.Join(c.options.Storage, "incoming"),
	}
	for _, directory := range []string{s.Root, s.Incoming} {
		if err := os.MkdirAll(directory, 0o777); err != nil {
			return "", err
		}
	}
	if len(c.options.Writers) > 0 {
		if s.Writers, err = c.users("writers", c.options.Writers); err != nil {
			return "", err
		}
	}
	if len(c.options.Readers) > 0 {
		if s.Readers, err = c.users("readers", slices.Concat(c.options.Readers, c.options.Writers)); err != nil {
			return "", err
		}
	}
	var text bytes.Buffer
	if err := configuration.Execute(&text, s); err != nil {
		return "", err
	}
	path = filepath.Join(c.scratch, "nginx.conf")
	return path, os.WriteFile(path, text.Bytes(), 0o600)
}

// users writes a file of names and passwords.
func (c *Cache) users(name string, users []string) (path string, err error) {
	var text strings.Builder
	for _, user := range users {
		name, password, found := strings.Cut(user, ":")
		if !found || name == "" || password == "" || strings.ContainsAny(user, "\r\n") {
			return "", fmt.Errorf("user %q is not written name:password", user)
		}
		fmt.Fprintf(&text, "%s:{PLAIN}%s\n", name, password)
	}
	path = filepath.Join(c.scratch, name)
	return path, os.WriteFile(path, []byte(text.String()), 0o600)
}
