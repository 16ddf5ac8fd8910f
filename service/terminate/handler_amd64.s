#include "textflag.h"

// write(wake, &one, 8). The kernel puts all registers back afterwards.
TEXT ·handler(SB), NOSPLIT|NOFRAME, $0-0
	MOVL ·wake(SB), DI
	LEAQ ·one(SB), SI
	MOVL $8, DX
	MOVL $1, AX
	SYSCALL
	RET

// rt_sigreturn(); it does not return.
TEXT ·restorer(SB), NOSPLIT|NOFRAME, $0-0
	MOVL $15, AX
	SYSCALL
	INT  $3

TEXT ·handlerAddress(SB), NOSPLIT, $0-8
	LEAQ ·handler(SB), AX
	MOVQ AX, ret+0(FP)
	RET

TEXT ·restorerAddress(SB), NOSPLIT, $0-8
	LEAQ ·restorer(SB), AX
	MOVQ AX, ret+0(FP)
	RET
