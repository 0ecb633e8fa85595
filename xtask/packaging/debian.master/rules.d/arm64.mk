# SPDX-License-Identifier: GPL-2.0-only
human_arch	= ARMv8
build_arch	= arm64
header_arch	= arm64
defconfig	= defconfig
flavours	=
build_image	= Image.gz
kernel_file	= arch/arm64/boot/Image.gz
install_file	= vmlinuz
uefi_signed	= true
do_dtbs		= true
