// SPDX-License-Identifier: GPL-2.0-only
//! What a flavour is: from its metadata, its fragment and the vendor's tree to the files of the generated
//! commit. The same inputs give the same bytes, whoever runs it, whenever, with whatever compiler.

pub mod base;
pub mod bundled;
mod condition;
pub mod edit;
pub mod existing;
pub mod from_config;
pub mod generate;
pub mod inputs;
pub mod kconfig;
mod kconfig_text;
pub mod news;
pub mod packaging;
pub mod probes;
mod refusal;
pub mod resolve;
mod stub;
pub mod symbols;
pub mod target;
mod tiny;
pub mod ubuntu;
