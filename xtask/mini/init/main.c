// SPDX-License-Identifier: GPL-2.0-only
#include <linux/kernel.h>

void start_kernel(void)
{
	printk(linux_banner);
	for (;;)
		schedule();
}
