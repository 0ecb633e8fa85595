// SPDX-License-Identifier: GPL-2.0-only
#include <linux/kernel.h>

void start_kernel(void)
{
	printk(linux_banner);
	/* As Linux does where there is no first process: here there never is one. */
	printk("Kernel panic - not syncing: No working init found.\n");
	machine_restart();
	for (;;)
		schedule();
}
