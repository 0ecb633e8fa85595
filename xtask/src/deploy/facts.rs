// SPDX-License-Identifier: GPL-2.0-only
//! What a machine says of itself, and whether a kernel can be tried there.

use anyhow::Result;

use super::answer::Answer;
use crate::formats::grub::Menu;
use crate::ui::bytes;

/// Room for the initial RAM disk where the running kernel has none to measure, in bytes.
const INITRD: u64 = 100_000_000;

/// The answer of `target.sh look`.
#[derive(Debug)]
pub struct Facts {
    /// Debian's name.
    pub architecture: String,
    /// `uname -r`.
    pub running: String,
    /// Another one after each boot.
    pub boot_id: String,
    /// The facts that only root can read; `None` where neither root nor `sudo -n` is at hand.
    root: Option<Rooted>,
    /// Of `/`, `/boot` and `/var/tmp`: where it is mounted, and its free bytes.
    free: Vec<(&'static str, String, u64)>,
    /// Size of the running kernel's initial RAM disk, in bytes; 0 where it has none.
    initrd: u64,
}

/// See [`Facts::root`].
#[derive(Debug)]
struct Rooted {
    loader: String,
    /// Layers between GRUB and its environment block.
    between: String,
    secure_boot: bool,
    /// Does `custom.cfg` set the default?
    custom: bool,
    /// Names of the DKMS modules that the running kernel has.
    dkms: Vec<String>,
    menu: Menu,
    /// `saved_entry` of the environment block.
    saved: String,
    held: bool,
    last: Option<Deployment>,
}

/// The last deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    pub new: String,
    /// The kernel that is booted where the new one does not come up.
    pub previous: String,
    /// The boot that it was made in.
    pub boot_id: String,
    /// Is the machine's default still held at the kernel of before?
    pub waits: bool,
}

/// Places on the machine and bytes that are needed there.
pub type Needs = Vec<(&'static str, u64)>;

/// A package set that is to be tried.
#[derive(Debug)]
pub struct Wanted<'a> {
    pub release: &'a str,
    pub architecture: &'a str,
    pub needs: Needs,
}

/// A machine on which a kernel can be tried: [`Facts::ready`] alone makes it.
#[derive(Debug)]
pub struct Ready {
    /// The kernel that is booted where the new one does not come up: the one that runs, or another one where it is
    /// that which is replaced. Where there is no other, it is the new one itself.
    pub fallback: String,
    /// The way through GRUB's menu to it.
    pub hold: String,
    /// The DKMS modules that the new kernel has to have too.
    pub dkms: Vec<String>,
}

impl Facts {
    /// Reads the answer.
    ///
    /// # Errors
    /// It is not whole, or says something twice.
    pub fn parse(host: &str, text: &str) -> Result<Self> {
        facts(&Answer::read(host, text)?)
    }

    fn rooted(&self, host: &str) -> Result<&Rooted> {
        match &self.root {
            Some(rooted) => Ok(rooted),
            None => {
                fail!(Machine, "{host} does not let you do root's work without a question"; "log in as root, or allow `sudo -n` there")
            }
        }
    }

    /// The last deployment of this tool to the machine.
    ///
    /// # Errors
    /// Root's work cannot be done there.
    pub fn last(&self, host: &str) -> Result<Option<&Deployment>> {
        Ok(self.rooted(host)?.last.as_ref())
    }

    /// Is GRUB's default held, be it by an earlier version of this tool?
    pub fn held(&self) -> bool {
        self.root.as_ref().is_some_and(|r| r.held)
    }

    /// The way through GRUB's menu to a release.
    ///
    /// # Errors
    /// The menu has no entry of that release.
    pub fn entry(&self, host: &str, release: &str) -> Result<String> {
        match self.rooted(host)?.menu.entry(release) {
            Some(way) => Ok(way),
            None => fail!(Machine, "GRUB's menu on {host} has no entry for {release}";
                "`ssh {host} ls /boot` shows which kernels are there, and `update-grub` there makes the menu again"),
        }
    }

