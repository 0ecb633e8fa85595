/* SPDX-License-Identifier: GPL-2.0-only */
	.section .head, "ax"
	.globl _start
_start:
	adrp	x0, stack
	add	sp, x0, #4096
	bl	start_kernel
0:	wfe
	b	0b

	/* The serial line of QEMU's virt machine. */
	.globl console_putc
console_putc:
	mov	x1, #0x09000000
	str	w0, [x1]
	ret

	/* PSCI's SYSTEM_RESET. */
	.globl machine_restart
machine_restart:
	movz	w0, #0x8400, lsl #16
	movk	w0, #9
	hvc	#0
	ret

	.bss
	.balign	4096
stack:	.skip	4096
