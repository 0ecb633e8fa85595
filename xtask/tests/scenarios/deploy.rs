// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask deploy`, over a real ssh to a real sshd in a machine of its own: real dpkg, apt, `update-grub` and GRUB's
//! own tools for the next boot. Played are the kernel that runs, the disk that `grub-probe` sees, DKMS, and the reboot,
//! which reads grub.cfg and the environment block as GRUB does.

use crate::lab::Lab;
use crate::root::Root;

const OLD: &str = "5.10.0-1-generic";
const NEW: &str = "6.1.42-1-slim";

struct Machine<'a> {
    lab: &'a Lab,
    root: Root<'a>,
}

impl<'a> Machine<'a> {
    fn new(lab: &'a Lab) -> Self {
        let root = Root::new(lab, "amd64", &["openssh-server", "grub2-common"]);
        root.write(
            "usr/local/bin/uname",
            "755",
            "#!/bin/sh\n[ \"$1\" != -r ] || exec cat /running\nexec /usr/bin/uname \"$@\"\n",
        );
        root.write("usr/sbin/grub-probe", "755", GRUB_PROBE);
        root.write("usr/local/bin/boots", "755", BOOTS);
        root.write("usr/local/bin/systemctl", "755", REBOOT);
        // What a machine's users put there: it reaches everybody who calls a program over ssh.
        root.write("root/.bashrc", "644", "echo Welcome to box\necho running late\n");
        root.run(&format!(
            "mkdir -p /run/sshd /boot/grub /root/.ssh && echo {OLD} >/running && echo boot-1 >/boot-id && \
             echo x >/boot/vmlinuz-{OLD} && grub-editenv /boot/grub/grubenv create && update-grub && ssh-keygen -A"
        ));
        lab.run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", &lab.path("key").display().to_string()]).ok();
        root.write("root/.ssh/authorized_keys", "600", &lab.text("key.pub"));
        root.run("chmod 700 /root /root/.ssh");
        root.write(
            "etc/ssh/sshd_config",
            "644",
            "UsePAM no\nPermitRootLogin prohibit-password\nSubsystem sftp internal-sftp\nSetEnv LC_ALL=C.UTF-8\n",
        );
        // A connection is an sshd of its own; a network is not needed for it.
        let dir = root.dir.display().to_string();
        let boot = format!("mount --bind '{dir}/boot-id' '{dir}/proc/sys/kernel/random/boot_id'");
        let inside = format!("{} /usr/sbin/sshd -i -e", root.enter(&boot));
        lab.script("connect", &format!("#!/bin/sh\nexec 2>>'{}'\nexec unshare --map-auto --map-root-user --mount --pid --fork --kill-child sh -c \"{}\"\n",
            lab.path("sshd.log").display(), inside.replace('"', "\\\"")));
        let config = format!(
            "Host box\n  User root\n  IdentityFile {}\n  IdentitiesOnly yes\n  StrictHostKeyChecking no\n  UserKnownHostsFile {}\n  ProxyCommand {}\n",
            lab.path("key").display(), lab.path("known").display(), lab.path("connect").display()
        );
        lab.write("ssh_config", &config);
        // ssh looks for its configuration by user, not by HOME.
        for program in ["ssh", "scp"] {
            lab.script(
                &format!("programs/{program}"),
                &format!("#!/bin/sh\nexec /usr/bin/{program} -F '{}' \"$@\"\n", lab.path("ssh_config").display()),
            );
        }
        Machine { lab, root }
    }

    /// Where this lab's ssh is found before the machine's.
    fn programs(&self) -> String {
        format!("{}:{}", self.lab.path("programs").display(), std::env::var("PATH").expect("PATH"))
    }

    fn deploy(&self, args: &[&str]) -> crate::lab::Outcome {
        self.xtask(&[&["deploy", "box"], args].concat())
    }

