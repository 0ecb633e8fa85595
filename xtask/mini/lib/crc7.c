// SPDX-License-Identifier: GPL-2.0-only
#include <linux/kernel.h>
#include <linux/module.h>

u8 crc7_byte(u8 crc, u8 byte)
{
	for (crc ^= byte, byte = 0; byte < 8; byte++)
		crc = crc & 0x80 ? (u8)(crc << 1 ^ 0x12) : (u8)(crc << 1);
	return crc;
}
EXPORT_SYMBOL(crc7_byte);

MODULE_DESCRIPTION("Another module's symbols come from here");
MODULE_LICENSE("GPL");
