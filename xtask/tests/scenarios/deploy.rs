// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask deploy`, over a real ssh to a real sshd in a machine of its own: real dpkg, apt and grub's
//! own tools for the next boot. Played are the kernel that runs, the reboot, and the making of grub.cfg.

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
        root.write("usr/local/bin/uname", "755", "#!/bin/sh\n[ \"$1\" = -r ] && cat /running\n");
        // What Debian's update-grub makes, as far as its entries go.
        root.write("usr/sbin/update-grub", "755", UPDATE_GRUB);
        root.write("etc/kernel/postinst.d/zz-update-grub", "755", "#!/bin/sh\nexec update-grub\n");
        root.write("usr/local/bin/systemctl", "755", REBOOT);
        root.run(&format!(
            "mkdir -p /run/sshd /boot/grub /root/.ssh && echo {OLD} >/running && echo boot-1 >/boot-id && \
                           touch /boot/vmlinuz-{OLD} && update-grub && ssh-keygen -A"
        ));
        lab.run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", &lab.path("key").display().to_string()]).ok();
        root.write("root/.ssh/authorized_keys", "600", &lab.text("key.pub"));
        root.run("chmod 700 /root /root/.ssh");
        root.write(
            "etc/ssh/sshd_config",
            "644",
            "UsePAM no\nPermitRootLogin prohibit-password\nSubsystem sftp internal-sftp\n",
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
        let mut all = vec!["deploy", "box"];
        all.extend(args);
        let outcome = self.lab.xtask_with(&[("PATH", &self.programs())], &all);
        if outcome.code == 70 {
            panic!("{}\n{}", outcome.stderr, std::fs::read_to_string(self.lab.path("sshd.log")).unwrap_or_default());
        }
        outcome
    }

    /// The kernel that runs, the one that is booted next, and the one after that.
    fn state(&self) -> [String; 3] {
        let said = self.root.run("cat /running; grub-editenv /boot/grub/grubenv list");
        let find = |key: &str| {
            let value = said.lines().find_map(|l| l.strip_prefix(key)).unwrap_or("-");
            value
                .rsplit('>')
                .next()
                .unwrap_or(value)
                .trim_start_matches("gnulinux-")
                .trim_end_matches("-advanced-0b00")
                .to_owned()
        };
        [said.lines().next().unwrap_or_default().to_owned(), find("next_entry="), find("saved_entry=")]
    }
}

