# SPDX-License-Identifier: GPL-2.0-only
# For people, and for programs that ask instead of guessing.

.PHONY: printenv help
help:
	@sed -n '/^# Packaging/,/^$$/s/^# \{0,1\}//p' $(DROOT)/rules

printenv:
	@echo "src package name  = $(src_pkg_name)"
	@echo "series            = $(series)"
	@echo "release           = $(release)"
	@echo "revision          = $(revision)"
	@echo "uploadnum         = $(uploadnum)"
	@echo "abinum            = $(abinum)"
	@echo "abi_release       = $(abi_release)"
	@echo "arch              = $(arch)"
	@echo "build_arch        = $(build_arch)"
	@echo "flavours          = $(flavours)"
	@echo "skipdbg           = $(skipdbg)"
	@echo "do_tools          = $(do_tools)"
	@echo "do_dtbs           = $(do_dtbs)"
	@echo "CROSS_COMPILE     = $(CROSS_COMPILE)"
	@echo "HOSTCC            = $(call host_tool,$(HOSTCC),gcc)"
	@echo "jobs              = $(jobs)"
