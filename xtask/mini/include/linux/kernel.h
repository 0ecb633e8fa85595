/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _LINUX_KERNEL_H
#define _LINUX_KERNEL_H

#include <linux/types.h>

extern const char linux_banner[];
int printk(const char *text, ...);
size_t strlen(const char *text);
u8 crc7_byte(u8 crc, u8 byte);
u32 crc_step(u32 crc, u8 byte);
void schedule(void);
void console_putc(int c);
void machine_restart(void);
int request_irq(unsigned int irq);
void tick_stop(unsigned int cpu);

#endif
