# SPDX-License-Identifier: GPL-2.0-only
# Runs on the machine that is deployed to, fed to `sh -s -- STEP …` over ssh. The arguments are kernel releases,
# package names, ways through GRUB's menu (`,` for `>`) and a directory of our own, checked before they are sent.
set -eu
# No locale of ours: update-grub writes the titles of the menu in that of the machine.
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
state=/var/lib/kernel-fork/deployed
# The last of the settings that GRUB reads, so that it counts; and what an earlier version of this tool left.
hold=/etc/default/grub.d/zzz-kernel-fork-hold.cfg
earlier=/etc/default/grub.d/kernel-fork.cfg
grub=/boot/grub
efi=/sys/firmware/efi/efivars
root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n -- "$@"; fi; }
installed() { [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
apt() { root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get --yes -o DPkg::Lock::Timeout=300 "$@"; }
# The last byte of an EFI variable; the first four are its attributes.
efi_is_set() { [ "$(od -An -tu1 -j4 -N1 "$efi/$1" 2>/dev/null | tr -d ' ')" = 1 ]; }

loader() {
    case $(tr -d '\000' <$efi/LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f 2>/dev/null) in
    *systemd-boot*) echo systemd-boot && return ;;
    esac
    # U-Boot needs no EFI, and then starts no GRUB, whatever lies in /boot.
    case $(dpkg --print-architecture) in
    amd64 | i386 | ppc64el) firmware=yes ;;
    *) if [ -d /sys/firmware/efi ]; then firmware=yes; else firmware=no; fi ;;
    esac
    if [ $firmware = yes ] && root test -f $grub/grub.cfg && command -v grub-reboot >/dev/null; then
        echo grub
    elif [ -f /boot/extlinux/extlinux.conf ]; then
        echo extlinux
    elif command -v flash-kernel >/dev/null; then
        echo flash-kernel
    elif [ -d /boot/loader ] || [ -d /boot/efi/loader ]; then
        echo systemd-boot
    else
        echo none
    fi
}

# What lies between GRUB and its environment block: it reads through all of these, and writes only to a file of a
# plain file system.
between() {
    [ ! -L $grub/grubenv ] || echo link
    root grub-probe --target=abstraction $grub 2>/dev/null || true
    case $(root grub-probe --target=fs $grub 2>/dev/null) in
    btrfs | zfs | f2fs | squash4 | iso9660) root grub-probe --target=fs $grub ;;
    esac
}

# The DKMS modules that a release has. Lines: `zfs/2.1.11, 6.1.0-18-amd64, x86_64: installed`; older: `zfs, 2.1.11, …`.
dkms_of() {
    ! command -v dkms >/dev/null || root dkms status -k "$1" | sed -n 's|^\([^,/]*\)[,/].*: installed.*|\1|p' | sort -u
}

# An earlier version of this tool chose the kernel to boot for good, by GRUB_DEFAULT=saved.
drop_earlier() {
    [ -f $earlier ] || return 0
    root grub-editenv $grub/grubenv unset saved_entry
    root rm -f $earlier
}

# One line of words.
words() { tr '\n' ' ' | sed 's/ *$//'; }

case $1 in
look)
    # A login shell may print something of its own before and after.
    echo "kernel-fork: begin"
    echo "architecture $(dpkg --print-architecture)"
    echo "running $(uname -r)"
    echo "boot-id $(cat /proc/sys/kernel/random/boot_id)"
    for place in / /boot /var/tmp; do
        df --portability --block-size=1 $place | awk -v place=$place 'NR == 2 { print "free:" place " " $4 " " $6 }'
    done
    echo "initrd $(stat --format=%s "/boot/initrd.img-$(uname -r)" 2>/dev/null || echo 0)"
    if root true 2>/dev/null; then
        echo "root yes"
        echo "loader $(loader)"
        echo "between $(between | words)"
        if efi_is_set SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c &&
            ! efi_is_set MokSBStateRT-605dab50-e046-4300-abb6-3dd810dd8b23; then
            echo "secure-boot yes"
        else
            echo "secure-boot no"
        fi
        echo "dkms $(dkms_of "$(uname -r)" | words)"
        if root grep -qs '^[^#]*default' $grub/custom.cfg; then echo "custom yes"; else echo "custom no"; fi
        if [ -f $hold ] || [ -f $earlier ]; then echo "hold yes"; else echo "hold no"; fi
        echo "deployed $(root sed -n 's/^new //p' $state 2>/dev/null || true)"
        echo "previous $(root sed -n 's/^previous //p' $state 2>/dev/null || true)"
        echo "saved $(root grub-editenv $grub/grubenv list 2>/dev/null | sed -n 's/^saved_entry=//p')"
        # Only root may be able to read it (mode 0600).
        if root test -f $grub/grub.cfg; then root sed 's/^/menu /' $grub/grub.cfg; fi
    else
        echo "root no"
    fi
    echo "kernel-fork: end"
    ;;
room) # DIRECTORY; not -p: one that is there is not ours
    mkdir -m 0755 "$2"
    ;;
drop)
    case $2 in /var/tmp/kernel-fork.*/*) exit 3 ;; /var/tmp/kernel-fork.*) rm -rf "$2" ;; esac
    ;;
record) # NEW RUNNING PACKAGE…: of the packages, those that are not there yet are what --undo removes
    new=$2 running=$3
    shift 3
    root mkdir -p "${state%/*}"
    {
        echo "new $new"
        echo "previous $running"
        # Another deployment waits: this one takes its place, and its packages are still to be removed.
        [ ! -f $hold ] || root sed -n '/^package /p' $state
        for package; do installed "$package" || echo "package $package"; done
    } | root tee $state.part >/dev/null
    root mv $state.part $state
    ;;
hold) # WAY
    root mkdir -p ${hold%/*}
    printf '%s\n' \
        '# A kernel was installed by `cargo xtask deploy` and is not confirmed: until then the one from before is booted.' \
        "GRUB_DEFAULT='$(printf %s "$2" | tr , '>')'" | root tee $hold.part >/dev/null
    root mv $hold.part $hold
    drop_earlier
    root grub-editenv $grub/grubenv unset next_entry
    root update-grub
    ;;
install) # DIRECTORY
    # apt reinstalls nothing that a connection lost in the middle has left half installed.
    [ -z "$(dpkg --audit)" ] || root env DEBIAN_FRONTEND=noninteractive dpkg --configure -a
    apt install --no-install-recommends --allow-downgrades --reinstall "$2"/*.deb
    ;;
dkms) # RELEASE
    dkms_of "$2"
    ;;
once) # WAY
    root grub-reboot "$(printf %s "$2" | tr , '>')"
    ;;
release)
    drop_earlier
    root grub-editenv $grub/grubenv unset next_entry
    root rm -f $hold
    root update-grub
    ;;
purge)
    packages=$(root sed -n 's/^package \(linux-[a-z0-9.+-]*\)$/\1/p' $state)
    # Not more than these: what else depends on them is not ours to remove.
    [ -z "$packages" ] || root env DEBIAN_FRONTEND=noninteractive dpkg --purge $packages
    ;;
forget)
    root rm -rf "${state%/*}"
    ;;
reboot)
    # The connection may go with the machine before this has ended.
    root systemctl reboot || root reboot
    ;;
*) exit 3 ;;
esac
