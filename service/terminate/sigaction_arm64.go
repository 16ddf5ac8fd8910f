package terminate

// sigaction is Linux's struct of that name on this architecture. Without a restorer
// a handler returns to the kernel's own, in the vDSO.
type sigaction struct {
	handler  uintptr
	flags    uint64
	restorer uintptr
	mask     uint64
}

func newSigaction() *sigaction {
	return &sigaction{handler: handlerAddress(), flags: saOnStack | saRestart, mask: allOfThem}
}
