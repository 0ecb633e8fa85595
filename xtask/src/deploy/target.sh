# SPDX-License-Identifier: GPL-2.0-only
# Runs on the machine that is deployed to, fed to `sh -s -- STEP …` over ssh. The arguments are kernel releases,
# package names, ways through GRUB's menu (`,` for `>`) and a directory of our own, checked before they are sent.
set -eu
# What is made here is read by everybody, whatever the umask of whoever logs in.
umask 022
# No locale of ours: update-grub writes the titles of the menu in that of the machine.
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
state=/var/lib/kernel-fork/deployed
# Gone with the boot, as whoever holds it is when that is a reboot.
lock=/run/kernel-fork.lock
# The last of the settings that GRUB reads, so that it counts; and what an earlier version of this tool left.
hold=/etc/default/grub.d/zzz-kernel-fork-hold.cfg
earlier=/etc/default/grub.d/kernel-fork.cfg
grub=/boot/grub
efi=/sys/firmware/efi/efivars
root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n -- "$@"; fi; }
installed() { [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
apt() { root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get --yes -o DPkg::Lock::Timeout=300 "$@"; }
# Waits until no other apt or dpkg is at work: dpkg itself does not.
settled() { apt check >/dev/null 2>&1 || true; }
# Is the default held, or was a release of it interrupted?
held() { root test -f $hold || root test -f $hold.off || root test -f $earlier; }
# The last byte of an EFI variable; the first four are its attributes.
efi_is_set() { [ "$(od -An -tu1 -j4 -N1 "$efi/$1" 2>/dev/null | tr -d ' ')" = 1 ]; }

loader() {
    case $(tr -d '\000' 2>/dev/null <$efi/LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f) in
    *systemd-boot*) echo systemd-boot && return ;;
    esac
    # Xen is what its GRUB boots, and the kernel below it.
    case $(cat /proc/xen/capabilities 2>/dev/null) in *control_d*) echo Xen && return ;; esac
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
    # GRUB's tools make one that is not there, and do nothing with one that is damaged.
    ! root test -f $grub/grubenv || root grub-editenv $grub/grubenv list >/dev/null 2>&1 || echo "a damaged grubenv"
    root grub-probe --target=abstraction $grub 2>/dev/null || true
    case $(root grub-probe --target=fs $grub 2>/dev/null) in
    btrfs | zfs | f2fs | squash4 | iso9660) root grub-probe --target=fs $grub ;;
    esac
}

# The DKMS modules that a release has. `dkms status` names none where the source of one is gone.
dkms_of() {
    for link in /var/lib/dkms/*/kernel-"$1"-*; do
        [ ! -L "$link" ] || basename "$(dirname "$link")"
    done | sort -u
}

# An earlier version of this tool chose the kernel to boot for good, by GRUB_DEFAULT=saved.
drop_earlier() {
    root test -f $earlier || return 0
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
        if held; then echo "hold yes"; else echo "hold no"; fi
        echo "deployed $(root sed -n 's/^new //p' $state 2>/dev/null || true)"
        echo "previous $(root sed -n 's/^previous //p' $state 2>/dev/null || true)"
        echo "deployed-in $(root sed -n 's/^boot //p' $state 2>/dev/null || true)"
        echo "saved $(root grub-editenv $grub/grubenv list 2>/dev/null | sed -n 's/^saved_entry=//p')"
        # Only root may be able to read it (mode 0600).
        if root test -f $grub/grub.cfg; then root sed 's/^/menu /' $grub/grub.cfg; fi
    else
        echo "root no"
    fi
    echo "kernel-fork: end"
    ;;
kernel)
    # The kernel that runs there, as a flavour can be made like it.
    echo "kernel-fork: begin"
    echo "architecture $(dpkg --print-architecture)"
    echo "running $(uname -r)"
    # Not there, or empty, for a kernel without modules.
    lsmod 2>/dev/null | sed '1d; s/ .*//; s/^/module /'
    if [ -r "/boot/config-$(uname -r)" ]; then
        sed 's/^/config /' "/boot/config-$(uname -r)"
    elif [ -r /proc/config.gz ]; then
        zcat /proc/config.gz | sed 's/^/config /'
    else
        root sed 's/^/config /' "/boot/config-$(uname -r)"
    fi
    echo "kernel-fork: end"
    ;;
lock) # WHO: one deployment at a time; an hour without a step ends it
    root find $lock -maxdepth 0 -mmin +60 -exec rm -r {} + 2>/dev/null || true
    if ! root mkdir $lock 2>/dev/null; then
        echo "another deployment is at work here: $(root cat $lock/* 2>/dev/null), since $(root find $lock -maxdepth 0 -printf '%TH:%TM')" >&2
        exit 3
    fi
    echo "$2" | root tee $lock/who >/dev/null
    # Nobody else is at work, so these are of one that was killed.
    root find /var/tmp -maxdepth 1 -type d -name 'kernel-fork.deploy.*' -exec rm -rf {} +
    ;;
unlock) # WHO
    [ "$(root cat $lock/who 2>/dev/null)" != "$2" ] || root rm -r $lock
    ;;
room) # DIRECTORY; not -p: one that is there is not ours
    mkdir -m 0755 "$2"
    ;;
drop)
    case $2 in /var/tmp/kernel-fork.*/*) exit 3 ;; /var/tmp/kernel-fork.*) rm -rf "$2" ;; esac
    ;;
record) # NEW PREVIOUS PACKAGE…: of the packages, those that are not there yet are what --undo removes
    new=$2 previous=$3
    shift 3
    root mkdir -p "${state%/*}"
    {
        echo "new $new"
        echo "previous $previous"
        echo "boot $(cat /proc/sys/kernel/random/boot_id)"
        # What this takes the place of is still to be removed: a deployment that waits, or an earlier build of the same.
        if root test -f $state && { held || root grep -qx "new $new" $state; }; then root sed -n '/^package /p' $state; fi
        for package; do installed "$package" || echo "package $package"; done
    } | root tee $state.part >/dev/null
    root mv $state.part $state
    ;;
hold) # WAY
    root grub-editenv $grub/grubenv unset next_entry
    root mkdir -p ${hold%/*}
    printf '%s\n' \
        '# A kernel was installed by `cargo xtask deploy` and is not confirmed: until then the one from before is booted.' \
        "GRUB_DEFAULT='$(printf %s "$2" | tr , '>')'" | root tee $hold.part >/dev/null
    root mv $hold.part $hold
    root rm -f $hold.off
    drop_earlier
    root update-grub
    ;;
install) # DIRECTORY
    # apt reinstalls nothing that a connection lost in the middle has left half installed.
    settled
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
    # Until the menu is made, what is left of it says that this has to be done again.
    ! root test -f $hold || root mv $hold $hold.off
    drop_earlier
    root update-grub
    root grub-editenv $grub/grubenv unset next_entry
    root rm -f $hold.off
    ;;
purge)
    packages=$(root sed -n 's/^package \(linux-[a-z0-9.+-]*\)$/\1/p' $state)
    # Not more than these: what else depends on them is not ours to remove. One may be half unpacked.
    settled
    [ -z "$packages" ] || root env DEBIAN_FRONTEND=noninteractive dpkg --purge --force-remove-reinstreq $packages
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
