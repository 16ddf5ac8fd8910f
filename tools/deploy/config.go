package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
)

// A config is the configuration that the rule portable_deploy writes.
type config struct {
	// Label is the target's.
	Label string `json:"label"`
	// Name is the portable name.
	Name string `json:"name"`
	// Version is the image's version, or empty.
	Version string `json:"version"`
	// Images are runfiles locations by architecture, in systemd's words.
	Images map[string]string `json:"images"`
	// Prefixes are those of the units' names, for portablectl.
	Prefixes []string `json:"prefixes"`
	Profile  string   `json:"profile"`
	Enable   bool     `json:"enable"`
	Hosts    []string `json:"hosts"`
	// Keep is how many images a host keeps, with the one that is attached.
	Keep int `json:"keep"`
	// HealthCheck is a URL, a shell command, or empty.
	HealthCheck string `json:"health_check"`
	// Patience is how long units may take to be up, in seconds, and Settle how long they must then stay so.
	Patience int `json:"health_timeout"`
	Settle   int `json:"health_settle"`
	// Directory is where images are stored on a host.
	Directory string `json:"directory"`
	// MinimumSystemd is the oldest systemd that the image is for.
	MinimumSystemd int `json:"minimum_systemd"`
	// Unsquashfs is a runfiles location.
	Unsquashfs string `json:"unsquashfs"`
}

// readConfig reads the configuration beside the program, PROGRAM.json, or what
// $PORTABLE_DEPLOY names.
func readConfig() (c config, err error) {
	path := os.Getenv("PORTABLE_DEPLOY")
	if path == "" {
		path = os.Args[0] + ".json"
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return c, fmt.Errorf("%w; fix: start this by a portable_deploy target", err)
	}
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

func (c config) checksURL() bool {
	return strings.HasPrefix(c.HealthCheck, "http://") || strings.HasPrefix(c.HealthCheck, "https://")
}

// machines are uname(2)'s names of CPUs by systemd's (ConditionArchitecture= in
// systemd.unit(5)).
var machines = map[string]string{
	"x86_64": "x86-64", "aarch64": "arm64", "riscv64": "riscv64", "riscv32": "riscv32", "i386": "x86", "i486": "x86", "i586": "x86", "i686": "x86",
	"armv6l": "arm", "armv7l": "arm", "armv8l": "arm", "ppc64le": "ppc64-le", "ppc64": "ppc64", "ppc": "ppc", "s390x": "s390x",
	"loongarch64": "loongarch64", "mips64": "mips64",
}