    /// Does GRUB boot this way by itself?
    pub fn is_default(&self, way: &str) -> bool {
        self.root.as_ref().is_some_and(|r| r.menu.choice() == Some(way))
    }

    /// The release that GRUB boots by itself, as far as its menu tells.
    pub fn boots(&self) -> Option<&str> {
        let rooted = self.root.as_ref()?;
        match rooted.menu.choice()? {
            "${saved_entry}" => rooted.menu.release(&rooted.saved),
            choice => rooted.menu.release(choice),
        }
    }

    /// Can this be tried here, and be given up again?
    ///
    /// # Errors
    /// It cannot, or the machine waits for another decision first.
    pub fn ready(&self, host: &str, wanted: &Wanted) -> Result<Ready> {
        if self.architecture != wanted.architecture {
            fail!(Input, "{host} is {} and the packages are {}", self.architecture, wanted.architecture);
        }
        let rooted = self.rooted(host)?;
        match rooted.loader.as_str() {
            "grub" => {}
            "none" => {
                fail!(Machine, "{host} has no GRUB, so no kernel can be booted just once"; "install the packages by hand")
            }
            other => {
                fail!(Machine, "{host} is booted by {other}, and only GRUB can boot a kernel just once here"; "install the packages by hand")
            }
        }
        if !rooted.between.is_empty() {
            fail!(Machine, "GRUB on {host} cannot write its environment block ({}), so no kernel can be booted just once", rooted.between;
                "a /boot on a plain partition with ext4 can be written; else install the packages by hand, at its console");
        }
        if rooted.secure_boot {
            fail!(Machine, "Secure Boot is on at {host}, which starts signed kernels alone, and these packages have none";
                "switch it off in the firmware, or at its console after `mokutil --disable-validation`");
        }
        if rooted.custom || rooted.menu.choice().is_none() {
            fail!(Machine, "the default kernel of {host} is chosen outside of /etc/default/grub, so it cannot be held while a kernel is tried";
                "it is an assignment of `default` in a script of /etc/grub.d or in /boot/grub/custom.cfg");
        }
        // Before it has been booted another one may take its place.
        let waiting =
            rooted.last.as_ref().filter(|d| d.waits && d.previous != self.running && d.boot_id != self.boot_id);
        if let Some(Deployment { new, .. }) = waiting {
            fail!(Repository, "{host} runs {}, and {new} was deployed there and is not confirmed", self.running;
                "`cargo xtask deploy {host} --keep` confirms it, and --undo gives it up");
        }
        self.room(host, &wanted.needs)?;
        let fallback = if self.running == wanted.release { rooted.other(&self.running) } else { &self.running };
        Ok(Ready { hold: self.entry(host, fallback)?, fallback: fallback.to_owned(), dkms: rooted.dkms.clone() })
    }

    /// A kernel to go back to from a deployed one: the one before it, or another one where that is removed.
    pub fn back_from<'a>(&'a self, new: &'a str) -> Option<&'a str> {
        Some(self.root.as_ref()?.other(new)).filter(|other| *other != new)
    }

    /// Does the machine build modules for each of its kernels?
    pub fn has_dkms(&self) -> bool {
        self.root.as_ref().is_some_and(|r| !r.dkms.is_empty())
    }

