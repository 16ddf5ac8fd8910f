// Package execlog reads Bazel's execution log, as --execution_log_json_file writes it: of
// each spawn (a process that an action wants run), where its result came from.
package execlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Runners of spawns that a remote service was asked for.
const (
	// Remote is to be executed there.
	Remote = "remote"
	// RemoteCacheHit was known there.
	RemoteCacheHit = "remote cache hit"
)

// A Spawn is what is used of a record: a SpawnExec in Bazel's spawn.proto.
type Spawn struct {
	Mnemonic    string `json:"mnemonic"`
	TargetLabel string `json:"targetLabel"`
	// Runner is "remote", "linux-sandbox", "local", "disk cache hit", ….
	Runner string `json:"runner"`
	// CacheHit is whether nothing was executed.
	CacheHit bool `json:"cacheHit"`
	// Status is empty, or why the spawn failed.
	Status   string `json:"status"`
	ExitCode int    `json:"exitCode"`
}

// Read returns all spawns of a log, in its order.
func Read(log io.Reader) ([]Spawn, error) {
	var spawns []Spawn
	for decoder := json.NewDecoder(log); ; {
		var s Spawn
		err := decoder.Decode(&s)
		if errors.Is(err, io.EOF) {
			return spawns, nil
		}
		if err != nil {
			return nil, fmt.Errorf("execution log, record %d: %w", len(spawns)+1, err)
		}
		spawns = append(spawns, s)
	}
}

// ExecutedRemotely is nil if the service executed the spawn in this build, and with
// success.
func (s Spawn) ExecutedRemotely() error {
	switch {
	case s.Runner != Remote:
		return fmt.Errorf("%s of %s: its runner is %q, not %q", s.Mnemonic, s.TargetLabel, s.Runner, Remote)
	case s.CacheHit:
		return fmt.Errorf("%s of %s: its result came from a cache", s.Mnemonic, s.TargetLabel)
	case s.Status != "" || s.ExitCode != 0:
		return fmt.Errorf("%s of %s: failed with status %q, exit code %d", s.Mnemonic, s.TargetLabel, s.Status, s.ExitCode)
	}
	return nil
}
