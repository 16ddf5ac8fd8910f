#include "textflag.h"

// write(wake, &one, 8). The kernel puts all registers back afterwards.
TEXT ·handler(SB), NOSPLIT|NOFRAME, $0-0
	MOVW ·wake(SB), A0
	MOV  $·one(SB), A1
	MOV  $8, A2
	MOV  $64, A7
	ECALL
	RET

TEXT ·handlerAddress(SB), NOSPLIT, $0-8
	MOV $·handler(SB), A0
	MOV A0, ret+0(FP)
	RET
