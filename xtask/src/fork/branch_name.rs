// SPDX-License-Identifier: GPL-2.0-only
//! Names of branches that a user gives: what `git check-ref-format --branch` takes, and what the repository has
//! room for.

use anyhow::Result;
use git2::Repository;

/// The full name of a branch that can be made in this repository.
///
/// # Errors
/// git would take the name for something else; a branch of that name is there, or one that git's folders of refs
/// leave no room beside.
pub fn new(repo: &Repository, name: &str) -> Result<String> {
    let refname = full(name)?;
    if repo.find_reference(&refname).is_ok() {
        fail!(Repository, "there is a branch `{name}` already"; "choose another name, or remove it: `git branch --delete {name}`");
    }
    for other in repo.references_glob("refs/heads/*")? {
        let other = other?;
        let Some(other) = other.name() else { continue };
        let below = |a: &str, b: &str| a.strip_prefix(b).is_some_and(|rest| rest.starts_with('/'));
        if below(other, &refname) || below(&refname, other) {
            fail!(Repository, "a branch `{name}` cannot be beside the branch `{}`", &other["refs/heads/".len()..];
                "git keeps branches as files and folders; choose another name");
        }
    }
    Ok(refname)
}

/// The full name of a branch that may be there.
///
/// # Errors
/// git would take the name for something else.
pub fn full(name: &str) -> Result<String> {
    let good = !name.starts_with('-') && name != "HEAD" && name != "@" && git2::Branch::name_is_valid(name)?;
    if !good {
        fail!(Input, "`{name}` is not a valid branch name"; "`git check-ref-format --help` has the rules");
    }
    // git takes it, and makes refs/heads/refs/heads/x, which no later `x` or `refs/heads/x` means.
    if let Some(rest) = name.strip_prefix("refs/") {
        let short = rest.strip_prefix("heads/").unwrap_or("NAME");
        fail!(Input, "`{name}` is the name of a ref, not of a branch"; "a branch is named without `refs/heads/`: `{short}`");
    }
    Ok(format!("refs/heads/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_git_takes_for_something_else() {
        for name in ["refs/heads/x", "refs/tags/x", "refs/x"] {
            let error = full(name).unwrap_err();
            assert!(error.to_string().contains("name of a ref"), "{error}");
        }
        for name in ["HEAD", "-x", "-", "", "@", "a..b", "a b", "a:b", "x/", "/x", "x.lock", "a~1", "x\\y"] {
            assert!(full(name).is_err(), "{name}");
        }
        for name in ["x", "5.4-tickless", "release/Ubuntu-5.4.0-201.221", "HEAD/x", "refs", "heads/x", "ä"] {
            assert_eq!(full(name).unwrap(), format!("refs/heads/{name}"));
        }
    }
}