    fn xtask(&self, args: &[&str]) -> crate::lab::Outcome {
        let outcome = self.lab.xtask_with(&[("PATH", &self.programs())], args);
        if outcome.code == 70 {
            panic!("{}\n{}", outcome.stderr, std::fs::read_to_string(self.lab.path("sshd.log")).unwrap_or_default());
        }
        outcome
    }

    /// The kernel that runs, the one that is booted once, and the one that GRUB boots else.
    #[track_caller]
    fn state(&self) -> [String; 3] {
        let said = self.root.run("cat /running; boots once; boots default");
        let lines: Vec<String> = said.lines().map(str::to_owned).collect();
        lines.try_into().unwrap_or_else(|_| panic!("{said}"))
    }

    /// Another kernel, as `apt upgrade` brings one.
    fn add_kernel(&self, release: &str) {
        self.root.run(&format!("echo x >/boot/vmlinuz-{release} && update-grub"));
    }

    /// Everything of GRUB's and of this tool's that a deployment could leave.
    fn settings(&self) -> String {
        self.root.run(
            "cd / && find etc/default var/lib/kernel-fork boot var/tmp -type f ! -path \"*/grub/*\" | sort | xargs md5sum; \
             grub-editenv /boot/grub/grubenv list; dpkg-query --show \"linux-*\" 2>/dev/null; cat /boot/grub/grub.cfg",
        )
    }

    /// Nothing of it has changed.
    #[track_caller]
    fn is_as(&self, before: &str) {
        let now = self.settings();
        let missing: Vec<&str> = before.lines().filter(|l| !now.contains(l)).collect();
        let more: Vec<&str> = now.lines().filter(|l| !before.contains(l)).collect();
        assert!(now == before, "gone: {missing:#?}\nmore: {more:#?}");
    }
}

/// A disk with one plain partition.
const GRUB_PROBE: &str = r#"#!/bin/sh
for word; do
    case $word in --target=*) target=${word#--target=} ;; esac
done
case $target in
device) echo /dev/vda1 ;;
fs_uuid) echo 0b00 ;;
fs) echo ext2 ;;
esac
"#;

/// What GRUB makes of grub.cfg and its environment block: the release that is booted `once` or by `default`; `-` for none.
const BOOTS: &str = r#"#!/bin/sh
cfg=/boot/grub/grub.cfg
value() { grub-editenv /boot/grub/grubenv list | sed -n "s/^$1=//p"; }
case $1 in
once) choice=$(value next_entry) ;;
default)
    choice=$(sed -n 's/^ *set default="\(.*\)"/\1/p' $cfg | grep -v next_entry)
    [ "$choice" != '${saved_entry}' ] || choice=$(value saved_entry)
    choice=${choice:-0}
    ;;
esac
[ "$choice" ] || { echo -; exit; }
# A number counts entries of one level; here, the first one of all, or those of the submenu.
case $choice in
0) pattern='^menuentry' skip=0 ;;
'1>'*) pattern='^\tmenuentry' skip=${choice#*>} ;;
*) pattern="'${choice##*>}'" skip=0 ;;
esac
awk -v pattern="$pattern" -v skip="$skip" '
    $0 ~ pattern && skip-- <= 0 { found = 1 }
    found && $1 == "linux" { sub(/.*vmlinuz-/, "", $2); print $2; exit }
' $cfg
"#;

/// What firmware, GRUB and a kernel do: the next entry once; somebody switches a machine that panics off and on.
const REBOOT: &str = r#"#!/bin/sh
[ "$1" = reboot ] || exit 1
release=$(boots once)
grub-editenv /boot/grub/grubenv set next_entry=
[ "$release" != - ] || release=$(boots default)
[ "$release" != "$(cat /panics 2>/dev/null)" ] || release=$(boots default)
[ "$release" != "$(cat /panics 2>/dev/null)" ] || release=never
rm -rf /run/kernel-fork.lock
echo "$release" >/running
echo "boot-$(date +%N)" >/boot-id
"#;

