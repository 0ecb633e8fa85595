// SPDX-License-Identifier: GPL-2.0-only
//! CPUs set apart for one task each: the kernel parameters that do it, and what still disturbs them on a
//! machine that runs.
//!
//! `commands` calls in here; `boot` uses the same parameters. What is read is `/proc` and `/sys` below a root
//! directory, so that a recorded one can take the machine's place. Nothing is ever changed.

pub mod look;
pub mod parameters;
pub mod plot;
pub mod tasks;
