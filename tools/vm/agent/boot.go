package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// boot is /init.
func boot() error {
	// Unknown words of the kernel's command line come as environment variables.
	if port := os.Getenv("vm_probe"); port != "" {
		return probed(port)
	}
	if err := loadModules(); err != nil {
		fmt.Fprintln(os.Stderr, "agent:", err)
	}
	return unix.Exec("/sbin/init", append([]string{"/sbin/init"}, os.Args[1:]...), os.Environ())
}

// probed tells that this accelerator boots a kernel, and that is all.
func probed(port string) error {
	if err := os.WriteFile(port, []byte("booted\n"), 0); err != nil {
		return err
	}
	return unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
}

// loadModules loads all that are there, in whatever order they need.
func loadModules() error {
	paths, err := filepath.Glob("/usr/lib/modules/*.ko*")
	if err != nil {
		return err
	}
	for loaded := true; loaded && len(paths) > 0; {
		loaded = false
		var left []string
		var errs []error
		for _, path := range paths {
			switch e := load(path); {
			case e == nil:
				loaded = true
			case errors.Is(e, unix.EEXIST): // Built in.
			default:
				left = append(left, path)
				errs = append(errs, fmt.Errorf("%s: %w", path, e))
			}
		}
		paths, err = left, errors.Join(errs...)
	}
	return err
}

func load(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	flags := 0
	if !strings.HasSuffix(path, ".ko") {
		flags = unix.MODULE_INIT_COMPRESSED_FILE
	}
	return unix.FinitModule(int(file.Fd()), "", flags)
}
