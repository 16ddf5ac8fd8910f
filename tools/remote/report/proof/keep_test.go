package proof

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// kept are the builds that the summary is tested with.
var kept = []string{"warm", "idle", "edited", "environment", "broken", "remote"}

// keep writes what a build wrote to the summary's testdata, without events and fields that
// the report does not read: they are about this machine.
func (w *workspace) keep(t *testing.T, events, log string) {
	t.Helper()
	testdata := filepath.Join(os.Getenv("BUILD_WORKSPACE_DIRECTORY"), "tools/remote/report/summary/testdata")
	var kept bytes.Buffer
	for decoder := json.NewDecoder(w.open(t, events)); ; {
		var event map[string]any
		err := decoder.Decode(&event)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if told(event) {
			line, err := json.Marshal(event)
			if err != nil {
				t.Fatal(err)
			}
			kept.Write(append(line, '\n'))
		}
	}
	w.keepText(t, filepath.Join(testdata, events), kept.Bytes())
	text, err := io.ReadAll(w.open(t, log))
	if err != nil {
		t.Fatal(err)
	}
	w.keepText(t, filepath.Join(testdata, log), text)
}

// told is whether the report reads the event, which loses what is not read.
func told(event map[string]any) bool {
	id := event["id"].(map[string]any)
	for name := range id {
		read := []string{"started", "pattern", "actionCompleted", "testResult", "testSummary", "buildFinished", "buildMetrics", "buildToolLogs"}
		if !slices.Contains(read, name) && event["lastMessage"] == nil {
			return false
		}
	}
	delete(event, "children")
	if started, ok := event["started"].(map[string]any); ok {
		for _, field := range []string{"optionsDescription", "workingDirectory", "workspaceDirectory", "serverPid"} {
			delete(started, field)
		}
	}
	return true
}

func (w *workspace) keepText(t *testing.T, path string, text []byte) {
	t.Helper()
	scratch := filepath.Dir(w.Dir)
	text = bytes.ReplaceAll(text, []byte(scratch), []byte("/scratch"))
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	who, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	for _, private := range []string{name, who.HomeDir + "/", os.Getenv("BUILD_WORKSPACE_DIRECTORY")} {
		if strings.Contains(string(text), private) {
			t.Fatalf("%s would hold %q, which is this machine's", path, private)
		}
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
}
