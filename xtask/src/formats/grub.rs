// SPDX-License-Identifier: GPL-2.0-only
//! The menu in `grub.cfg`: which entry starts which kernel, and which entry GRUB boots by itself.
//!
//! `grub-mkconfig` writes the file out of the scripts in `/etc/grub.d` (GRUB 2.02 to 2.12). It is a program in GRUB's
//! own language. Only its menu and its top-level assignments of `default` are read here; nothing of it is run.

/// Submenus nest no deeper: GRUB's own scripts use two levels.
const DEPTH: usize = 8;

/// The menu.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Menu {
    entries: Vec<Entry>,
    /// The values that `default` gets, in the file's order, without that of the one-time choice.
    defaults: Vec<String>,
}

/// An entry or a submenu.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    title: String,
    id: String,
    /// The release in the name of the kernel image that it loads.
    release: Option<String>,
    /// The entries of a submenu; `None` for an entry.
    below: Option<Vec<Entry>>,
}

impl Menu {
    /// Reads the text of `grub.cfg`. What is not a menu or an assignment of `default` is passed over.
    pub fn parse(text: &str) -> Self {
        let mut menu = Self::default();
        let mut open: Vec<Open> = Vec::new();
        for line in text.lines() {
            for command in commands(line) {
                match command.first().map(String::as_str) {
                    Some("}") => menu.close(&mut open),
                    Some("menuentry" | "submenu") if command.last().is_some_and(|w| w == "{") => {
                        let deep = open.len() >= DEPTH;
                        open.push(if deep { Open::Other } else { Open::Entry(Entry::new(&command)) });
                    }
                    _ if command.last().is_some_and(|w| w == "{") => open.push(Open::Other),
                    Some("linux" | "linuxefi" | "linux16") => {
                        if let (Some(Open::Entry(entry)), Some(path)) = (open.last_mut(), command.get(1)) {
                            entry.release = release(path);
                        }
                    }
                    Some("set") if open.is_empty() => menu.assign(command.get(1)),
                    Some(_) if open.is_empty() => menu.assign(command.first()),
                    _ => {}
                }
            }
        }
        while !open.is_empty() {
            menu.close(&mut open);
        }
        menu
    }

    /// The way to the normal entry of a release, as `GRUB_DEFAULT` and `grub-reboot` take it: ids with `>` between
    /// them. Titles are translated and numbers change with each kernel; ids do neither.
    pub fn entry(&self, release: &str) -> Option<String> {
        let of = format!("gnulinux-{release}-advanced-");
        let in_menu = self.entries.iter().map(|e| (None, e));
        let in_submenus = self.entries.iter().flat_map(|m| m.below.iter().flatten().map(move |e| (Some(m), e)));
        let found = in_menu.chain(in_submenus).filter(|(_, e)| e.below.is_none() && e.id.starts_with(&of));
        let mut ways = found.map(|(menu, e)| menu.map_or(e.id.clone(), |menu| format!("{}>{}", menu.id, e.id)));
        // Xen's submenu has the id of the plain one: GRUB takes the first.
        ways.find(|way| self.release(way) == Some(release))
    }

    /// The releases that have a normal entry, in the order of the menu.
    pub fn releases(&self) -> Vec<&str> {
        let all = self.entries.iter().flat_map(|e| e.below.as_deref().unwrap_or(std::slice::from_ref(e)));
        let mut found: Vec<&str> = Vec::new();
        for release in all.filter_map(|e| e.release.as_deref()) {
            if !found.contains(&release) && self.entry(release).is_some() {
                found.push(release);
            }
        }
        found
    }

    /// GRUB's choice for a boot without a one-time entry, as the file has it (`0`, a title, a way of ids, `${saved_entry}`).
    /// `None` where several places set it, so that which one counts depends on what only GRUB knows.
    pub fn choice(&self) -> Option<&str> {
        match self.defaults.as_slice() {
            [] => Some("0"),
            [one] => Some(one),
            _ => None,
        }
    }

