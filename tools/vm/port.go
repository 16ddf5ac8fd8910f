package main

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"
)

// openPort opens a serial port and has it pass bytes on as they are.
func openPort(name string) (*os.File, error) {
	port, err := os.OpenFile(name, os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	var settings syscall.Termios
	if err := ioctl(port, syscall.TCGETS, &settings); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	settings.Oflag &^= syscall.OPOST
	settings.Lflag &^= syscall.ECHO | syscall.ICANON
	return port, ioctl(port, syscall.TCSETS, &settings)
}

func ioctl(port *os.File, request uintptr, settings *syscall.Termios) error {
	return failed(syscall.Syscall(syscall.SYS_IOCTL, port.Fd(), request, uintptr(unsafe.Pointer(settings))))
}

// drain is tcdrain(3): what was written has left the port.
func drain(port *os.File) error {
	const tcsbrk = 0x5409 // asm-generic/ioctls.h
	return failed(syscall.Syscall(syscall.SYS_IOCTL, port.Fd(), tcsbrk, 1))
}

func failed(_, _ uintptr, errno syscall.Errno) error {
	if errno != 0 {
		return os.NewSyscallError("ioctl", errno)
	}
	return nil
}
