package lifecycle

import (
	"os"
	"testing"
)

// planFile is where portable_test puts its plan; $LIFECYCLE_PLAN names another one.
const planFile = "/vm/plan.json"

// TestPortable is what portable_test runs in each machine.
func TestPortable(t *testing.T) {
	path := os.Getenv("LIFECYCLE_PLAN")
	if path == "" {
		path = planFile
	}
	plan, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	Run(t, plan)
}
