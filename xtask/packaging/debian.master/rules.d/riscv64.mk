# SPDX-License-Identifier: GPL-2.0-only
human_arch	= 64 bit RISC-V
build_arch	= riscv
header_arch	= riscv
defconfig	= defconfig
flavours	=
build_image	= Image.gz
kernel_file	= arch/riscv/boot/Image.gz
install_file	= vmlinuz
uefi_signed	= true
do_dtbs		= true
