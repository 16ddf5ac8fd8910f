package servers

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
)

// A Runner executes the actions of an engine.
type Runner string

// The runners of BuildBox that are used.
const (
	// HostTools gives actions the root file system that the engine itself has. Actions that
	// call a shell need it.
	HostTools Runner = "hosttools"
	// Bubblewrap gives an action a root that contains only its declared inputs, and
	// no network.
	Bubblewrap Runner = "bubblewrap"
)

// BuildBox starts a remote execution engine. It runs that many actions at once; 0 stands
// for one on each processor.
func BuildBox(o Options, runner Runner, jobs int) (*Server, error) {
	if jobs < 0 {
		return nil, fmt.Errorf("an engine of %d jobs: 1 or more can run at once; 0 stands for one on each processor", jobs)
	}
	if jobs == 0 {
		jobs = runtime.NumCPU()
	}
	return start(o, "grpc", func(s *Server) (*exec.Cmd, error) {
		casd, err := find("BUILDBOX_CASD")
		if err != nil {
			return nil, err
		}
		if err := s.wrap("BWRAP", "bwrap"); err != nil {
			return nil, err
		}
		args := []string{
			"--bind", "unix:" + s.socket(),
			"--jobs", strconv.Itoa(jobs),
			// A failure may have been the network's.
			"--cache-failures=false",
			"--buildbox-run=" + filepath.Join(s.scratch, "run"),
		}
		switch runner {
		case HostTools:
			err = s.wrap("BUILDBOX_RUN_HOSTTOOLS", "run")
			// Actions get the client's environment only, as bubblewrap's do.
			args = append(args, "--runner-arg=--clearenv")
		case Bubblewrap:
			err = s.wrap("BUILDBOX_RUN_BUBBLEWRAP", "run")
			// The other way to lay out the inputs needs /dev/fuse.
			args = append(args, "--runner-arg=--staging-mode=copy-or-link")
		default:
			err = fmt.Errorf("no runner %q; use %q or %q", runner, HostTools, Bubblewrap)
		}
		if err != nil {
			return nil, err
		}
		cmd := casd.Command(background, append(args, s.options.Storage)...)
		// Runners look for bwrap here, and the wrapper's shell for its commands. What the
		// engine or a runner leaves goes with scratch.
		cmd.Env = []string{"PATH=" + s.scratch + ":/usr/bin:/bin", "TMPDIR=" + s.scratch}
		return cmd, nil
	})
}
