package terminate

// sigaction is Linux's struct of that name on this architecture. A handler returns
// to the kernel's own code, in the vDSO.
type sigaction struct {
	handler uintptr
	flags   uint64
	mask    uint64
	_       uint64 // QEMU's user-mode emulation writes as much as elsewhere.
}

func newSigaction() *sigaction {
	return &sigaction{handler: handlerAddress(), flags: saOnStack | saRestart, mask: allOfThem}
}
