// SPDX-License-Identifier: GPL-2.0-only
//! `debian.master/rules.d/<arch>.mk`: which flavours an architecture builds, and from what.
//!
//! The flavour stage adds its flavour with it, the package stages ask for variables. It must
//! never rewrite a line of the vendor's that it need not: what was added can be taken out again
//! to the byte. It is no make: conditionals and expansions around the flavours are refused.

use std::collections::HashSet;

use super::makefile::{assignments, continues, value, value_lines, Assignment};
use super::vars::check_flavour;
use super::FormatError;

/// The variables that Ubuntu's rules look up with the flavour's name behind a `_` first
/// (`custom_override` in `debian/rules.d/0-common-vars.mk` of 5.4.0-200.220). Other names end in
/// the same letters by chance, as `build_arch` would for a flavour `arch`.
const PER_FLAVOUR: [&str; 3] = ["build_image", "kernel_file", "install_file"];

/// The flavours that the file names, in order.
///
/// # Errors
/// None named, or named in a way that only make can follow.
pub fn flavours(text: &str) -> Result<Vec<String>, FormatError> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let all = assignments(&lines);
    let listing = listing(&all, &lines)?;
    Ok(words(&listing).map(str::to_owned).collect())
}

/// The words of a variable that is assigned outside of conditionals, not expanded; `None` where
/// it is not assigned.
pub fn variable(text: &str, name: &str) -> Option<String> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let all = assignments(&lines);
    let own: Vec<&Assignment> = all.iter().filter(|a| a.name == name && !a.conditional).collect();
    let value: Vec<&str> = words(&effective(own.clone())).collect();
    (!own.is_empty()).then(|| value.join(" "))
}

/// Adds a flavour behind the others, built from the same image as `base`: variables that exist
/// for `base` alone are copied. Adding it twice is adding it once.
///
/// # Errors
/// `base` is not a flavour of the file, or the file has variables for a flavour it does not name.
pub fn add_flavour(text: &str, flavour: &str, base: &str) -> Result<String, FormatError> {
    check_flavour(flavour)?;
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let all = assignments(&lines);
    let listing = listing(&all, &lines)?;
    if !words(&listing).any(|word| word == base) {
        let message = "the base flavour is not among the flavours of the architecture";
        return Err(FormatError::new(base, message));
    }
    let listed = words(&listing).any(|word| word == flavour);
    let own = |a: &&Assignment| stem(a.name, flavour).is_some();
    if let Some(stray) = all.iter().find(own).filter(|_| !listed) {
        let message = "a variable of the new flavour, though `flavours` does not name it";
        return Err(error(&lines, stray, message));
    }
    let mut out: Vec<String> = lines.iter().map(|line| line.to_string()).collect();
    if let Some(last) = listing.iter().rfind(|a| !a.words.is_empty()).filter(|_| !listed) {
        let place = value_lines(last, &lines).rev().find_map(|n| Some((n, value(lines[n], n == last.lines.0)?)));
        if let Some((n, (_, at))) = place {
            out[n].insert_str(at, &format!(" {flavour}"));
        }
    }
    let names: HashSet<&str> = all.iter().map(|a| a.name).collect();
    for source in &all {
        let Some(stem) = stem(source.name, base) else {
            continue;
        };
        let copy = format!("{stem}_{flavour}");
        if names.contains(copy.as_str()) {
            continue;
        }
        let (first, end) = source.lines;
        if continues(lines[end - 1]) {
            return Err(error(&lines, source, "the file ends in a line that goes on"));
        }
        let mut block = lines[first].replacen(source.name, &copy, 1);
        block.extend(lines[first + 1..end].iter().copied());
        let last = &mut out[end - 1];
        if last.ends_with('\n') {
            last.push_str(&block);
        } else {
            // The end of a file without a final newline stays one.
            *last = format!("{last}\n{block}");
        }
    }
    Ok(out.concat())
}

