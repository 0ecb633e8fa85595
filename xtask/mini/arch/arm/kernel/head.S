/* SPDX-License-Identifier: GPL-2.0-only */
	.section .head, "ax"
	.globl _start
_start:
	bl	start_kernel
0:	wfe
	b	0b

	/* Nothing boots it on this architecture: there is no line to say something on. */
	.globl console_putc, machine_restart
console_putc:
machine_restart:
	bx	lr
	.section .note.GNU-stack, "", %progbits
