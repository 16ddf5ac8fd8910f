package bazeltest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
)

// Runners: where the result of a spawn came from.
const (
	Remote         = "remote"
	RemoteCacheHit = "remote cache hit"
	LinuxSandbox   = "linux-sandbox"
	// ProcesswrapperSandbox is a directory of links, from which all other files can be reached. Bazel
	// takes it without a warning where it can't have namespaces.
	ProcesswrapperSandbox = "processwrapper-sandbox"
	// Deduplicated is the result of another spawn that ran at the same time, and differed
	// only in a path which is not in the key.
	Deduplicated = "deduplicated"
)

// A Spawn is a process of an action: the fields in use of a SpawnExec in Bazel's
// spawn.proto. The log does not have spawns of actions that are up to date.
type Spawn struct {
	Mnemonic    string     `json:"mnemonic"`
	TargetLabel string     `json:"targetLabel"`
	Arguments   []string   `json:"commandArgs"`
	Environment []Variable `json:"environmentVariables"`
	Platform    struct {
		Properties []Variable `json:"properties"`
	} `json:"platform"`
	Inputs []File `json:"inputs"`
	// Outputs are the declared paths, Made the files that the action wrote.
	Outputs []string `json:"listedOutputs"`
	Made    []File   `json:"actualOutputs"`
	// Key is the digest by which caches know the spawn; without any cache it is empty.
	Key Digest `json:"digest"`

	Runner string `json:"runner"`
	// CacheHit is whether nothing was executed.
	CacheHit bool `json:"cacheHit"`
	// Status is empty, or why the spawn failed.
	Status   string `json:"status"`
	ExitCode int    `json:"exitCode"`
}

// A Variable is one of the environment, or a property of the platform.
type Variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// A File is an input or an output. Its path is relative to the execution root. Target is
// where a symlink points that is not resolved.
type File struct {
	Path   string `json:"path"`
	Target string `json:"symlinkTargetPath"`
	Digest Digest `json:"digest"`
}

// A Digest is that of a file's content or of a key.
type Digest struct {
	Hash string `json:"hash"`
}

// Spawns reads the execution log of the last build or test.
func (b *Bazel) Spawns(t testing.TB) []*Spawn {
	t.Helper()
	log, err := os.Open(b.Log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	spawns, err := readLog(log)
	if err != nil {
		t.Fatal(err)
	}
	return spawns
}

func readLog(log io.Reader) ([]*Spawn, error) {
	var spawns []*Spawn
	for decoder := json.NewDecoder(log); ; {
		s := new(Spawn)
		err := decoder.Decode(s)
		switch {
		case errors.Is(err, io.EOF):
			return spawns, nil
		case err != nil:
			return nil, fmt.Errorf("execution log, record %d: %w; was Bazel killed?", len(spawns)+1, err)
		case s.Mnemonic == "" && s.Runner == "":
			return nil, fmt.Errorf("execution log, record %d has neither mnemonic nor runner; is it a file of --execution_log_json_file?", len(spawns)+1)
		}
		spawns = append(spawns, s)
	}
}

// String names the spawn for a reader.
func (s *Spawn) String() string { return s.Mnemonic + " of " + s.TargetLabel }

// ExecutedRemotely returns nil if the service executed the spawn in this build, and with
// success.
func (s *Spawn) ExecutedRemotely() error {
	switch {
	case s.Runner != Remote:
		return fmt.Errorf("%v: its runner is %q, not %q", s, s.Runner, Remote)
	case s.CacheHit:
		return fmt.Errorf("%v: its result came from a cache", s)
	case s.Status != "" || s.ExitCode != 0:
		return fmt.Errorf("%v: failed with status %q, exit code %d", s, s.Status, s.ExitCode)
	}
	return nil
}

// A Leak is a forbidden text in the data of a spawn that a cache or a remote service receives.
type Leak struct {
	Spawn *Spawn
	// Field is the part of the key, Name that of the variable or property, or the path.
	Field, Name string
	// Forbidden is the text that was found.
	Forbidden string
}

// String does not have the field's value, which may be a secret.
func (l Leak) String() string {
	return fmt.Sprintf("%v (%q): the %s %q contains the forbidden text %q", l.Spawn, l.Spawn.Outputs, l.Field, l.Name, l.Forbidden)
}

// Leaks finds texts, as they are written, in the spawn's key: arguments, variables,
// properties of the platform, paths of inputs and outputs, targets of symlinks. The log
// does not have the content of inputs, such as parameter files.
func (s *Spawn) Leaks(forbidden ...string) []Leak {
	var leaks []Leak
	search := func(field, name string, texts ...string) {
		for _, text := range texts {
			for _, word := range forbidden {
				if strings.Contains(text, word) {
					leaks = append(leaks, Leak{s, field, name, word})
				}
			}
		}
	}
	search("argument", "", s.Arguments...)
	for _, v := range s.Environment {
		search("environment variable", v.Name, v.Name, v.Value)
	}
	for _, v := range s.Platform.Properties {
		search("platform property", v.Name, v.Name, v.Value)
	}
	for _, file := range s.Inputs {
		search("input", file.Path, file.Path, file.Target)
	}
	search("output", "", s.Outputs...)
	return leaks
}
