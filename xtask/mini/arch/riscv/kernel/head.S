/* SPDX-License-Identifier: GPL-2.0-only */
	.section .head, "ax"
	.globl _start
_start:
	call	start_kernel
0:	wfi
	j	0b

	/* Nothing boots it on this architecture: there is no line to say something on. */
	.globl console_putc, machine_restart
console_putc:
machine_restart:
	ret
	.section .note.GNU-stack, "", %progbits
