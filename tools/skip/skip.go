// Package skip skips tests on a machine that lacks what they need, such as user namespaces.
package skip

import (
	"os"
	"testing"
)

// Never is the environment variable that forbids such skips. CI sets it, so that it never
// omits a test silently.
const Never = "MACHINE_IS_COMPLETE"

// OrFail skips a test because the machine lacks something. The arguments are the reason. If
// [Never] is set, the test fails instead.
func OrFail(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv(Never) == "" {
		t.Skipf(format, args...)
	} else {
		t.Fatalf(Never+" is set, but this machine is not complete: "+format, args...)
	}
}
