// SPDX-License-Identifier: GPL-2.0-only
//! Debian control files and the relations in them.
//!
//! The build stages read and mend build dependencies with it, the package stages read package
//! sets and archive indexes. It must never lose a comment, an order or a line break that it was
//! not asked to change: the templates are the vendor's.

mod architecture;
mod deb822;
mod merge;
mod read;
mod relation;
mod substitute;

pub use deb822::{Control, Paragraph};
pub use merge::merge;
pub use relation::{Alternative, Constraint, Entry, Operator, Relations};
pub use substitute::{substitute, Substitute, Substituted};
