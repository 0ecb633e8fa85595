// SPDX-License-Identifier: GPL-2.0-only
//! The formats alone, and what is asked of them under fuzzing.

#[path = "../../src/formats/mod.rs"]
pub mod formats;
pub mod targets;
