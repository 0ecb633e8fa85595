// SPDX-License-Identifier: GPL-2.0-only
//! Packages proved by running them: installed with dpkg into a minimal root, booted in a virtual machine, and
//! the timer interrupts of a busy isolated CPU counted.
//!
//! `commands` calls in here. A kernel under test is a stranger: it sees no network, no disk and no file of
//! this machine, and what it says is only ever read.

pub mod console;
pub mod judge;
pub mod module;
pub mod qemu;
pub mod report;
pub mod root;
pub mod ticks;
