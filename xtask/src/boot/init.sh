#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Process 1 of a kernel under test. It loads modules, keeps the isolated CPU busy, and says what it sees on
# the console, in lines that begin with `@fork`. `boot/console.rs` reads them. What it is to do stands on the
# kernel's command line: fork.cpu, fork.settle and fork.seconds.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev 2>/dev/null
exec </dev/console >/dev/console 2>&1
# The kernel's own lines would get in between; dmesg has them at the end.
dmesg --console-level emerg

value() {
	for word in $(cat /proc/cmdline); do
		case $word in
		"fork.$1="*) echo "${word#*=}" ;;
		esac
	done
}
cpu=$(value cpu) settle=$(value settle) seconds=$(value seconds)

echo "@fork uname $(uname -r)"
echo "@fork cmdline $(cat /proc/cmdline)"

# A distribution's kernel has thousands of modules: of those, the ones that this machine has a device for.
modules=$(find "/lib/modules/$(uname -r)" -name '*.ko*' | sed 's,.*/,,; s,\.ko.*,,' | sort)
count=$(echo "$modules" | grep -c .)
if [ "$count" -gt 200 ]; then
	modules=$(find /sys/devices -name modalias -exec cat {} + 2>/dev/null | sort -u |
		xargs -r modprobe --all --resolve-alias --quiet | sort -u)
fi
echo "@fork modules $count"
for module in $modules; do
	if answer=$(modprobe "$module" 2>&1); then
		echo "@fork module $module"
	else
		echo "@fork module $module $answer" | tr '\n' ' '
		echo
	fi
done

# This process and all it starts stay off the isolated CPU, but for one.
taskset --cpu-list --pid 0 $$ >/dev/null
taskset --cpu-list "$cpu" sh -c 'while :; do :; done' &
echo "@fork busy"
sleep "$settle"
left=$seconds
while :; do
	read -r uptime rest </proc/uptime
	echo "@fork sample $uptime"
	sed 's/^/@fork | /' /proc/interrupts
	[ "$left" -gt 0 ] || break
	left=$((left - 1))
	sleep 1
done
dmesg --raw | sed 's/^/@fork dmesg /'
echo "@fork end"
# Whoever listens ends the machine now.
while :; do sleep 1000; done
