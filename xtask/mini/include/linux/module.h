/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _LINUX_MODULE_H
#define _LINUX_MODULE_H

#include <asm/arch.h>

#define __init
#define __exit

/* One entry of .modinfo, which modinfo(8) and depmod(8) read. */
#define __MODINFO(line, tag, value) \
	static const char __modinfo_##line[] \
	__attribute__((section(".modinfo"), used, aligned(1))) = tag "=" value
#define _MODINFO(line, tag, value) __MODINFO(line, tag, value)
#ifdef MODULE
#define MODULE_INFO(tag, value) _MODINFO(__LINE__, tag, value)
#else
#define MODULE_INFO(tag, value) struct module
#endif
#define MODULE_LICENSE(text) MODULE_INFO("license", text)
#define MODULE_DESCRIPTION(text) MODULE_INFO("description", text)
#define MODULE_AUTHOR(text) MODULE_INFO("author", text)
#define MODULE_FIRMWARE(text) MODULE_INFO("firmware", text)

struct module {
	char name[56];
	int (*init)(void);
	void (*exit)(void);
};

/* modpost looks for the symbol, depmod for the string. */
#define EXPORT_SYMBOL_GPL(sym) EXPORT_SYMBOL(sym)
#define EXPORT_SYMBOL(sym) \
	static const char __kstrtab_##sym[] \
	__attribute__((section("__ksymtab_strings"), used, aligned(1))) = #sym; \
	const void *const __ksymtab_##sym \
	__attribute__((section("__ksymtab"), used)) = &sym; \
	extern const char __kstrtab_##sym[]

#ifdef MODULE
#define module_init(fn) int init_module(void) __attribute__((alias(#fn)))
#define module_exit(fn) void cleanup_module(void) __attribute__((alias(#fn)))
#else
#define module_init(fn) int (*const __initcall_##fn)(void) __attribute__((used)) = fn
#define module_exit(fn) void (*const __exitcall_##fn)(void) __attribute__((used)) = fn
#endif

#endif
