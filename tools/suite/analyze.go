package suite

import (
	"context"
	"fmt"
	"os/exec"
	"testing"

	"example.org/portable-walkthrough-go/tools/skip"
)

// oldest is the first version whose systemd-analyze checks a directory as a whole host
// (verify --root=) and reports only mistakes.
const oldest = 254

// Analyze returns the path of the machine's systemd-analyze. If it is missing or older than
// systemd 254, Analyze calls [skip.OrFail].
func Analyze(t testing.TB) string {
	t.Helper()
	program, err := analyze(t.Context())
	if err != nil {
		skip.OrFail(t, "%v", err)
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