/// Takes a flavour and its variables out; a file that does not name it stays as it is.
///
/// # Errors
/// The flavours are named in a way that only make can follow.
pub fn remove_flavour(text: &str, flavour: &str) -> Result<String, FormatError> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let all = assignments(&lines);
    let listing = listing(&all, &lines)?;
    if !words(&listing).any(|word| word == flavour) {
        return Ok(text.to_owned());
    }
    let mut out: Vec<String> = lines.iter().map(|line| line.to_string()).collect();
    for assignment in listing {
        for n in value_lines(assignment, &lines) {
            if let Some((from, to)) = value(lines[n], n == assignment.lines.0) {
                out[n] = without_word(lines[n], from, to, flavour);
            }
        }
    }
    for assignment in all.iter().filter(|a| stem(a.name, flavour).is_some()) {
        let (first, end) = assignment.lines;
        out[first..end].iter_mut().for_each(String::clear);
    }
    let mut out = out.concat();
    if !text.ends_with('\n') && out.ends_with('\n') {
        out.pop();
    }
    Ok(out)
}

/// `build_image` of `build_image_generic`, where the flavour is `generic`.
fn stem<'a>(name: &'a str, flavour: &str) -> Option<&'a str> {
    let stem = name.strip_suffix(flavour)?.strip_suffix('_')?;
    (PER_FLAVOUR.contains(&stem) || stem.starts_with("do_")).then_some(stem)
}

/// The assignments that make up `flavours`.
fn listing<'a, 'b>(all: &'b [Assignment<'a>], lines: &[&str]) -> Result<Vec<&'b Assignment<'a>>, FormatError> {
    let own: Vec<&Assignment> = all.iter().filter(|a| a.name == "flavours").collect();
    if own.is_empty() {
        return Err(FormatError::new("", "no line says `flavours = …`"));
    }
    for assignment in &own {
        if assignment.conditional {
            return Err(error(lines, assignment, "flavours that depend on a condition"));
        }
        if assignment.words.iter().any(|word| word.contains('$')) {
            return Err(error(lines, assignment, "flavours that make would have to expand"));
        }
    }
    Ok(effective(own))
}

/// Drops what a later assignment replaces.
fn effective<'a, 'b>(own: Vec<&'b Assignment<'a>>) -> Vec<&'b Assignment<'a>> {
    let mut kept: Vec<&Assignment> = Vec::new();
    for assignment in own {
        match assignment.operator {
            "+=" => kept.push(assignment),
            "?=" if !kept.is_empty() => {}
            _ => kept = vec![assignment],
        }
    }
    kept
}

fn words<'a, 'b>(listing: &'b [&Assignment<'a>]) -> impl Iterator<Item = &'a str> + 'b {
    listing.iter().flat_map(|a| a.words.iter().copied())
}

fn error(lines: &[&str], assignment: &Assignment, message: &str) -> FormatError {
    let first = assignment.lines.0;
    FormatError::at(first + 1, 0, lines[first].trim_end(), message)
}

/// The line without a word of its value and without the white space before it, or after it where
/// it is the first.
fn without_word(line: &str, from: usize, to: usize, word: &str) -> String {
    let (mut kept, mut rest) = (String::new(), &line[from..to]);
    while !rest.is_empty() {
        let gap = rest.len() - rest.trim_start().len();
        let end = rest[gap..].find(char::is_whitespace).map_or(rest.len(), |at| gap + at);
        if &rest[gap..end] != word {
            let piece = if kept.is_empty() { &rest[gap..end] } else { &rest[..end] };
            kept.push_str(piece);
        }
        rest = &rest[end..];
    }
    format!("{}{kept}{}", &line[..from], &line[to..])
}

#[cfg(test)]
mod tests {
    use super::{add_flavour, flavours, remove_flavour, variable};
    use proptest::prelude::*;

    #[test]
    fn read() {
        let table = [
            ("flavours\t= generic lowlatency\n", "generic lowlatency"),
            ("flavours:=generic # all\n", "generic"),
            ("flavours = a \\\n  b \\\n  c\nx = y\n", "a b c"),
            ("flavours = old\nflavours = a\nflavours += b\nflavours ?= c\n", "a b"),
            ("flavours =", ""),
            ("flavours = a # b \\\n c\n", "a"),
            ("all: flavours = x\n\tflavours = y\ndefine z\nflavours = w\nendef\nflavours ?= a\n", "a"),
        ];
        for (text, want) in table {
            assert_eq!(flavours(text).unwrap().join(" "), want, "{text}");
        }
    }

