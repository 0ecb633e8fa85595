/* SPDX-License-Identifier: GPL-2.0-only */
#include <asm/vermagic.h>
#include <generated/utsrelease.h>

#ifdef CONFIG_MODULE_UNLOAD
#define MODULE_VERMAGIC_UNLOAD "mod_unload "
#else
#define MODULE_VERMAGIC_UNLOAD ""
#endif

#define VERMAGIC_STRING UTS_RELEASE " SMP " MODULE_VERMAGIC_UNLOAD MODULE_ARCH_VERMAGIC
