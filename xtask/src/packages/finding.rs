// SPDX-License-Identifier: GPL-2.0-only
//! What an audit found: one value a finding, for the table and for `--json`.

use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The set must not be installed.
    Error,
    /// It can be installed; somebody should look.
    Warning,
}

/// One finding. Field names are part of the interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub severity: Severity,
    /// Which check: a stable name that scripts can go by.
    pub check: String,
    /// The package, or the file's name where it could not be read; empty for the set.
    pub package: String,
    /// The path in the package.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What is wrong.
    pub what: String,
    /// Why that matters.
    pub why: &'static str,
    /// What to do.
    pub mend: String,
}

impl Finding {
    /// An error; the package is empty for the whole set.
    pub fn error(check: &str, package: &str, what: String, why: &'static str, mend: impl Into<String>) -> Self {
        let (check, package) = (check.to_owned(), package.to_owned());
        Self { severity: Severity::Error, check, package, path: None, what, why, mend: mend.into() }
    }

    /// The same as a warning.
    #[must_use]
    pub fn warning(self) -> Self {
        Self { severity: Severity::Warning, ..self }
    }

    /// The same with a path.
    #[must_use]
    pub fn at(self, path: &str) -> Self {
        Self { path: Some(path.to_owned()), ..self }
    }
}
