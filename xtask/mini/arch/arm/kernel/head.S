/* SPDX-License-Identifier: GPL-2.0-only */
	.section .head, "ax"
	.globl _start
_start:
	bl	start_kernel
0:	wfe
	b	0b