#[test]
fn a_kernel_is_booted_once_and_stays_when_it_came_up() {
    let lab = Lab::new();
    let machine = Machine::new(&lab);
    let set = lab.package_set("set", "amd64", "6.1.42-1.1+lab", "a kernel");
    let before = machine.settings();
    // Dry: nothing there changes.
    let planned = machine.deploy(&["--dry-run", &set, "--reboot"]).ok();
    for step in ["sh -s -- hold gnulinux-advanced-0b00,gnulinux", "sh -s -- install", "sh -s -- once", "scp"] {
        assert!(planned.stdout.contains(step), "{}", planned.stdout);
    }
    machine.is_as(&before);
    machine.deploy(&["--keep"]).fails(3, &["nothing was deployed"]);

    // It comes to an end in the middle, with the new kernel in the menus.
    machine.root.write("etc/kernel/postinst.d/zzz-broken", "755", "#!/bin/sh\nexit 1\n");
    machine.deploy(&[&set]).fails(4, &["nothing has been rebooted", "--undo"]);
    assert!(machine.root.run("cat /boot/grub/grub.cfg").contains(NEW));
    assert_eq!(machine.state(), [OLD, "-", OLD]);
    machine.root.run("rm /etc/kernel/postinst.d/zzz-broken");
    machine.deploy(&["--undo"]).says(&["is removed", OLD]);
    machine.is_as(&before);

    machine.deploy(&[&set]).says(&["the next boot is 6.1.42-1-slim", OLD, "--keep"]);
    assert_eq!(machine.state(), [OLD, NEW, OLD]);
    machine.deploy(&["--keep"]).fails(1, &["has not been rebooted since"]);
    let there =
        machine.root.run("dpkg-query --show --showformat '${Package}\\n' 'linux-[im]*'; ls -d /var/tmp/* || true");
    assert_eq!(there, format!("linux-image-unsigned-{NEW}\nlinux-modules-{NEW}\n"), "and nothing is left behind");

    // It does not come up: the machine is back with the old one by itself.
    machine.root.run(&format!("echo {NEW} >/panics"));
    machine.deploy(&[&set, "--reboot"]).fails(1, &["has come back with 5.10.0-1-generic", "did not come up"]);
    assert_eq!(machine.state(), [OLD, "-", OLD]);
    machine.deploy(&["--keep"]).fails(1, &["runs 5.10.0-1-generic, and not 6.1.42-1-slim"]);

    machine.root.run("rm /panics && chmod 600 /boot/grub/grub.cfg");
    machine.deploy(&[&set, "--reboot"]).says(&["runs 6.1.42-1-slim and will boot it from now on"]);
    assert_eq!(machine.state(), [NEW, "-", NEW]);
    // A confirmation that was cut off is taken up again, and not for one that is done.
    machine.deploy(&[&set]).ok();
    machine.root.run("systemctl reboot");
    machine.root.write("etc/grub.d/50_broken", "755", "#!/bin/sh\nexit 1\n");
    machine.deploy(&["--keep"]).fails(4, &[]);
    machine.deploy(&["--keep"]).fails(4, &[]);
    machine.root.run("rm /etc/grub.d/50_broken");
    machine.deploy(&["--keep"]).says(&["will boot it from now on"]);
    // Nothing is pinned: a newer kernel is booted, as on a machine that nobody has deployed to.
    machine.add_kernel("6.9.0-1-generic");
    assert_eq!(machine.state(), [NEW, "-", "6.9.0-1-generic"]);
    machine.root.run("rm /boot/vmlinuz-6.9.0-1-generic && update-grub");

    machine.deploy(&["--undo", "--reboot"]).says(&["runs 5.10.0-1-generic", "is removed"]);
    assert_eq!(machine.state(), [OLD, "-", OLD]);
    machine.is_as(&before);
    machine.deploy(&["--undo"]).fails(3, &["nothing was deployed"]);
}