    fn room(&self, host: &str, needs: &[(&str, u64)]) -> Result<()> {
        // Made beside the one that it replaces.
        let initrd = 2 * if self.initrd == 0 { INITRD } else { self.initrd };
        let mut by_mount: Vec<(&str, u64, u64)> = Vec::new();
        for (place, mount, free) in &self.free {
            let packages = needs.iter().filter(|(p, _)| p == place).map(|(_, bytes)| bytes).sum::<u64>();
            let wanted = packages + if *place == "/boot" { initrd } else { 0 };
            match by_mount.iter_mut().find(|(m, _, _)| m == mount) {
                Some((_, all, _)) => *all += wanted,
                None => by_mount.push((mount, wanted, *free)),
            }
        }
        by_mount.retain(|(_, wanted, free)| wanted > free);
        let short: Vec<String> = by_mount
            .iter()
            .map(|(place, wanted, free)| format!("{place} needs {} and has {} free", bytes(*wanted), bytes(*free)))
            .collect();
        if !short.is_empty() {
            fail!(Machine, "there is no room on {host}: {}", short.join("; "); "remove kernels there that are not used: `apt-get autoremove --purge`");
        }
        Ok(())
    }
}

impl Rooted {
    /// A kernel to fall back to when `replaced` is: the one before the last deployment, else the first of another
    /// release in the menu.
    fn other<'a>(&'a self, replaced: &'a str) -> &'a str {
        let there = self.menu.releases();
        let before =
            self.last.as_ref().map(|last| last.previous.as_str()).filter(|p| *p != replaced && there.contains(p));
        before.or(there.into_iter().find(|r| *r != replaced)).unwrap_or(replaced)
    }
}

fn facts(answer: &Answer) -> Result<Facts> {
    let mut free = Vec::new();
    for (place, key) in [("/", "free:/"), ("/boot", "free:/boot"), ("/var/tmp", "free:/var/tmp")] {
        let value = answer.word(key)?;
        let (bytes, mount) = value.split_once(' ').unwrap_or((value, ""));
        free.push((place, mount.to_owned(), answer.number(key, bytes)?));
    }
    Ok(Facts {
        architecture: answer.word("architecture")?.to_owned(),
        running: answer.word("running")?.to_owned(),
        boot_id: answer.word("boot-id")?.to_owned(),
        initrd: answer.number("initrd", answer.get("initrd")?)?,
        root: if answer.yes("root")? { Some(rooted(answer)?) } else { None },
        free,
    })
}

