// SPDX-License-Identifier: GPL-2.0-only
//! Which vendor tags follow one another, and in what order.
//!
//! `tags`, `rebase --latest` and `follow` ask. It must never take a release of another source for a successor.

use std::cmp::Ordering;

use super::tag::{Tag, TagKind};

impl Tag {
    /// Is `other` of the same line of releases, so that its newest follows this one? That is one source in one series;
    /// a source that is called after its series (`linux-hwe-6.8`) goes on under the next one's name (`linux-hwe-6.11`),
    /// for the same release of Ubuntu.
    pub fn same_line(&self, other: &Tag) -> bool {
        let (family, rolls) = self.family();
        (family, rolls) == other.family()
            && if rolls { self.ported_to() == other.ported_to() } else { self.major_minor() == other.major_minor() }
    }

    /// Does `other` go on where this one's line ends, but for another release of Ubuntu?
    pub fn goes_on_elsewhere(&self, other: &Tag) -> bool {
        let (family, rolls) = self.family();
        rolls && (family, rolls) == other.family() && self.ported_to() != other.ported_to() && other > self
    }

    /// The source without the series in its name, and whether it had one.
    fn family(&self) -> (&str, bool) {
        match self.kind() {
            TagKind::Ubuntu { source } => {
                let stem = source.strip_suffix(&self.major_minor()).and_then(|stem| stem.strip_suffix('-'));
                stem.map_or((source, false), |stem| (stem, true))
            }
            TagKind::Mainline => ("v", false),
            TagKind::RealTime => ("v-rt", false),
            TagKind::Debian => ("debian", false),
        }
    }

    /// The release of Ubuntu that a newer kernel was brought to: `22.04` of `6.8.0-40.40~22.04.1`.
    fn ported_to(&self) -> Option<String> {
        let version = self.version();
        let (_, release) = version.revision()?.split_once('~')?;
        let (year, rest) = release.split_once('.')?;
        let month = rest.bytes().take_while(u8::is_ascii_digit).count();
        Some(release[..year.len() + 1 + month].to_owned())
    }
}

impl Ord for Tag {
    fn cmp(&self, other: &Self) -> Ordering {
        let rank = |tag: &Tag| match tag.kind() {
            TagKind::Ubuntu { .. } => 0,
            TagKind::Mainline => 1,
            TagKind::RealTime => 2,
            TagKind::Debian => 3,
        };
        let of_line = |tag: &Tag| (rank(tag), tag.family().0.to_owned(), tag.family().1);
        of_line(self)
            .cmp(&of_line(other))
            .then_with(|| self.version().cmp(&other.version()))
            // It tells apart two that name the same version, so that equal means the same text.
            .then_with(|| self.name().cmp(other.name()))
    }
}

impl PartialOrd for Tag {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::Tag;

    #[test]
    fn order() {
        let table = [
            "Ubuntu-5.4.0-99.112",
            "Ubuntu-5.4.0-200.220",
            "Ubuntu-5.4.0-202.222",
            "Ubuntu-hwe-5.15-5.15.0-43.46_20.04.1",
            "Ubuntu-hwe-5.15-5.15.0-100.110_20.04.1",
            "Ubuntu-hwe-6.8-6.8.0-40.40_22.04.1",
            "Ubuntu-hwe-6.11-6.11.0-8.8_22.04.1",
            "v6.1-rc3",
            "v6.1",
            "v6.1.5",
            "v6.10",
            "v6.1-rc3-rt1",
            "v6.1.5-rt3",
            "v6.1.5-rt25",
            "v6.1.6-rt2",
            "debian/6.12_rc6-1",
            "debian/6.12-1",
        ];
        let tags: Vec<Tag> = table.iter().flat_map(|text| text.parse()).collect();
        assert_eq!(tags.len(), table.len());
        assert!(tags.windows(2).all(|pair| pair[0] < pair[1]), "{tags:?}");
        assert_ne!(Tag::parse("v6.1").unwrap(), Tag::parse("v6.1.0").unwrap());
    }

    #[test]
    fn lines_of_releases() {
        let table = [
            ("Ubuntu-5.4.0-200.220", "Ubuntu-5.4.0-99.112", "same"),
            ("Ubuntu-5.4.0-200.220", "Ubuntu-5.15.0-200.220", ""),
            ("Ubuntu-aws-5.15.0-1.1", "Ubuntu-5.15.0-1.1", ""),
            ("Ubuntu-hwe-6.8-6.8.0-40.40_22.04.1", "Ubuntu-hwe-6.8-6.8.0-48.48_22.04.1", "same"),
            ("Ubuntu-hwe-6.8-6.8.0-40.40_22.04.1", "Ubuntu-hwe-6.11-6.11.0-8.8_22.04.2", "same"),
            ("Ubuntu-hwe-6.8-6.8.0-40.40_22.04.1", "Ubuntu-hwe-6.11-6.11.0-8.8_24.04.1", "elsewhere"),
            ("Ubuntu-hwe-6.11-6.11.0-8.8_24.04.1", "Ubuntu-hwe-6.8-6.8.0-40.40_22.04.1", ""),
            ("Ubuntu-oem-6.5-6.5.0-1.1", "Ubuntu-oem-6.8-6.8.0-1.1", "same"),
            ("Ubuntu-aws-5.15-5.15.0-1.1_20.04.1", "Ubuntu-aws-5.15.0-1.1", ""),
            ("v6.6.20", "v6.6.20-rt25", ""),
            ("v6.6.20-rt25", "v6.6.21-rt26", "same"),
            ("v6.6.20-rt25", "v6.7-rt1", ""),
            ("debian/6.1.192-2", "v6.1.192", ""),
        ];
        for (a, b, want) in table {
            let (a, b) = (Tag::parse(a).unwrap(), Tag::parse(b).unwrap());
            assert_eq!((a.same_line(&b), a.goes_on_elsewhere(&b)), (want == "same", want == "elsewhere"), "{a} {b}");
            assert_eq!(a.same_line(&b), b.same_line(&a), "{a} {b}");
        }
    }
}