    /// The release that a choice starts: numbers, ids and titles with `>` between them. GRUB takes the first entry for
    /// a name that it does not know.
    pub fn release(&self, choice: &str) -> Option<&str> {
        let mut entries = self.entries.as_slice();
        let mut words = choice.split('>');
        loop {
            let word = words.next().unwrap_or_default();
            let by_name = || entries.iter().find(|e| e.id == word || e.title == word);
            let found = match word.parse::<usize>() {
                Ok(n) => entries.get(n),
                Err(_) => by_name(),
            };
            let entry = found.or(entries.first())?;
            match &entry.below {
                None => return entry.release.as_deref(),
                Some(below) => entries = below,
            }
        }
    }

    /// Takes `default=VALUE` of an assignment.
    fn assign(&mut self, word: Option<&String>) {
        let Some(value) = word.and_then(|w| w.strip_prefix("default=")) else { return };
        if value != "${next_entry}" {
            self.defaults.push(value.to_owned());
        }
    }

    fn close(&mut self, open: &mut Vec<Open>) {
        let Some(Open::Entry(entry)) = open.pop() else { return };
        let parent = open.iter_mut().rev().find_map(|o| match o {
            Open::Entry(parent) => Some(parent.below.get_or_insert_default()),
            Open::Other => None,
        });
        parent.unwrap_or(&mut self.entries).push(entry);
    }
}

/// A brace that is not closed yet.
enum Open {
    Entry(Entry),
    /// A function, or a submenu deeper than any of GRUB's.
    Other,
}

impl Entry {
    /// Of the words `menuentry TITLE [--class C]… [$menuentry_id_option ID] {`. GRUB's id is the title where none is given.
    fn new(words: &[String]) -> Self {
        let title = words.get(1).cloned().unwrap_or_default();
        let option =
            words.iter().position(|w| matches!(w.as_str(), "$menuentry_id_option" | "${menuentry_id_option}" | "--id"));
        let id = option.and_then(|at| words.get(at + 1)).unwrap_or(&title).clone();
        let below = (words[0] == "submenu").then(Vec::new);
        Entry { title, id, release: None, below }
    }
}

/// The release in a path such as `/boot/vmlinuz-5.4.0-200-generic`.
fn release(path: &str) -> Option<String> {
    let name = path.rsplit('/').next()?;
    let release = ["vmlinuz-", "vmlinux-", "kernel-"].iter().find_map(|p| name.strip_prefix(p))?;
    Some(release.to_owned())
}

/// The commands of a line, as words without their quotes. A command ends at `;`, after `{`, and around `}`.
fn commands(line: &str) -> Vec<Vec<String>> {
    let (mut commands, mut words, mut word) = (Vec::new(), Vec::new(), None::<String>);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' => word.get_or_insert_default().extend(chars.by_ref().take_while(|c| *c != '\'')),
            '"' => {
                let word = word.get_or_insert_default();
                while let Some(c) = chars.next().filter(|c| *c != '"') {
                    word.extend(if c == '\\' { chars.next() } else { Some(c) });
                }
            }
            '\\' => word.get_or_insert_default().extend(chars.next()),
            '#' if word.is_none() => break,
            ';' => {
                words.extend(word.take());
                commands.push(std::mem::take(&mut words));
            }
            c if c.is_whitespace() => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
        if word.is_none() && words.last().is_some_and(|w| w == "{" || w == "}") {
            commands.push(std::mem::take(&mut words));
        }
    }
    words.extend(word);
    commands.push(words);
    commands.retain(|c| !c.is_empty());
    commands
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In the form of Debian 12's GRUB 2.06, and of a title with an apostrophe.
    const CFG: &str = r#"
if [ -s $prefix/grubenv ]; then
  load_env
