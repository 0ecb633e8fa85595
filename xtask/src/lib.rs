// SPDX-License-Identifier: GPL-2.0-only
//! The workflow of a kernel fork. `ARCHITECTURE.md` has the map.

#[macro_use]
pub mod error;

pub mod arch;
pub mod boot;
pub mod build;
pub mod commands;
pub mod deploy;
pub mod effects;
pub mod flavour;
pub mod fork;
pub mod formats;
pub mod isolate;
pub mod machine;
pub mod packages;
pub mod sandbox;
pub mod settings;
pub mod ui;
pub mod workspace;
