#!/usr/bin/make -f
# SPDX-License-Identifier: GPL-2.0-only
# The makefile around a packaging's debian/rules. Its warnings that it overrides recipes are meant to be.
@BEFORE@
# What is built says when its source was changed, and not when it was built: one commit gives the same bytes twice.
export SOURCE_DATE_EPOCH := @CHANGED@
export KBUILD_BUILD_TIMESTAMP := $(shell LC_ALL=C date -u -d @$(SOURCE_DATE_EPOCH))
# The vendor's rules assign these as recursive variables that run a program. What is in the environment too is passed to
# each $(shell) from make 4.4 on, and every one of them is expanded for every other: minutes before the first object.
$(foreach name,DEB_HOST_ARCH DEB_HOST_MULTIARCH DEB_HOST_GNU_TYPE DEB_BUILD_ARCH DEB_BUILD_GNU_TYPE, \
  $(eval override $(name) := $(or $($(name)),$(shell dpkg-architecture -q$(name)))))
# That make also tells $(shell) of the makes around it: what they enter would be a part of the version.
override raw_kernelversion = $(shell env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s kernelversion)
# What configure takes for --host where it is not told: the vendor's rule for usbip does not tell it.
ifneq ($(DEB_BUILD_GNU_TYPE),$(DEB_HOST_GNU_TYPE))
export host_alias := $(DEB_HOST_GNU_TYPE)
endif
# What the stand-in has (changelog, control) is put over the tree's. Making 70,000 files keeps a processor busy: so
# the directories are made first, and then all processors have their part. (cp's own --no-clobber is a failure in
# some of its versions.)
define copy
set -o pipefail
cp -a . ../stand-in
cd @TREE@
find . -type d -print0 | (cd $(CURDIR) && xargs -0 mkdir -p)
find . ! -type d -print0 | xargs -0 -n 2000 -P $$(nproc) cp -d --preserve=mode,timestamps --parents -t $(CURDIR)
cd $(CURDIR)
cp -a ../stand-in/. .
rm -r ../stand-in
echo copied
endef
ifeq ($(wildcard debian/rules),)
ifneq ($(shell bash -e -c '$(copy)'),copied)
$(error the tree could not be copied into the chroot)
endif
endif
# The kernel first: nothing that is packed for all architectures is needed for it.
binary: binary-arch
# `clean` takes away what an earlier build in this folder left; what is kept is not its business.
ifeq ($(filter clean,$(MAKECMDGOALS)),)
override builddir := @OBJECTS@/tree
# The packages say which suite they were built in. No vendor's rules know of it, so it goes into what they have made.
$(shell grep -q '^@SUITE@$$' debian/control || sed -i '0,/^Source:/s/^Source:.*/&\n@SUITE@/' debian/control)
endif
# Programs that stand in for those of the chroot.
ifneq ($(wildcard debian/fork-bin),)
export PATH := $(CURDIR)/debian/fork-bin:$(PATH)
endif
include debian/rules
# What the compiler says of itself gets into the banner and the configuration, and one that is longer moves
# everything behind it. A cross compiler says what the native one says, under a name of its own: so that is told
# without it, and modules built on the target find the compiler that they know.
compiler := $(or $(gcc),gcc)
compiler_says := $(shell LC_ALL=C $(CROSS_COMPILE)$(compiler) --version | sed '1s/^[^ ]*/$(compiler)/;q')
kmake += CC_VERSION_TEXT='$(compiler_says)'
# Of the arch:all packages the common headers alone belong to a flavour's set, and the tools' common part to
# that of the tools; the vendor's own recipe would add an empty linux-source and linux-doc, newer than the archive's.
ifneq ($(filter-out false,$(do_common_headers_indep)),)
binary-indep: binary-headers $(if $(filter true,$(do_tools_common)),binary-tools-common)
	@:
binary-tools-common: install-tools
	set -e; for step in installchangelogs installdocs compress fixperms installdeb gencontrol md5sums builddeb; do \
		$(lockme) dh_$$step -p$(tools_common_pkg_name); done
endif
# Noble's rules ask this for packages that replace the suite's own wherever they are installed: they belong to the
# vendor's build of the whole source, not to a flavour's set.
if_package = $(if $(filter linux-libc-dev linux-bpf-dev,$(1)),,$(if $(filter $(1),$(packages_enabled)),$(2)))
# Every build makes these on the way to tools and linux-libc-dev; without both nothing reads them.
ifdef do_libc_dev_package
ifeq ($(filter true,$(do_any_tools) $(do_libc_dev_package)),)
install-arch-headers:
	@:
endif
endif
