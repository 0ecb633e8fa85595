# SPDX-License-Identifier: GPL-2.0-only
human_arch	= 64 bit x86
build_arch	= x86
header_arch	= x86
defconfig	= defconfig
flavours	=
build_image	= bzImage
kernel_file	= arch/x86/boot/bzImage
install_file	= vmlinuz
uefi_signed	= true
do_dtbs		= false