#[test]
fn while_a_kernel_waits_for_its_confirmation() {
    let lab = Lab::new();
    let machine = Machine::new(&lab);
    let before = machine.settings();
    let set = lab.package_set("set", "amd64", "6.1.42-1.1+lab", "a kernel");
    let next = lab.package_set("next", "amd64", "6.1.43-1.1+lab", "another");
    // Another set takes its place; a newer kernel of the suite changes nothing yet.
    machine.deploy(&[&set]).ok();
    machine.deploy(&[&next]).ok();
    machine.add_kernel("6.9.0-1-generic");
    assert_eq!(machine.state(), [OLD, "6.1.43-1-slim", OLD]);
    machine.root.run("systemctl reboot");
    assert_eq!(machine.state(), ["6.1.43-1-slim", "-", OLD]);
    machine.deploy(&[&set]).fails(7, &["is not confirmed", "--keep"]);
    // The kernel that GRUB chooses by itself is another one: that is said.
    machine.deploy(&["--keep"]).says(&[
        "its next boot is 6.9.0-1-generic",
        "GRUB_DEFAULT='gnulinux-advanced-0b00>gnulinux-6.1.43-1-slim-advanced-0b00'",
    ]);
    machine.root.run("rm /boot/vmlinuz-6.9.0-1-generic && update-grub");
    assert_eq!(machine.state(), ["6.1.43-1-slim", "-", "6.1.43-1-slim"]);
    machine.deploy(&["--undo"]).says(&["boots 5.10.0-1-generic from now on"]);
    assert_eq!(machine.state(), ["6.1.43-1-slim", "-", OLD]);
    machine.root.run("systemctl reboot");
    machine.deploy(&["--undo"]).says(&["is removed"]);
    machine.is_as(&before);
}

#[test]
fn another_build_of_the_kernel_that_runs() {
    let lab = Lab::new();
    let machine = Machine::new(&lab);
    let before = machine.settings();
    let set = lab.package_set("set", "amd64", "6.1.42-1.1+lab", "a kernel");
    let next = lab.package_set("next", "amd64", "6.1.42-1.2+lab", "another build");
    machine.deploy(&[&set, "--reboot"]).says(&["will boot it from now on"]);
    // It takes the place of the kernel that runs, so another one is what is fallen back to.
    machine.deploy(&[&next]).says(&["the next boot is 6.1.42-1-slim, the one after that 5.10.0-1-generic"]);
    assert_eq!(machine.state(), [NEW, NEW, OLD]);
    machine.deploy(&["--keep"]).fails(1, &["has not been rebooted since"]);
    machine.root.run(&format!("echo {NEW} >/panics"));
    machine.deploy(&[&next, "--reboot"]).fails(1, &["has come back with 5.10.0-1-generic"]);
    // The power went while a package was unpacked.
    machine.root.run("sed -i '/^Package: linux-modules-/,/^$/s/install ok installed/install reinstreq half-installed/' /var/lib/dpkg/status");
    machine.deploy(&["--undo"]).says(&["is removed"]);
    machine.is_as(&before);
}

