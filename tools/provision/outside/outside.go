// Package outside lets a program that bazel run starts leave the closed world, in which /usr is the provisioned one,
// for the machine's own programs: ssh, sudo, rsync. See ../outside.sh.
package outside

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// Variable names the file for the command line. Only tools/bazel sets it, and only for bazel run.
const Variable = "PROVISION_OUTSIDE"

// Leave asks tools/bazel to start this program again, outside, and reports whether it will: the program must then end
// with exit status 0. Without a closed world it returns false.
func Leave() (bool, error) {
	file := os.Getenv(Variable)
	if file == "" {
		return false, nil
	}
	program, err := filepath.Abs(os.Args[0])
	if err != nil {
		return false, err
	}
	directory, err := os.Getwd()
	if err != nil {
		return false, err
	}
	words := []string{"env", "--chdir=" + directory}
	// Variables of bazel run with the directories in which it was called.
	for _, name := range []string{"BUILD_WORKING_DIRECTORY", "BUILD_WORKSPACE_DIRECTORY"} {
		if value, ok := os.LookupEnv(name); ok {
			words = append(words, name+"="+value)
		}
	}
	words = append(append(words, program), os.Args[1:]...)
	out, err := os.OpenFile(file, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return false, err
	}
	_, err = out.WriteString(strings.Join(words, "\x00") + "\x00")
	return err == nil, errors.Join(err, out.Close())
}