    #[test]
    fn refused() {
        let table = [
            ("", "no line says `flavours = …`"),
            ("x = y\nflavours = $(all)\n", "line 2: flavours that make would have to expand: `flavours = $(all)`"),
            ("ifeq (a,b)\nflavours = a\nendif\n", "line 2: flavours that depend on a condition: `flavours = a`"),
            ("flavours = a\n", "the base flavour is not among the flavours of the architecture: `generic`"),
            (
                "flavours = generic\nbuild_image_tickless = a\n",
                "line 2: a variable of the new flavour, though `flavours` does not name it: `build_image_tickless = a`",
            ),
        ];
        for (text, want) in table {
            assert_eq!(add_flavour(text, "tickless", "generic").unwrap_err().to_string(), want);
        }
        assert!(add_flavour("flavours = generic\n", "a b", "generic").is_err());
    }

    #[test]
    fn added_and_taken_out() {
        let table = [
            ("flavours\t= generic\nbuild_image\t= Image\n", "flavours\t= generic tickless\nbuild_image\t= Image\n"),
            (
                "flavours\t= generic  \nbuild_image_generic\t= Image.gz\nkernel_file_generic\t= a \\\n  b\nx_generic = 1\n",
                "flavours\t= generic tickless  \nbuild_image_generic\t= Image.gz\nbuild_image_tickless\t= Image.gz\n\
                 kernel_file_generic\t= a \\\n  b\nkernel_file_tickless\t= a \\\n  b\nx_generic = 1\n",
            ),
            (
                "flavours = generic \\\n\tlowlatency \\\n\ndo_zfs_generic=true",
                "flavours = generic \\\n\tlowlatency tickless \\\n\ndo_zfs_generic=true\ndo_zfs_tickless=true",
            ),
            ("flavours = generic # first\r\nflavours +=\r\n", "flavours = generic tickless # first\r\nflavours +=\r\n"),
            ("flavours = a\nflavours += generic b", "flavours = a\nflavours += generic b tickless"),
        ];
        for (before, after) in table {
            assert_eq!(add_flavour(before, "tickless", "generic").unwrap(), after);
            assert_eq!(add_flavour(after, "tickless", "generic").unwrap(), after, "twice");
            assert_eq!(remove_flavour(after, "tickless").unwrap(), before);
            assert_eq!(remove_flavour(before, "tickless").unwrap(), before, "not there");
        }
        let text = "flavours = tickless  generic\n";
        assert_eq!(remove_flavour(text, "tickless").unwrap(), "flavours = generic\n");
        assert_eq!(remove_flavour(text, "generic").unwrap(), "flavours = tickless\n");
    }

    #[test]
    fn missing_variables_are_added() {
        let text = "flavours = generic tickless\nbuild_image_generic = a\n";
        let want = "flavours = generic tickless\nbuild_image_generic = a\nbuild_image_tickless = a\n";
        assert_eq!(add_flavour(text, "tickless", "generic").unwrap(), want);
    }

    #[test]
    fn variables() {
        let text = "a = 1\na := 2  3 # x\nifdef b\na = 4\nendif\nc =\n";
        let table = [("a", Some("2 3")), ("b", None), ("c", Some(""))];
        for (name, want) in table {
            assert_eq!(variable(text, name).as_deref(), want, "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_file(text in "(flavours ?[:+?]?= ?(generic|[a-z]| |#|\\\\)*\r?\n?|[a-z]_generic=[a-z ]*\\\\?\n|\\PC{0,9}\n?){0,5}") {
            if let Ok(added) = add_flavour(&text, "tickless", "generic") {
                prop_assert!(flavours(&added).unwrap().contains(&"tickless".to_owned()));
                prop_assert_eq!(&add_flavour(&added, "tickless", "generic").unwrap(), &added);
                prop_assert_eq!(&remove_flavour(&added, "tickless").unwrap(), &text);
            }
        }
    }
}
