// SPDX-License-Identifier: GPL-2.0-only
//! The file formats of kernel packaging: text in, a value out, and text again.
//!
//! Every stage of the tool calls in here; nothing in here calls out. No file is read, no process
//! started and nothing printed, and the text comes from trees and packages that nobody has vouched
//! for: a reader here may refuse it, and must not panic, loop or allocate without bound.

pub mod abi;
pub mod address;
pub mod annotations;
pub mod apt;
pub mod buildlog;
pub mod ccache;
pub mod changelog;
pub mod changelog_merge;
pub mod compile;
pub mod config;
pub mod control;
pub mod cpio;
pub mod cpu_list;
pub mod date;
pub mod deb;
pub mod distcc;
pub mod elf;
pub mod error;
pub mod fragment;
pub mod grub;
pub mod index;
pub mod interrupts;
pub mod keys;
mod makefile;
pub mod neutral;
pub mod rules_mk;
pub mod sbuild;
pub mod symvers;
pub mod tag;
mod tag_line;
pub mod text;
mod value;
pub mod vars;
pub mod version;

pub use error::{printable, FormatError};
