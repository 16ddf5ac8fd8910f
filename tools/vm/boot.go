package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"unsafe"
)

// runInside is the program's role inside a machine.
func runInside() error {
	if os.Getpid() == 1 {
		return becomeSystemd()
	}
	return runOrder()
}

// becomeSystemd is the kernel's /init: it loads modules and becomes systemd.
func becomeSystemd() error {
	// The kernel passes words that it does not know as environment variables.
	if port := os.Getenv("vm_probe"); port != "" {
		return reportBooted(port)
	}
	if err := loadModules(); err != nil {
		fmt.Fprintln(os.Stderr, "vm:", err)
	}
	return syscall.Exec("/sbin/init", append([]string{"/sbin/init"}, os.Args[1:]...), os.Environ())
}

// reportBooted ends a trial boot: the accelerator boots a kernel.
func reportBooted(port string) error {
	if err := os.WriteFile(port, []byte("booted\n"), 0); err != nil {
		return err
	}
	return syscall.Reboot(syscall.LINUX_REBOOT_CMD_RESTART)
}

// loadModules loads the modules that the machine has, in the order of their names.
func loadModules() (err error) {
	paths, err := filepath.Glob("/usr/lib/modules/*.ko*")
	for _, path := range paths {
		if e := loadModule(path); e != nil && !errors.Is(e, syscall.EEXIST) { // built in
			err = errors.Join(err, fmt.Errorf("load the module %s: %w", path, e))
		}
	}
	return err
}

func loadModule(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	flags := uintptr(0)
	if !strings.HasSuffix(path, ".ko") {
		flags = 4 // MODULE_INIT_COMPRESSED_FILE in linux/module.h
	}
	parameters := [1]byte{} // none
	if _, _, errno := syscall.Syscall(finitModule[runtime.GOARCH], file.Fd(), uintptr(unsafe.Pointer(&parameters)), flags); errno != 0 {
		return errno
	}
	return nil
}

// finitModule is finit_module(2)'s number, which package syscall does not have. With
// x/sys, for this alone, each user of the public rules would depend on that module.
var finitModule = map[string]uintptr{"amd64": 313, "arm64": 273}
