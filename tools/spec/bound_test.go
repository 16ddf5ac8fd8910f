package spec

import "testing"

func TestBoundKind(t *testing.T) {
	for name, want := range map[string]struct {
		kind  Type
		guess Guess
	}{
		"/etc/hosts":                         {File, Sure},
		"/etc/ssl/certs/ca-certificates.crt": {File, Sure},
		"/etc/ssl/certs":                     {Directory, Sure},
		"/etc/ssl/certs/":                    {Directory, Sure},
		"/etc/ssl/certs/my":                  {File, ByName},
		"/etc/app/tls.pem":                   {File, ByName},
		"/etc/app/app.conf":                  {File, ByName},
		"/etc/app/conf.d":                    {Directory, Sure},
		"/etc/default/app":                   {File, ByName},
		"/usr/bin/app":                       {File, ByName},
		"/usr/bin":                           {Directory, Sure},
		"/usr/lib/x86_64-linux-gnu/lib.so.6": {File, ByName},
		"/srv/engine.sock":                   {File, ByName},
		"/srv/example.org":                   {Directory, ByName},
		"/srv/python3.12":                    {Directory, Sure},
		"/srv/data":                          {Directory, Sure},
		"/var/lib/other":                     {Directory, Sure},
		"/data":                              {Directory, Sure},
		"/etc/app":                           {Directory, Assumed},
		"/etc/app/.hidden":                   {Directory, Assumed},
	} {
		kind, guess := boundKind(name, name)
		if kind != want.kind || guess != want.guess {
			t.Errorf("%s: %s, %v; want %s, %v", name, kind, guess, want.kind, want.guess)
		}
	}
	if kind, _ := boundKind("/srv/secret", "/etc/app/secret.json"); kind != File {
		t.Errorf("the target is not looked at: %s", kind)
	}
}
