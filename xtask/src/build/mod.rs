// SPDX-License-Identifier: GPL-2.0-only
//! From a commit of the fork to packages: a tree out of git objects, a chroot with the build dependencies in
//! it, and sbuild between them.
//!
//! Nothing of the tree is executed on this machine itself, only in the chroot.

pub mod apart;
pub mod archive;
pub mod ccache;
pub mod chroot;
pub mod compiler;
pub mod depends;
pub mod direct;
pub mod farm;
pub mod hooks;
pub mod launcher;
pub mod metadata;
pub mod mirror;
mod mmdebstrap;
pub mod mode;
pub mod objects;
pub mod parts;
pub mod progress;
pub mod sbuild;
pub mod source;
pub mod tree;
pub mod trim;
