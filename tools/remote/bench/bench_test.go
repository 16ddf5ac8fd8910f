package main

import (
	"strings"
	"testing"
	"time"
)

func TestLine(t *testing.T) {
	r := row{build: build{title: "HTTP cache"}, wall: 9 * time.Second, up: 50_000, down: 3e6, processes: processes{here: 1, remote: 2, hits: 3}}
	const want = "| HTTP cache | 9.0 s | 0.09 | 1 | 2 | 3 | 0.1 | 3.0 | 1.50 |\n"
	if got := r.line(100*time.Second, 2e6); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestParseProcesses(t *testing.T) {
	for said, want := range map[string]processes{
		"INFO: 41 processes: 5 disk cache hit, 1 internal, 33 linux-sandbox, 2 local.\n":                    {here: 35, hits: 5},
		"INFO: Elapsed time: 8.8s\nINFO: 5 processes: 2 remote cache hit, 3 remote.\nINFO: Build completed": {remote: 3, hits: 2},
		"INFO: 1 process: 1 internal.": {},
	} {
		if got, err := parseProcesses(said); err != nil || got != want {
			t.Errorf("%q: got %+v, %v, want %+v", said, got, err, want)
		}
	}
	if got, err := parseProcesses("ERROR: no such target"); err == nil {
		t.Errorf("got %+v of a build that did not end", got)
	}
}

// What is compared with, and what fills a cache, is built without being asked for.
func TestSteps(t *testing.T) {
	for wanted, want := range map[string]string{
		"grpc":             "cold execution-2 grpc",
		"execution-2,http": "cold http-fill http execution-2",
		"cold":             "cold",
	} {
		var got []string
		for _, one := range steps(strings.Split(wanted, ",")) {
			got = append(got, one.name)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %q, want %s", wanted, got, want)
		}
	}
}

func TestUnknownNameIsAnError(t *testing.T) {
	if err := run("cold,warm", nil); err == nil || !strings.Contains(err.Error(), `"warm"`) {
		t.Errorf("got %v, want an error that names it", err)
	}
}
