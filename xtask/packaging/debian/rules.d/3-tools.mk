# SPDX-License-Identifier: GPL-2.0-only
# perf, once per architecture.

# Compiled in a folder of its own and not against a flavour: perf reads the
# sources' header files.
perf_dir = $(builddir)/tools-perarch
perf_make = $(MAKE) --no-print-directory -j$(jobs) -C tools/perf O=$(perf_dir) \
	ARCH=$(build_arch) CROSS_COMPILE="$(CROSS_COMPILE)" HOSTCC="$(HOSTCC)" \
	prefix=/usr WERROR=0 NO_LIBPERL=1 NO_LIBPYTHON=1 NO_JVMTI=1

.PHONY: build-perarch install-perarch
build-perarch: $(stampdir)/stamp-build-perarch
	@:

$(stampdir)/stamp-build-perarch:
	mkdir -p $(stampdir) $(perf_dir)
	$(perf_make)
	touch $@

install-perarch: $(stampdir)/stamp-build-perarch
	dh_prep -p$(tools_pkg_name)
	install -D -m755 $(perf_dir)/perf $(CURDIR)/$(DROOT)/$(tools_pkg_name)/usr/lib/$(tools_pkg_name)/perf
	$(CROSS_COMPILE)strip --strip-unneeded --remove-section=.comment \
		$(CURDIR)/$(DROOT)/$(tools_pkg_name)/usr/lib/$(tools_pkg_name)/perf

ifeq ($(do_tools),true)
build-arch: build-perarch
binary-perarch: install-perarch
	$(call dh_all,-p$(tools_pkg_name))
endif
