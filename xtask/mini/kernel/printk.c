// SPDX-License-Identifier: GPL-2.0-only
#include <linux/kernel.h>
#include <linux/module.h>

static char log[1 << CONFIG_LOG_BUF_SHIFT];

int printk(const char *text, ...)
{
	size_t at = 0;

	for (; text[at] && at < sizeof(log) - 1; at++) {
		log[at] = text[at];
		console_putc(text[at]);
	}
	return (int)at;
}
EXPORT_SYMBOL(printk);