fn rooted(answer: &Answer) -> Result<Rooted> {
    let held = answer.yes("hold")?;
    let boot_id = answer.get("deployed-in")?.to_owned();
    let last = match (answer.get("deployed")?, answer.get("previous")?) {
        ("", _) | (_, "") => None,
        (new, previous) => {
            Some(Deployment { new: new.to_owned(), previous: previous.to_owned(), boot_id, waits: held })
        }
    };
    Ok(Rooted {
        loader: answer.word("loader")?.to_owned(),
        between: answer.get("between")?.to_owned(),
        secure_boot: answer.yes("secure-boot")?,
        custom: answer.yes("custom")?,
        dkms: answer.get("dkms")?.split_whitespace().map(str::to_owned).collect(),
        menu: Menu::parse(answer.lines("menu")),
        saved: answer.get("saved")?.to_owned(),
        held,
        last,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str =
        "Welcome to box!\nrunning late\nkernel-fork: begin\narchitecture arm64\nrunning 5.4.0-1-generic\nboot-id x\n\
        free:/ 5000 /\nfree:/boot 290 /boot\nfree:/var/tmp 5000 /\ninitrd 100\nroot yes\nloader grub\nbetween\n\
        secure-boot no\ndkms\ncustom no\nhold no\ndeployed\nprevious\ndeployed-in\nsaved\n\
        menu menuentry 'x' $menuentry_id_option 'gnulinux-5.4.0-1-generic-advanced-0b' {\n\
        menu linux /vmlinuz-5.4.0-1-generic\nmenu }\nkernel-fork: end\nGoodbye\n";

    fn ready(said: &str, needs: &[(&'static str, u64)]) -> Result<Ready> {
        let wanted = Wanted { release: "5.4.0-1-slim", architecture: "arm64", needs: needs.to_vec() };
        Facts::parse("box", said)?.ready("box", &wanted)
    }

    #[track_caller]
    fn refused(said: &str, why: &str) {
        let error = ready(said, &[]).expect_err("it is refused").to_string();
        assert!(error.contains(why), "{error}");
    }

    #[test]
    fn a_machine_that_is_ready() {
        let ready = ready(SAID, &[("/", 3000), ("/boot", 90), ("/var/tmp", 2000)]).expect("ready");
        assert_eq!(ready.hold, "gnulinux-5.4.0-1-generic-advanced-0b");
        assert_eq!(Facts::parse("box", SAID).expect("whole").boots(), Some("5.4.0-1-generic"));
    }

    #[test]
    fn a_kernel_that_is_replaced_is_not_what_is_fallen_back_to() {
        let fallback = |said: &str| {
            ready(&said.replace("running 5.4.0-1-generic", "running 5.4.0-1-slim"), &[]).expect("ready").fallback
        };
        let entry = |release: &str| {
            format!("menu menuentry 'x' $menuentry_id_option 'gnulinux-{release}-advanced-0b' {{\nmenu linux /vmlinuz-{release}\nmenu }}\n")
        };
        let alone = SAID.replace("5.4.0-1-generic", "5.4.0-1-slim");
        let with = |more: &str| alone.replace("kernel-fork: end", &format!("{more}kernel-fork: end"));
        assert_eq!(fallback(&alone), "5.4.0-1-slim");
        let two = with(&(entry("5.4.0-9-generic") + &entry("5.4.0-1-generic")));
        assert_eq!(fallback(&two), "5.4.0-9-generic");
        assert_eq!(
            fallback(&two.replace("deployed\nprevious", "deployed 5.4.0-1-slim\nprevious 5.4.0-1-generic")),
            "5.4.0-1-generic"
        );
    }

    #[test]
    fn machines_that_are_not() {
        for (from, to, why) in [
            ("between", "between lvm", "(lvm)"),
            ("loader grub", "loader extlinux", "is booted by extlinux"),
            ("loader grub", "loader none", "no GRUB"),
            ("secure-boot no", "secure-boot yes", "Secure Boot is on"),
            ("custom no", "custom yes", "outside of /etc/default/grub"),
            ("menu }", "menu }\nmenu default=1\nmenu default=2", "outside of /etc/default/grub"),
            ("5.4.0-1-generic-advanced", "5.4.0-2-generic-advanced", "has no entry for 5.4.0-1-generic"),
            ("architecture arm64", "architecture amd64", "box is amd64"),
            (
                "hold no\ndeployed\nprevious",
                "hold yes\ndeployed 5.4.0-1-generic\nprevious 5.4.0-0-generic",
                "is not confirmed",
            ),
        ] {
            refused(&SAID.replacen(from, to, 1), why);
        }
    }

    #[test]
    fn an_answer_has_everything_once() {
        for (from, to, why) in [
            ("kernel-fork: end", "", "has not answered in full"),
            ("kernel-fork: begin", "", "has not answered in full"),
            ("root yes", "", "what its root is"),
            ("root yes", "root no", "root's work"),
            ("root yes", "root yes\nroot yes", "twice"),
            ("free:/boot 290 /boot", "", "what its free:/boot is"),
            ("free:/boot 290 /boot", "free:/boot x /boot", "number of bytes"),
            ("architecture arm64", "architecture", "a Debian or Ubuntu machine"),
        ] {
            let error = ready(&SAID.replacen(from, to, 1), &[]).expect_err(from);
            let hint = error.downcast_ref::<crate::error::Failure>().and_then(|f| f.hint.clone()).unwrap_or_default();
            assert!(format!("{error} {hint}").contains(why), "{error} {hint}");
        }
    }

    #[test]
    fn places_on_one_disk_share_its_room() {
        let error = ready(SAID, &[("/", 3000), ("/boot", 91), ("/var/tmp", 2001)]).expect_err("no room").to_string();
        assert!(error.contains("/ needs 5 kB and has 5 kB free; /boot needs 291 B and has 290 B free"), "{error}");
    }
}
