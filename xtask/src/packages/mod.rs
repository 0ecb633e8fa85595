// SPDX-License-Identifier: GPL-2.0-only
//! Package sets: read as untrusted files, judged alone (`audit`), and set side by side (`compare`).
//!
//! `commands` calls in here. Packages are read as streams and never unpacked to disk.

pub mod audit;
pub mod built;
pub mod compare;
pub mod content;
pub mod finding;
pub mod identity;
pub mod lintian;
pub mod pool;
pub mod published;
pub mod release;
pub mod set;
pub mod signing;
pub mod solve;
