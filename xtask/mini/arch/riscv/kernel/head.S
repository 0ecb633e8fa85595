/* SPDX-License-Identifier: GPL-2.0-only */
	.section .head, "ax"
	.globl _start
_start:
	call	start_kernel
0:	wfi
	j	0b