const UPDATE_GRUB: &str = r#"#!/bin/sh
exec >/boot/grub/grub.cfg
echo "menuentry 'Debian' --class gnu-linux \$menuentry_id_option 'gnulinux-simple-0b00' {
}
submenu 'Advanced options' \$menuentry_id_option 'gnulinux-advanced-0b00' {"
for kernel in $(ls -r /boot/vmlinuz-*); do
    release=${kernel#/boot/vmlinuz-}
    echo "	menuentry 'Debian, with Linux $release' --class gnu-linux \$menuentry_id_option 'gnulinux-$release-advanced-0b00' {
	}
	menuentry 'Debian, with Linux $release (recovery mode)' \$menuentry_id_option 'gnulinux-$release-recovery-0b00' {
	}"
done
echo "}"
"#;

/// What firmware, grub and a kernel do: the next entry once, else the saved one, where that kernel comes up.
const REBOOT: &str = r#"#!/bin/sh
[ "$1" = reboot ] || exit 1
value() { grub-editenv /boot/grub/grubenv list | sed -n "s/^$1=.*gnulinux-\(.*\)-advanced-0b00/\1/p"; }
once=$(value next_entry) saved=$(value saved_entry)
grub-editenv /boot/grub/grubenv unset next_entry
if [ -n "$once" ] && ! [ -e /panics ]; then echo "$once"; else echo "$saved"; fi >/running
echo "boot-$(date +%N)" >/boot-id
"#;

#[test]
fn a_kernel_is_booted_once_and_stays_when_it_came_up() {
    let lab = Lab::new();
    let machine = Machine::new(&lab);
    let set = lab.package_set("set", "amd64", "6.1.42-1.1+lab", "a kernel");
    // Dry: nothing there changes.
    let planned = machine.deploy(&["--dry-run", &set, "--reboot"]).ok();
    assert!(planned.stdout.contains("sh -s -- install") && planned.stdout.contains("scp"), "{}", planned.stdout);
    assert_eq!(machine.state(), [OLD, "-", "-"]);

    // It comes to an end in the middle, with the new kernel in the menus.
    machine.root.write("etc/kernel/postinst.d/zzz-broken", "755", "#!/bin/sh\nexit 1\n");
    machine.deploy(&[&set]).fails(4, &["nothing has been rebooted"]);
    assert!(machine.root.run("cat /boot/grub/grub.cfg").contains(NEW));
    assert_eq!(machine.state(), [OLD, "-", OLD]);
    machine.root.run("rm /etc/kernel/postinst.d/zzz-broken");

    machine.deploy(&[&set]).says(&["the next boot is 6.1.42-1-slim", OLD]);
    assert_eq!(machine.state(), [OLD, NEW, OLD]);
    let there =
        machine.root.run("dpkg-query --show --showformat '${Package}\\n' 'linux-[im]*'; ls -d /var/tmp/* || true");
    assert_eq!(there, format!("linux-image-unsigned-{NEW}\nlinux-modules-{NEW}\n"), "and nothing is left behind");

    // It does not come up: the machine is back with the old one by itself.
    machine.root.run("touch /panics");
    machine.deploy(&[&set, "--reboot"]).fails(1, &["has come back with 5.10.0-1-generic", "did not come up"]);
    assert_eq!(machine.state(), [OLD, "-", OLD]);

    machine.root.run("rm /panics && chmod 600 /boot/grub/grub.cfg");
    machine.deploy(&[&set, "--reboot"]).says(&["runs 6.1.42-1-slim and will boot it from now on"]);
    assert_eq!(machine.state(), [NEW, "-", NEW]);

    machine.deploy(&["--rollback", "--reboot"]).says(&["runs 5.10.0-1-generic"]);
    assert_eq!(machine.state(), [OLD, "-", OLD]);
}

#[test]
fn what_cannot_be_deployed_is_said_before_anything_is_copied() {
    let lab = Lab::new();
    let machine = Machine::new(&lab);
    let set = lab.package_set("set", "amd64", "6.1.42-1.1+lab", "a kernel");
    machine.deploy(&["--rollback"]).fails(3, &["nothing was deployed"]);
    let other = lab.package_set("other", "arm64", "6.1.42-1.1+lab", "a kernel");
    machine.deploy(&[&other]).fails(3, &["box is amd64 and the packages are arm64"]);
    // Its disks are full, as df sees them.
    machine.root.write("usr/local/bin/df", "755", "#!/bin/sh\necho Header\necho x 1 1 4000000 1% /\n");
    machine.deploy(&[&set]).fails(4, &["no room on box", "4.0 MB free"]);
    machine.root.run("rm /usr/local/bin/df");
    // Where GRUB reads its environment block and cannot write it, "once" would be for good.
    for (said, word) in [("abstraction) echo lvm", "(lvm)"), ("fs) echo btrfs", "(btrfs)")] {
        let probe = format!("#!/bin/sh\ncase ${{1#--target=}} in {said};; esac\n");
        machine.root.write("usr/local/bin/grub-probe", "755", &probe);
        machine.deploy(&[&set]).fails(4, &["cannot write its environment block", word, "hint:"]);
    }
    machine.root.run("rm /usr/local/bin/grub-probe && mv /boot/grub/grub.cfg /boot/grub/off");
    machine.deploy(&[&set]).fails(4, &["no grub"]);
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