#[test]
fn one_deployment_at_a_time_and_nothing_of_a_killed_one() {
    let lab = Lab::new();
    let machine = Machine::new(&lab);
    let set = lab.package_set("set", "amd64", "6.1.42-1.1+lab", "a kernel");
    machine.root.run("mkdir /run/kernel-fork.lock && echo ann@desk-7 >/run/kernel-fork.lock/who");
    let before = machine.settings();
    for args in [&[&set as &str][..], &["--keep"], &["--undo"], &[&set, "--reboot"]] {
        machine.deploy(args).fails(4, &["another deployment is at work here: ann@desk-7", "hint:"]);
    }
    machine.is_as(&before);
    machine.root.run("touch -d '2 hours ago' /run/kernel-fork.lock && mkdir /var/tmp/kernel-fork.deploy.1.a && touch /var/tmp/kernel-fork.deploy.1.a/x.deb");
    machine.deploy(&[&set]).ok();
    assert_eq!(machine.root.run("ls /var/tmp; ls /run | grep kernel-fork || true"), "");
    machine.deploy(&["--undo"]).ok();
    // GRUB's tools do nothing with an environment block that is damaged.
    machine.root.run(": >/boot/grub/grubenv");
    machine.deploy(&[&set]).fails(4, &["a damaged grubenv"]);
    machine.root.run("test ! -e /etc/default/grub.d/zzz-kernel-fork-hold.cfg && test ! -e /var/lib/kernel-fork");
}

#[test]
fn a_machine_that_an_earlier_version_has_pinned() {
    let lab = Lab::new();
    let machine = Machine::new(&lab);
    let set = lab.package_set("set", "amd64", "6.1.42-1.1+lab", "a kernel");
    let before = machine.settings();
    let pin = || {
        machine.root.write("etc/default/grub.d/kernel-fork.cfg", "644", "GRUB_DEFAULT=saved\n");
        machine
            .root
            .run("grub-set-default 'gnulinux-advanced-0b00>gnulinux-5.10.0-1-generic-advanced-0b00' && update-grub");
    };
    pin();
    machine.deploy(&["--undo"]).says(&["is removed"]);
    machine.root.run("rmdir /etc/default/grub.d 2>/dev/null || true");
    machine.is_as(&before);
    pin();
    machine.deploy(&[&set, "--reboot"]).says(&["will boot it from now on"]);
    machine.deploy(&["--undo", "--reboot"]).ok();
    machine.is_as(&before);
}

#[test]
fn whatever_the_administrator_has_set_for_grub() {
    let lab = Lab::new();
    let machine = Machine::new(&lab);
    let set = lab.package_set("set", "amd64", "6.1.42-1.1+lab", "a kernel");
    machine.add_kernel("5.4.0-9-generic");
    let old = "gnulinux-advanced-0b00>gnulinux-5.10.0-1-generic-advanced-0b00";
    for (settings, keeps) in [
        ("", true),
        ("GRUB_DISABLE_SUBMENU=y", true),
        ("GRUB_DEFAULT=saved", false),
        ("GRUB_DEFAULT='1>0'", true),
        ("GRUB_DEFAULT='1>2'", false),
        (&format!("GRUB_DEFAULT='{old}'") as &str, false),
    ] {
        println!("{settings}");
        machine.root.write("etc/default/grub.d/lab.cfg", "644", &format!("{settings}\n"));
        machine.root.run(&format!("grub-set-default '{old}' && update-grub"));
        let before = machine.settings();
        machine.deploy(&[&set]).ok();
        assert_eq!(machine.state(), [OLD, NEW, OLD]);
        machine.root.run("systemctl reboot");
        let kept = machine.deploy(&["--keep"]);
        kept.says(&[if keeps { "will boot it from now on" } else { "its next boot is 5.10.0-1-generic" }]);
        machine.deploy(&["--undo", "--reboot"]).ok();
        machine.is_as(&before);
        assert_eq!(machine.state()[0], OLD);
    }
    // What would take the default away from us is found before anything is installed.
    for (path, text) in
        [("etc/default/grub.d/zzzz.cfg", "GRUB_DEFAULT=0\n"), ("boot/grub/custom.cfg", "set default=0\n")]
    {
        machine.root.write(path, "644", text);
        machine.root.run("update-grub");
        let before = machine.settings();
        machine.deploy(&[&set]).fails(4, &["it cannot be held", "hint:"]);
        machine.root.run("rm -rf /var/lib/kernel-fork");
        machine.is_as(&before);
        machine.root.run(&format!("rm /{path}"));
    }
}

