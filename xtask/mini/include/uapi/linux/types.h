/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _LINUX_TYPES_H
#define _LINUX_TYPES_H

typedef unsigned char __u8;
typedef unsigned int __u32;

#ifdef __KERNEL__
typedef __u8 u8;
typedef __u32 u32;
typedef __SIZE_TYPE__ size_t;
#endif

#endif
