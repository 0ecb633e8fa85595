// SPDX-License-Identifier: GPL-2.0-only
//! The ways to build, and all that they differ in: which chroot, which architectures sbuild is told, what is
//! added to the build dependencies and to the make variables.

use std::fmt;

use anyhow::Result;

use crate::arch::{self, Arch};
use crate::machine::Use;

/// A way to build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// In a chroot of this machine's own architecture.
    Native,
    /// With a cross compiler, in a chroot of this machine's architecture that has the other as a foreign one.
    Cross,
    /// In a chroot of the other architecture, whose programs run under qemu-user.
    Emulated,
}

impl Mode {
    /// Checks what was asked for against the two architectures; without a wish, native where they agree
    /// and emulated where not.
    ///
    /// # Errors
    /// The wish makes no sense here.
    pub fn choose(native: bool, cross: bool, emulated: bool, host: &'static Arch) -> Result<Self> {
        let same = arch::build()? == host;
        match (native, cross, emulated) {
            (true, _, _) if !same => {
                fail!(Input, "this machine is not {}, so nothing can be built natively for it", host.debian; "--cross or --emulated")
            }
            (_, true, _) | (_, _, true) if same => {
                fail!(Input, "this machine is {} itself", host.debian; "--native")
            }
            (_, true, _) => Ok(Mode::Cross),
            (_, _, true) => Ok(Mode::Emulated),
            _ if same => Ok(Mode::Native),
            _ => Ok(Mode::Emulated),
        }
    }

    /// The chroot's architectures, its own first.
    ///
    /// # Errors
    /// This machine's architecture is not known.
    pub fn chroot_archs(self, host: &'static Arch) -> Result<Vec<&'static Arch>> {
        Ok(match self {
            Mode::Native | Mode::Emulated => vec![host],
            Mode::Cross => vec![arch::build()?, host],
        })
    }

    /// Whose programs are put in front of the chroot's own. `wanted`: not switched off by the person.
    ///
    /// # Errors
    /// This machine's architecture is not known.
    pub fn accelerate(self, wanted: bool) -> Result<Option<&'static Arch>> {
        Ok(match self {
            Mode::Emulated if wanted => Some(arch::build()?),
            _ => None,
        })
    }

    /// Build dependencies that the mode itself has.
    pub fn depends(self, host: &Arch) -> Vec<String> {
        match self {
            Mode::Native | Mode::Emulated => Vec::new(),
            Mode::Cross => vec![format!("crossbuild-essential-{}:native", host.debian)],
        }
    }

    /// The build profiles that sbuild sets.
    pub fn profiles(self) -> &'static [&'static str] {
        match self {
            Mode::Native | Mode::Emulated => &[],
            Mode::Cross => &["cross", "nocheck"],
        }
    }

    /// Whose programs run during the build, where they are not those that are shipped ([`apart`](super::apart)).
    /// `accelerated`: whose programs stand in front of an emulated chroot's own.
    ///
    /// # Errors
    /// This machine's architecture is not known.
    pub fn apart(self, accelerated: Option<&'static Arch>) -> Result<Option<&'static Arch>> {
        Ok(match self {
            Mode::Native => None,
            Mode::Cross => Some(arch::build()?),
            Mode::Emulated => accelerated,
        })
    }

    /// Make variables for `debian/rules`.
    pub fn variables(self) -> Vec<String> {
        match self {
            Mode::Native | Mode::Emulated => Vec::new(),
            // Ubuntu's rules point dpkg-shlibdeps at the cross libc package when they cross-build,
            // and the dependencies then name that one's version.
            Mode::Cross => vec!["shlibdeps_opts=".to_owned()],
        }
    }
}

impl From<Mode> for Use {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Native => Use::Native,
            Mode::Cross => Use::Cross,
            Mode::Emulated => Use::Emulated,
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mode::Native => "native",
            Mode::Cross => "cross",
            Mode::Emulated => "emulated",
        })
    }
}
