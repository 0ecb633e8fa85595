// SPDX-License-Identifier: GPL-2.0-only
//! Scenarios: the program as a person calls it, with real git, mmdebstrap, sbuild and qemu-user, on a
//! miniature kernel tree. One file per command. Nothing is skipped: what is missing fails.

mod adopt;
mod annotations;
mod audit;
mod boot;
mod build;
mod chroot;
mod ci;
mod depends;
mod deploy;
mod derivative;
mod doctor;
mod dry_run;
mod farm;
mod faults;
mod flavour;
mod follow;
mod fork;
mod gate;
mod generated;
mod graft_history;
mod help;
mod incremental;
mod inputs;
mod isolate;
mod kill;
mod lab;
mod machine;
mod odd;
mod packaging;
mod publish;
mod publish_place;
mod quickstart;
mod readme;
mod rebase;
mod remote;
mod root;
mod sandbox;
mod silence;
mod stale;
mod status;
mod stopped;
mod tags;
mod ubuntu;
mod upgrade;
