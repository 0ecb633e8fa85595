// SPDX-License-Identifier: GPL-2.0-only
//! Compilation spread over machines by distcc.
//!
//! A build has no network. distcc in the chroot is told that its workers are reached over ssh, and in ssh's
//! place stands a line of shell that connects to a UNIX socket, which passes where the network does not:
//! behind the socket is [`bridge`], which reaches one worker and nothing else. Where a worker does not
//! answer, distcc compiles by itself.
//!
//! Before a build starts each worker's compiler is asked what it is ([`probe`]); a worker with another one
//! would make other objects.

pub mod bridge;
pub mod connection;
pub mod network;
pub mod probe;
pub mod serve;
pub mod spread;
pub mod unit;
pub mod worker;
