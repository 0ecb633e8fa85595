// SPDX-License-Identifier: GPL-2.0-only
#include <linux/kernel.h>
#include <linux/module.h>

u32 crc_step(u32 crc, u8 byte)
{
	for (crc ^= byte, byte = 0; byte < 8; byte++)
		crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
	return crc;
}
EXPORT_SYMBOL(crc_step);
