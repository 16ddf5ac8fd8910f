// Package systemd finds systemd's own programs, for tests that compare with them.
package systemd

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// oldest is the first systemd-analyze that checks a directory as a whole host
// (verify --root=), and says no more than is wrong.
const oldest = 254

// Required is the environment variable that makes a test fail that would be skipped
// for want of systemd-analyze. CI sets it.
const Required = "REQUIRE_SYSTEMD_ANALYZE"

// Analyze is the machine's systemd-analyze. Without one of at least systemd 254 the
// test is skipped, or fails if the variable Required is set.
func Analyze(t testing.TB) string {
	t.Helper()
	program, err := analyze(t.Context())
	switch {
	case err == nil:
	case os.Getenv(Required) != "":
		t.Fatalf("%s is set, but %v", Required, err)
	default:
		t.Skip(err)
	}
	return program
}

func analyze(ctx context.Context) (string, error) {
	program, err := exec.LookPath("systemd-analyze")
	if err != nil {
		return "", fmt.Errorf("there is no systemd-analyze: %w", err)
	}
	said, err := exec.CommandContext(ctx, program, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("%s --version: %w", program, err)
	}
	var version int
	if _, err := fmt.Sscanf(string(said), "systemd %d", &version); err != nil || version < oldest {
		return "", fmt.Errorf("%s is older than %d: %.40q", program, oldest, said)
	}
	return program, nil
}
