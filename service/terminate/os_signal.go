//go:build !amd64 && !arm64 && !riscv64

package terminate

import (
	"os"
	"os/signal"
	"syscall"
)

// catch is package os/signal's, where nobody has written a handler: with its threads.
func catch(signals []syscall.Signal) (<-chan struct{}, error) {
	caught, came := make(chan os.Signal, 1), make(chan struct{})
	for _, s := range signals {
		if !signal.Ignored(s) {
			signal.Notify(caught, s)
		}
	}
	go func() {
		defer close(came)
		<-caught
	}()
	return came, nil
}