#[test]
fn modules_that_dkms_builds_come_along() {
    let lab = Lab::new();
    let machine = Machine::new(&lab);
    let set = lab.package_set("set", "amd64", "6.1.42-1.1+lab", "a kernel");
    let built = |release: &str| {
        machine.root.run(&format!("mkdir -p /var/lib/dkms/zfs && ln -s 2.1 /var/lib/dkms/zfs/kernel-{release}-x86_64"))
    };
    built(OLD);
    machine.deploy(&[&set]).fails(1, &["zfs by DKMS, and 6.1.42-1-slim has not got it", "dkms autoinstall"]);
    assert_eq!(machine.state(), [OLD, "-", OLD]);
    built(NEW);
    machine.deploy(&[&set]).ok();
    assert_eq!(machine.state(), [OLD, NEW, OLD]);
    machine.root.run(&format!("dpkg-query --show linux-headers-{NEW} linux-headers-6.1.42-1"));
}

#[test]
fn what_cannot_be_deployed_is_said_before_anything_is_copied() {
    let lab = Lab::new();
    let machine = Machine::new(&lab);
    let set = lab.package_set("set", "amd64", "6.1.42-1.1+lab", "a kernel");
    machine.deploy(&["--rollback"]).fails(3, &["nothing was deployed"]);
    machine.deploy(&["--keep", "--undo"]).fails(2, &[]);
    machine.deploy(&["--keep", &set]).fails(2, &[]);
    let other = lab.package_set("other", "arm64", "6.1.42-1.1+lab", "a kernel");
    machine.deploy(&[&other]).fails(3, &["box is amd64 and the packages are arm64"]);
    // Its disks are full, as df sees them; one that says nothing is not one with room.
    machine.root.write("usr/local/bin/df", "755", "#!/bin/sh\necho Header\necho x 1 1 4000000 1% /\n");
    machine.deploy(&[&set]).fails(4, &["no room on box", "4.0 MB free"]);
    machine.root.write("usr/local/bin/df", "755", "#!/bin/sh\necho Header\n");
    machine.deploy(&[&set]).fails(4, &["does not say what its free:/ is"]);
    machine.root.run("rm /usr/local/bin/df");
    // Where GRUB reads its environment block and cannot write it, "once" would be for good.
    for (said, word) in [("abstraction) echo lvm", "(lvm)"), ("fs) echo btrfs", "(btrfs)")] {
        let probe = format!("#!/bin/sh\ncase ${{1#--target=}} in {said};; esac\n");
        machine.root.write("usr/sbin/grub-probe", "755", &probe);
        machine.deploy(&[&set]).fails(4, &["cannot write its environment block", word, "hint:"]);
    }
    machine.root.write("usr/sbin/grub-probe", "755", GRUB_PROBE);
    // Firmware that starts signed kernels alone, unless the shim has been told not to look.
    let variable =
        |name: &str| machine.root.write(&format!("sys/firmware/efi/efivars/{name}"), "644", "\u{6}\0\0\0\u{1}");
    variable("SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c");
    machine.deploy(&[&set]).fails(4, &["Secure Boot is on"]);
    variable("MokSBStateRT-605dab50-e046-4300-abb6-3dd810dd8b23");
    machine.deploy(&["--dry-run", &set]).ok();
    machine.root.run("mv /boot/grub/grub.cfg /boot/grub/off");
    machine.deploy(&[&set]).fails(4, &["no GRUB"]);
    machine.root.write("boot/extlinux/extlinux.conf", "644", "");
    machine.deploy(&[&set]).fails(4, &["is booted by extlinux"]);
    lab.xtask(&["deploy", "-oProxyCommand=x", &set]).fails(2, &[]);
    lab.xtask(&["deploy", "--", "-oProxyCommand=x", &set]).fails(3, &["no name of a machine"]);
    lab.xtask(&["deploy", "a;b", &set]).fails(3, &["no name of a machine"]);
    lab.xtask(&["deploy", "no-such-host.invalid", &set]).fails(5, &["has to work without a question"]);
    assert_eq!(machine.root.run("ls /var/tmp"), "");
}

