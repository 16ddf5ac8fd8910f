// Package machine is for tests that want something of the machine they run on.
package machine

import (
	"os"
	"testing"
)

// Complete is the environment variable that says that the machine has all that tests can
// want. CI sets it, so that no proof is left out without anybody's knowing.
const Complete = "MACHINE_IS_COMPLETE"

// Lacks skips a test for want of something, or fails it where the machine is complete.
func Lacks(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv(Complete) == "" {
		t.Skipf(format, args...)
	} else {
		t.Fatalf("this machine should lack nothing ("+Complete+" is set): "+format, args...)
	}
}