fi
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="0"
fi
function savedefault {
  if [ -z "${boot_once}" ]; then
    default="x"
    saved_entry="${chosen}"
  fi
}
menuentry 'Lab'\''s GNU/Linux' --class gnu-linux $menuentry_id_option 'gnulinux-simple-0b00' {
	if [ x$grub_platform = xxen ]; then insmod xzio; insmod lzopio; fi
	linux	/boot/vmlinuz-6.1.42-1-slim root=UUID=0b00 ro  quiet
	initrd	/boot/initrd.img-6.1.42-1-slim
}
submenu 'Options avancées' $menuentry_id_option 'gnulinux-advanced-0b00' {
	menuentry 'GNU/Linux, avec Linux 6.1.42-1-slim' --class os $menuentry_id_option 'gnulinux-6.1.42-1-slim-advanced-0b00' {
		linux	/vmlinuz-6.1.42-1-slim root=/dev/mapper/a-b
	}
	menuentry 'GNU/Linux, (mode de dépannage)' --class os $menuentry_id_option 'gnulinux-6.1.42-1-slim-recovery-0b00' {
		linux	/vmlinuz-6.1.42-1-slim single
	}
	menuentry 'GNU/Linux, avec Linux 5.10.0-1-generic' --class os $menuentry_id_option 'gnulinux-5.10.0-1-generic-advanced-0b00' {
		linux	/vmlinuz-5.10.0-1-generic
	}
}
menuentry 'Memory test' { linux16 /memtest86+.bin; }
"#;

    #[test]
    fn entries_and_what_they_start() {
        let menu = Menu::parse(CFG);
        let way = "gnulinux-advanced-0b00>gnulinux-5.10.0-1-generic-advanced-0b00";
        assert_eq!(menu.entry("5.10.0-1-generic").as_deref(), Some(way));
        assert_eq!(menu.entry("5.10.0-1"), None);
        assert_eq!(menu.releases(), ["6.1.42-1-slim", "5.10.0-1-generic"]);
        let table = [
            ("0", Some("6.1.42-1-slim")),
            ("Lab's GNU/Linux", Some("6.1.42-1-slim")),
            ("1>2", Some("5.10.0-1-generic")),
            (way, Some("5.10.0-1-generic")),
            ("Options avancées>GNU/Linux, avec Linux 5.10.0-1-generic", Some("5.10.0-1-generic")),
            ("gnulinux-advanced-0b00", Some("6.1.42-1-slim")),
            ("2", None),
            ("no such entry", Some("6.1.42-1-slim")),
        ];
        for (choice, release) in table {
            assert_eq!(menu.release(choice), release, "{choice}");
        }
    }

    #[test]
    fn a_submenu_that_another_one_hides() {
        let xen = "submenu 'Xen' --id 'gnulinux-advanced-0b00' {\nmenuentry 'x' --id 'xen-gnulinux-5.10.0-1-generic-advanced-0b00' {\n\
                   multiboot2 /xen.gz\nmodule2 /vmlinuz-5.10.0-1-generic\n}\n}\n";
        assert_eq!(Menu::parse(&format!("{xen}{CFG}")).entry("5.10.0-1-generic"), None);
        assert!(Menu::parse(&format!("{CFG}{xen}")).entry("5.10.0-1-generic").is_some());
    }

    #[test]
    fn without_a_submenu() {
        let flat: String = CFG.lines().filter(|l| !l.starts_with("submenu")).map(|l| format!("{l}\n")).collect();
        assert_eq!(
            Menu::parse(&flat).entry("5.10.0-1-generic").as_deref(),
            Some("gnulinux-5.10.0-1-generic-advanced-0b00")
        );
    }

    #[test]
    fn what_is_booted_by_default() {
        let with = |value: &str| CFG.replace("set default=\"0\"", &format!("set default=\"{value}\""));
        assert_eq!(Menu::parse(CFG).choice(), Some("0"));
        assert_eq!(Menu::parse(&with("${saved_entry}")).choice(), Some("${saved_entry}"));
        assert_eq!(Menu::parse(&with("a>b")).choice(), Some("a>b"));
        assert_eq!(Menu::parse(&format!("{CFG}\nset default=2\n")).choice(), None);
        assert_eq!(Menu::parse(&format!("{CFG}\ndefault=2\n")).choice(), None);
        assert_eq!(Menu::parse("").choice(), Some("0"));
    }

    #[test]
    fn a_file_that_never_closes_its_menus() {
        let menu = Menu::parse(&"submenu a {\n".repeat(100_000));
        assert_eq!(menu.release("0"), None);
        assert_eq!(Menu::parse("menuentry {\n} } }\nmenuentry 'x\n{ \" \\").entry("x"), None);
    }
}
