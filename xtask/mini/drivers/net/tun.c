// SPDX-License-Identifier: GPL-2.0-only
#include <linux/kernel.h>
#include <linux/module.h>

static int __init tun_init(void)
{
	return printk("tun on " MINI_ARCH "\n") ? 0 : -1;
}
module_init(tun_init);

MODULE_DESCRIPTION("Depends on nothing, and asks for firmware");
MODULE_FIRMWARE("mini/tun.bin");
MODULE_LICENSE("GPL");
