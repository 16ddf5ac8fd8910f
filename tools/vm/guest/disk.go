package guest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Disk returns the device of a machine's disk with a serial number: "state" is kept
// from boot to boot, and blank at first.
func Disk(serial string) (string, error) {
	paths, err := filepath.Glob("/sys/block/*/device/serial")
	if err != nil {
		return "", err
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err == nil && strings.TrimSpace(string(text)) == serial {
			return "/dev/" + filepath.Base(filepath.Dir(filepath.Dir(path))), nil
		}
	}
	return "", fmt.Errorf("no disk with the serial number %q", serial)
}
