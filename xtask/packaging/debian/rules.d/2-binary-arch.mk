# SPDX-License-Identifier: GPL-2.0-only
# From a config to packages: prepare, build, install (into debian/PACKAGE), binary
# (into .deb). `%` is the flavour. Compiling is remembered by a stamp; installing
# begins anew each time and is short.

# --- prepare: the flavour's own build folder, its config -----------------------
.PHONY: prepare-% build-% install-% binary-% install-headers binary-headers
.PHONY: binary-perarch binary-debs

prepare-%: $(stampdir)/stamp-prepare-%
	@:

$(stampdir)/stamp-prepare-%: asked = $(DEBIAN)/config/$(arch)/config.flavour.$*
$(stampdir)/stamp-prepare-%:
	mkdir -p $(stampdir) $(builddir)/build-$*
	cp $(asked) $(builddir)/build-$*/.config
	$(call kmake,$*) olddefconfig
	sh $(DROOT)/scripts/config-check $(asked) $(builddir)/build-$*/.config
	touch $@

# --- build ---------------------------------------------------------------------
build-%: $(stampdir)/stamp-build-%
	@:

build-arch: $(addprefix build-,$(flavours))

$(stampdir)/stamp-build-%: made = $(builddir)/build-$*
$(stampdir)/stamp-build-%: $(stampdir)/stamp-prepare-%
	$(call kmake,$*) $(call custom_override,build_image,$*) modules \
		$(if $(filter true,$(do_dtbs)),dtbs)
	# A kernel under another name would not find its modules.
	test "$$(cat $(made)/include/config/kernel.release)" = $(abi_release)-$*
	touch $@

# --- install -------------------------------------------------------------------
# $(1) is a package's name. Templates know the kernel as @release@ and its package
# as @image@.
pkgdir = $(CURDIR)/$(DROOT)/$(1)
scripts_of = for script in $(3); do \
		sed -e 's/@release@/$(abi_release)-$*/g' \
			-e 's/@image@/$(install_file)-$(abi_release)-$*/g' \
			$(DROOT)/templates/$(2).$$script > $(DROOT)/$(1).$$script; \
	done

install-%: made = $(builddir)/build-$*
install-%: kver = $(abi_release)-$*
install-%: img  = $(call pkgdir,$(bin_pkg_name)-$*)
install-%: mods = $(call pkgdir,$(mods_pkg_name)-$*)
install-%: hdrs = $(call pkgdir,$(hdrs_pkg_name)-$*)
install-%: info = $(call pkgdir,$(bldinfo_pkg_name)-$*)/usr/lib/linux/$(abi_release)-$*
install-%: dbg  = $(call pkgdir,$(bin_pkg_name)-$*-dbgsym)/usr/lib/debug
install-%: $(stampdir)/stamp-build-%
	dh_prep $(call packages_of,$*)

	# linux-image
	install -D -m644 $(made)/$(call custom_override,kernel_file,$*) \
		$(img)/boot/$(install_file)-$(kver)
	$(call scripts_of,$(bin_pkg_name)-$*,image,preinst postinst prerm postrm)

	# linux-modules. depmod runs on the target machine: its files depend on
	# everything else that is installed for this kernel.
	install -D -m644 $(made)/.config $(mods)/boot/config-$(kver)
	install -m644 $(made)/System.map $(mods)/boot/System.map-$(kver)
	$(call kmake,$*) modules_install DEPMOD=true \
		INSTALL_MOD_PATH=$(mods) INSTALL_MOD_STRIP=1
	rm -f $(mods)/lib/modules/$(kver)/build $(mods)/lib/modules/$(kver)/source
ifeq ($(do_dtbs),true)
	$(call kmake,$*) dtbs_install \
		INSTALL_DTBS_PATH=$(mods)/lib/firmware/$(kver)/device-tree
endif
	$(call scripts_of,$(mods_pkg_name)-$*,modules,postinst postrm)

	# linux-headers
	sh $(DROOT)/scripts/install-headers flavour . $(made) $(build_arch) \
		$(hdrs) $(kver) $(common_hdrs_pkg_name)
	sh $(DROOT)/scripts/host-programs $(hdrs)/usr/src $(made) $(CROSS_COMPILE)strip
	$(call scripts_of,$(hdrs_pkg_name)-$*,headers,postinst)

	# linux-buildinfo
	install -D -m644 $(made)/.config $(info)/config
	sort $(made)/Module.symvers > $(info)/abi
	cd $(mods)/lib/modules/$(kver) && find . -name '*.ko*' | sed 's|.*/||; s/\.ko.*//' | \
		sort > $(info)/modules
	find $(mods)/lib/modules/$(kver) -name '*.ko*' -print0 | sort -z | \
		xargs -0r /sbin/modinfo -F firmware | sort -u > $(info)/fwinfo
	cp $(made)/include/config/kernel.release $(info)/release
	sed -n 's/^CONFIG_CC_VERSION_TEXT="\(.*\)"/\1/p' $(made)/.config > $(info)/compiler

ifneq ($(skipdbg),true)
	install -D -m644 $(made)/vmlinux $(dbg)/boot/vmlinux-$(kver)
	$(call kmake,$*) modules_install DEPMOD=true INSTALL_MOD_PATH=$(dbg)
	rm -f $(dbg)/lib/modules/$(kver)/build $(dbg)/lib/modules/$(kver)/source
	find $(dbg)/lib/modules -name 'modules.*' -delete
endif

ifeq ($(do_tools),true)
	# Ubuntu's /usr/bin/perf looks for a folder with the running kernel's name.
	install -d $(call pkgdir,$(tools_flavour_pkg_name)-$*)/usr/lib/linux-tools
	ln -s ../$(tools_pkg_name) \
		$(call pkgdir,$(tools_flavour_pkg_name)-$*)/usr/lib/linux-tools/$(kver)
endif

install-headers:
	dh_prep -p$(common_hdrs_pkg_name)
	sh $(DROOT)/scripts/install-headers common . - $(build_arch) \
		$(call pkgdir,$(common_hdrs_pkg_name)) - $(common_hdrs_pkg_name)

# --- binary --------------------------------------------------------------------
# Each debhelper program is started once for all packages it is to look at: they
# are perl, and in an emulated build their start is most of what they cost.
packages_of = $(addprefix -p,$(bin_pkg_name)-$(1) $(mods_pkg_name)-$(1) \
	$(hdrs_pkg_name)-$(1) $(bldinfo_pkg_name)-$(1) \
	$(if $(filter-out true,$(skipdbg)),$(bin_pkg_name)-$(1)-dbgsym) \
	$(if $(filter true,$(do_tools)),$(tools_flavour_pkg_name)-$(1)))

# No dh_strip: the kernel strips its own. dpkg-shlibdeps finds the host
# architecture's libraries where multiarch has them, in a cross build too; a hint
# at the cross compiler's copy would give other dependencies than a native build.
define dh_all
	dh_installchangelogs $(1)
	dh_installdocs $(1)
	dh_compress $(1)
	dh_fixperms $(1)
	dh_shlibdeps $(1)
	dh_installdeb $(1)
	dh_gencontrol $(1)
	dh_md5sums $(1)
	dh_builddeb $(1)
endef

binary-%: install-%
	$(call dh_all,$(call packages_of,$*))

binary-headers: install-headers
	$(call dh_all,-p$(common_hdrs_pkg_name))

binary-debs: binary-perarch $(addprefix binary-,$(flavours))
binary-arch: binary-headers binary-debs
