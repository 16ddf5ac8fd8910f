// Package execlog reads Bazel's execution log, as --execution_log_json_file writes it: of
// each spawn (a process that an action wants run) its key, where its result came from, and
// how long that took.
//
// Spawns of actions that are up to date in Bazel's own output base are in no log.
package execlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
	"unique"
)

// Runners of spawns: where the result came from.
const (
	// Remote is to be executed there.
	Remote = "remote"
	// RemoteCacheHit was known there.
	RemoteCacheHit = "remote cache hit"
	// DiskCacheHit was known in the directory of --disk_cache.
	DiskCacheHit = "disk cache hit"
	// LinuxSandbox is here, in namespaces. Where these can't be had Bazel takes
	// ProcesswrapperSandbox, and says nothing: a directory of links, with all else in reach.
	LinuxSandbox          = "linux-sandbox"
	ProcesswrapperSandbox = "processwrapper-sandbox"
	// Deduplicated is the result of another spawn that ran at the same time, and differed
	// only in a path which is not in the key.
	Deduplicated = "deduplicated"
)

// A Spawn is what is used of a record: a SpawnExec in Bazel's spawn.proto.
type Spawn struct {
	Mnemonic    string `json:"mnemonic"`
	TargetLabel string `json:"targetLabel"`

	Arguments   []string   `json:"commandArgs"`
	Environment []Variable `json:"environmentVariables"`
	Platform    struct {
		Properties []Variable `json:"properties"`
	} `json:"platform"`
	// Inputs are files and symlinks, never directories, sorted by path.
	Inputs []Input `json:"-"`
	// Outputs are the paths that were promised, sorted.
	Outputs []string `json:"listedOutputs"`
	// Made are the files that came of it.
	Made []Input `json:"-"`
	// TimeoutMillis is 0 without a timeout.
	TimeoutMillis int64 `json:"timeoutMillis,string"`
	// Key is the digest by which caches know the spawn; without any cache it is empty.
	Key Digest `json:"digest"`

	// Cacheable is whether a cache may be asked; RemoteCacheable, whether one on another
	// machine may be.
	Cacheable       bool `json:"cacheable"`
	RemoteCacheable bool `json:"remoteCacheable"`

	// Runner is "remote", "linux-sandbox", "local", "disk cache hit", ….
	Runner string `json:"runner"`
	// CacheHit is whether nothing was executed.
	CacheHit bool `json:"cacheHit"`
	// Status is empty, or why the spawn failed.
	Status   string  `json:"status"`
	ExitCode int     `json:"exitCode"`
	Metrics  Metrics `json:"metrics"`
}

// A Variable is one of the environment, or a property of the platform.
type Variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// A Digest is that of a file's content or of a key.
type Digest struct {
	Hash      string `json:"hash"`
	SizeBytes int64  `json:"sizeBytes,string"`
}

// A File is an input or an output. Its path is relative to the execution root.
type File struct {
	Path string `json:"path"`
	// Target is where a symlink points that is not resolved.
	Target string `json:"symlinkTargetPath"`
	// Digest is empty for a symlink, and may be for an empty file.
	Digest Digest `json:"digest"`
}

// An Input is a File of which there is one copy: thousands of spawns have the same ones.
type Input struct{ unique.Handle[File] }

// Metrics say where the time went, as the machine that runs Bazel measured it.
type Metrics struct {
	// Start is zero if it is not known.
	Start time.Time `json:"startTime"`
	// Total is the wall time from asking the cache to having the outputs.
	Total Duration `json:"totalTime"`
}

// A Duration is written "1.5s".
type Duration time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = Duration(parsed)
	return err
}

// Scan calls a function with each spawn of a log, in its order, until the function
// returns an error. Only that spawn is in memory, unless the function keeps it.
func Scan(log io.Reader, each func(*Spawn) error) error {
	decoder := json.NewDecoder(log)
	for record := 1; ; record++ {
		var r struct {
			Spawn
			Inputs []File `json:"inputs"`
			Made   []File `json:"actualOutputs"`
		}
		err := decoder.Decode(&r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("execution log, record %d: the file ends in the middle; was Bazel killed, or is it still writing?", record)
		}
		if err != nil {
			return fmt.Errorf("execution log, record %d: %w; is it a file of --execution_log_json_file?", record, err)
		}
		// A copy, so that who keeps it does not keep the lists of files.
		s := new(Spawn)
		*s = r.Spawn
		if s.Mnemonic == "" && s.Runner == "" {
			return fmt.Errorf("execution log, record %d has neither mnemonic nor runner; is it a file of --execution_log_json_file?", record)
		}
		s.Inputs, s.Made = handles(r.Inputs), handles(r.Made)
		if err := each(s); err != nil {
			return err
		}
	}
}

func handles(files []File) []Input {
	inputs := make([]Input, len(files))
	for i, f := range files {
		inputs[i].Handle = unique.Make(f)
	}
	return inputs
}

// Read returns all spawns of a log, in its order. In memory that is a small part of the
// log's size: there is one copy of what spawns have in common.
func Read(log io.Reader) ([]*Spawn, error) {
	spawns := []*Spawn{}
	texts := make(map[string]string)
	err := Scan(log, func(s *Spawn) error {
		share(s, texts)
		spawns = append(spawns, s)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return spawns, nil
}

// ReadFile is Read for the log in the named file.
func ReadFile(name string) ([]*Spawn, error) {
	log, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	return Read(log)
}

func share(s *Spawn, texts map[string]string) {
	one := func(text *string) {
		if known, ok := texts[*text]; ok {
			*text = known
			return
		}
		texts[*text] = *text
	}
	for i := range s.Arguments {
		one(&s.Arguments[i])
	}
	for _, variables := range [][]Variable{s.Environment, s.Platform.Properties} {
		for i := range variables {
			one(&variables[i].Name)
			one(&variables[i].Value)
		}
	}
}

// String names the spawn for a reader.
func (s *Spawn) String() string { return s.Mnemonic + " of " + s.TargetLabel }

// Missed is whether a cache could have known the spawn's result, and did not: the spawn
// was executed. Without any cache in use all are misses, unless their tags keep them from
// remote caches.
func (s *Spawn) Missed() bool {
	return s.Cacheable && !s.CacheHit && (s.RemoteCacheable || s.Key.Hash != "")
}

// Failed is whether the spawn was executed without success; caches keep no such result.
func (s *Spawn) Failed() bool { return s.Status != "" || s.ExitCode != 0 }

// ExecutedRemotely is nil if the service executed the spawn in this build, and with
// success.
func (s *Spawn) ExecutedRemotely() error {
	switch {
	case s.Runner != Remote:
		return fmt.Errorf("%v: its runner is %q, not %q", s, s.Runner, Remote)
	case s.CacheHit:
		return fmt.Errorf("%v: its result came from a cache", s)
	case s.Failed():
		return fmt.Errorf("%v: failed with status %q, exit code %d", s, s.Status, s.ExitCode)
	}
	return nil
}
