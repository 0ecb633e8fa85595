# SPDX-License-Identifier: GPL-2.0-only
# Runs on the machine that is deployed to, fed to `sh -s -- STEP …` over ssh. The arguments are kernel
# releases and a directory of our own, checked before they are sent.
set -eu
state=/var/lib/kernel-fork
grub=/boot/grub
root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n -- "$@"; fi; }

# The way through grub's menus to the entry of a release; its ids have been the same since grub 2.00.
# Only root may be able to read grub.cfg (mode 0600).
entry() {
    root awk -v release="$1" '
        function id(line) { sub(/.*menuentry_id_option *\047/, "", line); sub(/\047.*/, "", line); return line }
        /^submenu / { menu = id($0) ">" }
        /^}/ { menu = "" }
        /^[ \t]*menuentry / && index(id($0), "gnulinux-" release "-advanced-") == 1 { print menu id($0); exit }
    ' $grub/grub.cfg
}

# Which entry is booted from now on, and which one only the next time.
boots() {
    wanted=$(entry "$1")
    [ -n "$wanted" ] || { echo "grub.cfg has no entry for $1" >&2; exit 3; }
    root grub-set-default "$wanted"
    root grub-editenv $grub/grubenv unset next_entry
}

case $1 in
look)
    echo "architecture $(dpkg --print-architecture)"
    echo "running $(uname -r)"
    echo "boot-id $(cat /proc/sys/kernel/random/boot_id)"
    for place in / /boot /var/tmp; do
        df --portability --block-size=1 "$place" | awk -v place="$place" 'NR == 2 { print "free " place " " $4 " " $6 }'
    done
    [ -f $grub/grub.cfg ] && command -v grub-editenv >/dev/null && echo "grub $grub"
    root true 2>/dev/null && echo "root yes"
    # How grub reaches its environment block: it can read through these, and write only to a plain file system.
    for target in abstraction fs; do
        root grub-probe --target=$target $grub 2>/dev/null | while read -r word; do echo "grub-$target $word"; done
    done
    [ ! -L $grub/grubenv ] || echo "grub-abstraction link"
    [ -f $state/previous ] && echo "previous $(cat $state/previous)"
    true
    ;;
room) # DIRECTORY; not -p: one that is there is not ours
    mkdir -m 0755 "$2"
    ;;
drop)
    case $2 in /var/tmp/kernel-fork.*/*) exit 3 ;; /var/tmp/kernel-fork.*) rm -rf "$2" ;; esac
    ;;
install) # DIRECTORY NEW RUNNING
    # First of all: from here on the connection may break at any time.
    boots "$4"
    # Without this, grub takes the newest kernel and no notice of what is chosen.
    if ! grep -qs '^GRUB_DEFAULT=saved$' /etc/default/grub.d/kernel-fork.cfg; then
        root mkdir -p /etc/default/grub.d
        printf '%s\n' 'GRUB_DEFAULT=saved' | root tee /etc/default/grub.d/kernel-fork.cfg >/dev/null
    fi
    # apt reinstalls nothing that a connection lost in the middle has left half installed.
    root env DEBIAN_FRONTEND=noninteractive dpkg --configure -a
    root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends --allow-downgrades \
        --reinstall "$2"/*.deb
    root update-grub
    # Its place in the menus may be another one now.
    boots "$4"
    wanted=$(entry "$3")
    [ -n "$wanted" ] || { echo "grub.cfg has no entry for $3" >&2; exit 3; }
    root mkdir -p $state
    printf '%s\n' "$4" | root tee $state/previous >/dev/null
    root grub-reboot "$wanted"
    ;;
keep) # RELEASE
    boots "$2"
    ;;
reboot)
    # The connection may go with the machine before this has ended.
    root systemctl reboot || root reboot
    ;;
esac
