# SPDX-License-Identifier: GPL-2.0-only
human_arch	= ARMv7
build_arch	= arm
header_arch	= arm
defconfig	= defconfig
flavours	=
build_image	= zImage
kernel_file	= arch/arm/boot/zImage
install_file	= vmlinuz
uefi_signed	= true
do_dtbs		= true
