#include "textflag.h"

// write(wake, &one, 8). The kernel puts all registers back afterwards.
TEXT ·handler(SB), NOSPLIT|NOFRAME, $0-0
	MOVW ·wake(SB), R0
	MOVD $·one(SB), R1
	MOVD $8, R2
	MOVD $64, R8
	SVC
	RET

TEXT ·handlerAddress(SB), NOSPLIT, $0-8
	MOVD $·handler(SB), R0
	MOVD R0, ret+0(FP)
	RET
