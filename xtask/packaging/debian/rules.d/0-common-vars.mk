# SPDX-License-Identifier: GPL-2.0-only
# What is built, for what, by what: everything that other files only read.

# dpkg-buildpackage exports these; without it they are asked for.
dpkg_arch = $(or $(value $(1)),$(shell dpkg-architecture -q$(1)))
DEB_BUILD_GNU_TYPE := $(call dpkg_arch,DEB_BUILD_GNU_TYPE)
DEB_HOST_GNU_TYPE  := $(call dpkg_arch,DEB_HOST_GNU_TYPE)
DEB_HOST_ARCH      := $(call dpkg_arch,DEB_HOST_ARCH)
arch := $(DEB_HOST_ARCH)

# No file of these packages has another owner than root, and dpkg-deb can say so
# by itself: no fakeroot, which an emulated build would feel in every system call.
export DEB_RULES_REQUIRES_ROOT ?= no

# --- version -------------------------------------------------------------------
# linux (6.1.192-2.1+lab): release 6.1.192, ABI 2, upload 1+lab. A suffix that begins
# with `+` or `~` has no say in it. With more than one dot in the revision, rules of
# before noble's cut at the last, later ones at the first; so it is here.
changelog := $(shell dpkg-parsechangelog -l$(DEBIAN)/changelog | \
	sed -n 's/^\(Source\|Version\|Distribution\|Timestamp\): */\1=/p')
changelog_field = $(patsubst $(1)=%,%,$(filter $(1)=%,$(changelog)))
src_pkg_name := $(call changelog_field,Source)
version      := $(call changelog_field,Version)
series       := $(call changelog_field,Distribution)
release      := $(shell echo '$(version)' | sed 's/-[^-]*$$//')
revision     := $(shell echo '$(version)' | sed 's/.*-//')
cut_at_dot   := $(shell dpkg --compare-versions '$(release)' lt 6.8 && echo 's/\.[^.]*$$//' || echo 's/\..*//')
own_abinum   := $(shell echo '$(revision)' | sed -E 's/[+~].*//; $(cut_at_dot)')
abinum       := $(own_abinum)
uploadnum    := $(patsubst $(own_abinum).%,%,$(revision))
abi_release   = $(release)-$(abinum)

# --- architecture --------------------------------------------------------------
# Sets build_arch, human_arch, flavours, build_image, kernel_file, install_file.
include $(DEBIAN)/rules.d/$(arch).mk

# A flavour may have a value of its own: build_image_FLAVOUR.
custom_override = $(or $($(1)_$(2)),$($(1)))

# --- switches ------------------------------------------------------------------
skipdbg  ?= true
do_tools ?= false
do_dtbs  ?= false

unsigned := $(if $(filter true,$(uefi_signed)),-unsigned)
bin_pkg_name          = linux-image$(unsigned)-$(abi_release)
mods_pkg_name         = linux-modules-$(abi_release)
hdrs_pkg_name         = linux-headers-$(abi_release)
common_hdrs_pkg_name  = $(src_pkg_name)-headers-$(abi_release)
bldinfo_pkg_name      = linux-buildinfo-$(abi_release)
tools_pkg_name        = $(src_pkg_name)-tools-$(abi_release)
tools_flavour_pkg_name = linux-tools-$(abi_release)

builddir := $(CURDIR)/$(DROOT)/build
stampdir := $(CURDIR)/$(DROOT)/stamps

# --- compilers -----------------------------------------------------------------
# A build on the host architecture itself, emulated or not, uses plain names.
ifneq ($(DEB_BUILD_GNU_TYPE),$(DEB_HOST_GNU_TYPE))
CROSS_COMPILE ?= $(DEB_HOST_GNU_TYPE)-
endif

# fixdep, modpost and their kind run during the build and then again on the target
# machine, out of linux-headers. When HOSTCC makes programs of the host architecture
# (in a native build) one set serves both. Otherwise debian/scripts/twice makes each
# of them twice, and the second set is shipped. $(1) is what makes the first.
HOSTCC ?= gcc
HOSTLD ?= ld
HOSTAR ?= ar
host_tool = $(1)
machine_of = $(shell $(1) -dumpmachine 2>/dev/null)
ifneq ($(call machine_of,$(HOSTCC)),$(call machine_of,$(CROSS_COMPILE)gcc))
host_tool = $(CURDIR)/$(DROOT)/scripts/twice $(1) $(CROSS_COMPILE)$(2)
endif
host_tools = HOSTCC="$(call host_tool,$(HOSTCC),gcc)" \
	HOSTLD="$(call host_tool,$(HOSTLD),ld)" HOSTAR="$(call host_tool,$(HOSTAR),ar)"

# --- make ----------------------------------------------------------------------
jobs := $(patsubst parallel=%,%,$(filter parallel=%,$(DEB_BUILD_OPTIONS)))
jobs := $(or $(jobs),$(shell nproc))

# Who built it, where and when stands in the kernel's banner: the changelog's last
# entry is the honest answer that is the same in every build.
SOURCE_DATE_EPOCH ?= $(call changelog_field,Timestamp)
export SOURCE_DATE_EPOCH
builder := $(shell sed -n '/^ -- /{s/.*<\(.*\)>.*/\1/p;q}' $(DEBIAN)/changelog)
export KBUILD_BUILD_TIMESTAMP := $(shell date -u -d @$(SOURCE_DATE_EPOCH))
export KBUILD_BUILD_USER      := $(firstword $(subst @, ,$(builder)))
export KBUILD_BUILD_HOST      := $(lastword $(subst @, ,$(builder)))
export KBUILD_BUILD_VERSION    = $(uploadnum)

# An empty LOCALVERSION keeps git's state out of `uname -r`, which has to be the
# ABI and the flavour. The kernel cuts the build folder's path out of its own
# objects; host programs, which are packed too, need to be told. $(1) is the flavour.
kmake = $(MAKE) --no-print-directory -j$(jobs) \
	ARCH=$(build_arch) CROSS_COMPILE="$(CROSS_COMPILE)" $(host_tools) \
	HOSTCFLAGS=-ffile-prefix-map=$(CURDIR)/= \
	KERNELVERSION=$(abi_release)-$(1) LOCALVERSION= \
	O=$(builddir)/build-$(1) $(kmake_cc)
ifneq ($(LOCAL_ENV_CC),)
kmake_cc = CC="$(LOCAL_ENV_CC)" DISTCC_HOSTS="$(LOCAL_ENV_DISTCC_HOSTS)"
endif
