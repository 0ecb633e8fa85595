#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""make TARGET for the targets that end in "config", on top of kconfiglib.

Writes .config in the current folder; syncconfig also writes what make and the
compiler read. The Makefile exports srctree, SRCARCH and CC.
"""
import os
import re
import sys

from kconfiglib import Kconfig

SRCTREE = os.environ["srctree"]


def all_no(kconf):
    for symbol in kconf.unique_defined_syms:
        symbol.set_value(2 if symbol.is_allnoconfig_y else 0)


def only_loaded(kconf):
    """Switches off the modules that the output of lsmod, in $LSMOD, does not name."""
    with open(os.environ["LSMOD"], encoding="ascii") as listing:
        loaded = {line.split()[0] for line in listing if line.strip() and not line.startswith("Module ")}
    with open(f"{SRCTREE}/Kbuild", encoding="ascii") as kbuild:
        found = re.findall(r"obj-\$\(CONFIG_(\w+)\) \+= \S*?(\w+)\.o", kbuild.read())
    for symbol, module in found:
        if kconf.syms[symbol].str_value == "m" and module not in loaded:
            kconf.syms[symbol].set_value(0)
    for module in sorted(loaded - {module for _, module in found}):
        print(f"{module} config not found!!", file=sys.stderr)


def main(target, *fragments):
    kconf = Kconfig("Kconfig", warn_to_stderr=False)
    if target in ("menuconfig", "nconfig"):
        from menuconfig import menuconfig
        menuconfig(kconf)
        return
    # A fragment is appended to a whole config, so that values are given twice.
    if target == "tinyconfig":
        all_no(kconf)
        kconf.load_config(f"{SRCTREE}/kernel/configs/tiny.config", replace=False)
    elif target == "allnoconfig":
        all_no(kconf)
    elif target == "defconfig":
        kconf.load_config(f"{SRCTREE}/arch/{os.environ['SRCARCH']}/configs/defconfig")
    elif target in ("olddefconfig", "savedefconfig", "syncconfig"):
        kconf.load_config(".config")
    elif target == "localmodconfig":
        kconf.load_config(".config")
        only_loaded(kconf)
    elif target == "merge":
        kconf.load_config(".config")
        for fragment in fragments:
            kconf.load_config(fragment, replace=False)
    elif target != "alldefconfig":
        sys.exit(f"{sys.argv[0]}: no such target: {target}")

    if target == "savedefconfig":
        kconf.write_min_config("defconfig")
        return
    kconf.write_config(".config", save_old=False)
    if target == "syncconfig":
        kconf.write_autoconf("include/generated/autoconf.h")
        kconf.write_config("include/config/auto.conf", save_old=False)
        # kconfiglib leaves a file alone that would not change; make asks for the time.
        os.utime("include/config/auto.conf")


if __name__ == "__main__":
    main(*sys.argv[1:])
