// SPDX-License-Identifier: GPL-2.0-only
#include <linux/kernel.h>
#include <linux/module.h>

static int __init dummy_init(void)
{
	return request_irq(crc7_byte(0, 42));
}
module_init(dummy_init);

static void __exit dummy_exit(void)
{
	schedule();
}
module_exit(dummy_exit);

MODULE_DESCRIPTION("Depends on crc7");
MODULE_LICENSE("GPL");
