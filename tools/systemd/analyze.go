// Package systemd finds systemd's own programs, for tests that compare with them.
package systemd

import (
	"context"
	"fmt"
	"os/exec"
	"testing"

	"example.org/portable-walkthrough-go/tools/machine"
)

// oldest is the first systemd-analyze that checks a directory as a whole host
// (verify --root=), and says no more than is wrong.
const oldest = 254

// Analyze is the machine's systemd-analyze. Without one of at least systemd 254 the
// test is skipped, or fails where machine.Complete is set.
func Analyze(t testing.TB) string {
	t.Helper()
	program, err := analyze(t.Context())
	if err != nil {
		machine.Lacks(t, "%v", err)
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
