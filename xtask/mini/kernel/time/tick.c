// SPDX-License-Identifier: GPL-2.0-only
#include <linux/kernel.h>
#include <linux/module.h>

static volatile u32 stopped;

void tick_stop(unsigned int cpu)
{
	stopped |= 1u << (cpu % CONFIG_NR_CPUS);
}
EXPORT_SYMBOL_GPL(tick_stop);
