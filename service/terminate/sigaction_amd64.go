package terminate

// sigaction is Linux's struct of that name on this architecture.
type sigaction struct {
	handler  uintptr
	flags    uint64
	restorer uintptr
	mask     uint64
}

// saRestorer says that restorer is set; on amd64 the kernel insists on one.
const saRestorer = 0x04000000

// restorer is what handler returns to: rt_sigreturn(2).
func restorer()

func restorerAddress() uintptr

func newSigaction() *sigaction {
	return &sigaction{handlerAddress(), saOnStack | saRestart | saRestorer, restorerAddress(), allOfThem}
}
