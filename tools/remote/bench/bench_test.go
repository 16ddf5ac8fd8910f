package main

import (
	"strings"
	"testing"
	"time"

	"example.org/portable-walkthrough-go/tools/remote/buildevents"
)

func TestLine(t *testing.T) {
	r := row{build: build{title: "HTTP cache"}, wall: 9 * time.Second, up: 50_000, down: 3e6, processes: processes{here: 1, remote: 2, hits: 3}}
	const want = "| HTTP cache | 9.0 s | 0.09 | 1 | 2 | 3 | 0.1 | 3.0 | 1.50 |\n"
	if got := r.line(100*time.Second, 2e6); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestCount(t *testing.T) {
	told := &buildevents.Build{Metrics: &buildevents.Metrics{Runners: []buildevents.Runner{
		{Name: "disk cache hit", Count: 5}, {Name: "remote cache hit", Count: 2}, {Name: "remote", Count: 3},
		{Name: "linux-sandbox", Count: 33}, {Name: "local", Count: 2},
	}}}
	if got, err := count(told); err != nil || got != (processes{here: 35, remote: 3, hits: 7}) {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := count(&buildevents.Build{}); err == nil {
		t.Errorf("got %+v of a build that did not end", got)
	}
}

// A goal that is just met is met, and who measures nothing that has one has checked nothing.
func TestGoals(t *testing.T) {
	const cold, image = 100 * time.Second, 2_000_000
	met := row{build: build{title: "HTTP cache", clean: true}, wall: 10 * time.Second, down: 3_000_000}
	slow, large, other := met, met, met
	slow.wall += time.Second
	large.down += 20_000
	other.clean, other.wall = false, cold
	for name, c := range map[string]struct {
		rows []row
		want string
	}{
		"met":     {[]row{met, other}, ""},
		"slow":    {[]row{met, slow}, "HTTP cache: 0.11 of the time without a cache, the goal is 0.10"},
		"large":   {[]row{large}, "HTTP cache: down ÷ image is 1.51"},
		"nothing": {[]row{other}, "no build with a goal"},
	} {
		err := check(c.rows, cold, image)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
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
	if err := run("cold,warm", false, nil); err == nil || !strings.Contains(err.Error(), `"warm"`) {
		t.Errorf("got %v, want an error that names it", err)
	}
}
