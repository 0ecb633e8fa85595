// SPDX-License-Identifier: GPL-2.0-only
//! The template of what each flavour's packages depend on.
//!
//! From 7.0 on Ubuntu's modules depend on modules of another source (`linux-main-modules-zfs-…`), which exist for
//! the vendor's own flavours alone: a flavour of ours with that dependency could not be installed.

use crate::formats::control::{Control, Relations, Substitute};
use crate::formats::FormatError;

/// Where a tree may have the template; `DIR` is its packaging folder.
pub const PLACES: &[&str] = &["DIR/control.d/flavour-control.stub", "debian/control.d/flavour-control.stub"];

/// How the names of modules begin that another source builds for each of the vendor's flavours.
const FROM_ANOTHER_SOURCE: &str = "linux-main-modules-";

/// The template without dependencies on modules that no source builds for us; `None` where it has none.
///
/// # Errors
/// It is no control file.
pub fn without_foreign_modules(text: &str) -> Result<Option<String>, FormatError> {
    let mut control = Control::parse(text)?;
    let mut changed = false;
    for paragraph in control.paragraphs_mut() {
        for field in ["Depends", "Recommends"] {
            let Some(value) = paragraph.get(field) else { continue };
            let relations = Relations::parse(&value)?;
            let foreign: Vec<&str> =
                relations.iter().map(|a| a.name.as_str()).filter(|n| n.starts_with(FROM_ANOTHER_SOURCE)).collect();
            let changes: Vec<_> = foreign.into_iter().map(|name| (name, Substitute::Drop)).collect();
            changed |= !paragraph.substitute(field, &changes)?.is_empty();
        }
    }
    Ok(changed.then(|| control.to_text()))
}

#[cfg(test)]
mod tests {
    use super::without_foreign_modules;

    #[test]
    fn only_that_dependency_goes() {
        let text = "# Leave the blank line!\n\nPackage: linux-modules-PKGVER-ABINUM-FLAVOUR\nArchitecture: ARCH\n\
            Depends: ${misc:Depends}, linux-main-modules-zfs-PKGVER-ABINUM-FLAVOUR [amd64 arm64], wireless-regdb\n\
            Description: modules\n more\n\nPackage: linux-headers-PKGVER-ABINUM-FLAVOUR\n\
            Depends: SRCPKGNAME-headers-PKGVER-ABINUM, ${shlibs:Depends}\n";
        let want = text.replace(" linux-main-modules-zfs-PKGVER-ABINUM-FLAVOUR [amd64 arm64],", "");
        assert_eq!(without_foreign_modules(text).unwrap().as_deref(), Some(want.as_str()));
        assert_eq!(without_foreign_modules(&want).unwrap(), None);
        assert!(without_foreign_modules("oops").is_err());
    }
}