#[test]
fn an_interrupted_deployment_leaves_no_packages_there() {
    let lab = Lab::new();
    let machine = Machine::new(&lab);
    let set = lab.package_set("set", "amd64", "6.1.42-1.1+lab", "a kernel");
    machine.root.write("etc/kernel/postinst.d/slow", "755", "#!/bin/sh\ntouch /installing\nsleep 300\n");
    let mut command = lab.command(env!("CARGO_BIN_EXE_xtask"), "kernel");
    command.args(["deploy", "box", &set]).env("PATH", machine.programs()).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    while !machine.root.dir.join("installing").exists() {
        assert!(child.try_wait().unwrap().is_none(), "it has ended");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    lab.run("kill", &["-INT", &child.id().to_string()]).ok();
    let outcome = crate::lab::Outcome::of(child.wait_with_output().unwrap());
    outcome.fails(130, &["interrupted"]);
    assert_eq!(machine.root.run("ls /var/tmp"), "");
}

#[test]
fn a_flavour_like_the_kernel_that_a_machine_runs() {
    let lab = Lab::new();
    lab.forked();
    let machine = Machine::new(&lab);
    let own = lab.text("kernel/debian.master/config/arm64/config.flavour.tickless");
    let own = own.replace("# CONFIG_HZ_300 is not set\n", "");
    let theirs = own.replace("CONFIG_HZ_100=y", "CONFIG_HZ_300=y").replace("CONFIG_TUN=m\n", "");
    let written = format!("#\n# Automatically generated file; DO NOT EDIT.\n#\n{theirs}CONFIG_GCC_VERSION=1\n");
    machine.root.write(&format!("boot/config-{OLD}"), "644", &written);
    machine.root.write("usr/local/bin/dpkg", "755", "#!/bin/sh\necho arm64\n");
    machine.root.write(
        "usr/local/bin/lsmod",
        "755",
        "#!/bin/sh\necho 'Module Size Used by'\necho 'ext4 1 2'\necho 'nvme_core 1 2'\n",
    );
    let differ = machine.xtask(&["flavour", "diff", "tickless", "--with-host", "box"]).ok().stdout;
    assert!(differ.contains("HZ_300") && differ.contains(OLD), "{differ}");
    machine.xtask(&["flavour", "new", "board", "--from-host", "box"]).says(&[
        OLD,
        "compare with generic",
        "board.modules",
    ]);
    let fragment = lab.text("kernel/kernel/configs/board.config");
    for line in ["CONFIG_HZ_300=y\n", "CONFIG_NO_HZ_FULL=y\n", "# CONFIG_TUN is not set\n"] {
        assert!(fragment.contains(line), "no {line} in {fragment}");
    }
    assert!(!fragment.contains("GCC_VERSION"), "{fragment}");
    assert_eq!(lab.text("kernel/kernel/configs/board.modules"), "Module Size Used by\next4 0 0\nnvme_core 0 0\n");
    let line = "board = { base = \"generic\", modules = \"kernel/configs/board.modules\" }";
    assert!(lab.text("kernel/Cargo.toml").contains(line));

    // What it runs is not a package's kernel, or is of another architecture.
    machine.root.run("echo 6.12.3 >/running && echo CONFIG_HZ=1 >/boot/config-6.12.3");
    machine.xtask(&["flavour", "new", "x", "--from-host", "box"]).fails(3, &["`6.12.3`", "--base"]);
    machine
        .xtask(&["flavour", "diff", "tickless", "--with-host", "box", "--arch", "amd64"])
        .fails(3, &["of arm64, not of amd64"]);
    machine.xtask(&["flavour", "diff", "tickless"]).fails(2, &[]);
}
