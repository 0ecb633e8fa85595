#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Stands in for dwarfdump where a kernel has no debug information. Noble's rules list the sources of a build out of that
# (`dwarfdump -i MODULE`, the lines with DW_AT_decl_file), and fail where they find none. kbuild has recorded the same:
# MODULE.mod names the objects of a module, and the .cmd file beside each object names its source.
set -eu
for module; do :; done
dir=$(dirname "$module")
for object in $(cat "${module%.ko}.mod"); do
	case $object in *.o) ;; *) continue ;; esac
	# The names begin at the top of the objects.
	while [ ! -e "$dir/$object" ] && [ "$dir" != / ] && [ "$dir" != . ]; do dir=$(dirname "$dir"); done
	cmd=$dir/$(dirname "$object")/.$(basename "$object").cmd
	[ ! -e "$cmd" ] || sed -n 's/^source_[^ ]* *:= */DW_AT_decl_file /p' "$cmd"
done
