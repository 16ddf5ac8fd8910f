package main

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"
)

// openPort opens a serial port and makes it pass bytes on unchanged.
func openPort(name string) (*os.File, error) {
	port, err := os.OpenFile(name, os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	settings, err := settingsOf(port)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	settings.Oflag &^= syscall.OPOST
	settings.Lflag &^= syscall.ECHO | syscall.ICANON
	return port, ioctl(port, syscall.TCSETS, unsafe.Pointer(&settings))
}

// settingsOf returns a terminal's settings. It fails for any other file.
func settingsOf(terminal *os.File) (settings syscall.Termios, err error) {
	err = ioctl(terminal, syscall.TCGETS, unsafe.Pointer(&settings))
	return settings, err
}

// windowSize returns a terminal's size as arguments of stty; they are empty if the terminal
// does not know it.
func windowSize(terminal *os.File) (string, error) {
	var size struct{ rows, columns, width, height uint16 }
	err := ioctl(terminal, syscall.TIOCGWINSZ, unsafe.Pointer(&size))
	if err != nil || size.rows == 0 || size.columns == 0 {
		return "", err
	}
	return fmt.Sprintf("rows %d columns %d", size.rows, size.columns), nil
}

func ioctl(port *os.File, request uintptr, argument unsafe.Pointer) error {
	return failed(syscall.Syscall(syscall.SYS_IOCTL, port.Fd(), request, uintptr(argument)))
}

// drain is tcdrain(3): it waits until all written bytes have left the port.
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
