// SPDX-License-Identifier: GPL-2.0-only
//! Dates as Debian's files write them.
//!
//! `changelog` signs its entries with it. It must never ask for the time, the time zone or the
//! locale of the machine.

use super::FormatError;

/// A date as changelogs and mails write it, in UTC: `Fri, 11 Oct 2024 08:29:40 +0000`.
pub fn rfc5322(unix_time: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (days, seconds) = (unix_time.div_euclid(86_400), unix_time.rem_euclid(86_400));
    let (year, month, day) = calendar(days);
    format!(
        "{}, {day:02} {} {year:04} {:02}:{:02}:{:02} +0000",
        DAYS[days.rem_euclid(7) as usize],
        MONTHS[month as usize - 1],
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60,
    )
}

/// Year, month and day of the month (both from 1) of a day counted from 1 January 1970.
fn calendar(days: i64) -> (i64, i64, i64) {
    // Years are counted from March, so that a leap day is the last of its year, and from a
    // century that begins an era of 400 years, or 146,097 days: 1 March 2000 is day 11,017.
    let era_days = (days - 11_017).rem_euclid(146_097);
    let era = (days - 11_017).div_euclid(146_097);
    let century = (era_days / 36_524).min(3);
    let in_century = era_days - century * 36_524;
    let four = in_century / 1_461;
    let in_four = in_century - four * 1_461;
    let year = (in_four / 365).min(3);
    let in_year = in_four - year * 365;
    // From March on, five months have 153 days, in the pattern 31 30 31 30 31.
    let month = (5 * in_year + 2) / 153;
    let day = in_year - (153 * month + 2) / 5 + 1;
    let year = 2_000 + era * 400 + century * 100 + four * 4 + year + i64::from(month >= 10);
    (year, (month + 2) % 12 + 1, day)
}

/// How many days a month (from 1) has.
fn days_of_month(year: u32, month: u32) -> u32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// A moment as the snapshot services of Debian and Ubuntu name it: `20240501T000000Z`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Snapshot(String);

impl Snapshot {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The moment so many seconds after 1970; snapshots compare by time.
    pub fn at(unix_time: i64) -> Self {
        let (year, month, day) = calendar(unix_time.div_euclid(86_400));
        let seconds = unix_time.rem_euclid(86_400);
        let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        Self(format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z"))
    }
}

impl std::str::FromStr for Snapshot {
    type Err = FormatError;

    /// From `2024-05-01`, `20240501` or the whole name.
    fn from_str(text: &str) -> Result<Self, FormatError> {
        let plain = text.replace('-', "");
        let (day, time) = plain.split_once('T').unwrap_or((&plain, "000000Z"));
        let digits = |text: &str, n: usize| text.len() == n && text.bytes().all(|b| b.is_ascii_digit());
        let number = |text: &str, from: usize, to: usize| text.get(from..to).and_then(|p| p.parse::<u32>().ok());
        let good_day = || {
            let (year, month, day) = (number(day, 0, 4)?, number(day, 4, 6)?, number(day, 6, 8)?);
            // The first snapshot of Debian is of 2005.
            Some(year >= 2005 && (1..=12).contains(&month) && (1..=days_of_month(year, month)).contains(&day))
        };
        let good_time = || {
            let time = time.strip_suffix('Z').filter(|t| digits(t, 6))?;
            Some(number(time, 0, 2)? < 24 && number(time, 2, 4)? < 60 && number(time, 4, 6)? < 60)
        };
        if !digits(day, 8) || good_day() != Some(true) || good_time() != Some(true) {
            return Err(FormatError::new(text, "no date such as 2024-05-01 or 20240501T120000Z"));
        }
        Ok(Self(format!("{day}T{time}")))
    }
}

#[cfg(test)]
mod tests {
    use super::{rfc5322, Snapshot};

    #[test]
    fn moments_of_a_snapshot_service() {
        let table = [
            ("2024-05-01", "20240501T000000Z"),
            ("20240501", "20240501T000000Z"),
            ("20240501T123456Z", "20240501T123456Z"),
        ];
        for (text, want) in table {
            assert_eq!(text.parse::<Snapshot>().unwrap().as_str(), want);
        }
        assert!("2024-02-29".parse::<Snapshot>().is_ok());
        for bad in [
            "2024-02-31",
            "2023-02-29",
            "2100-02-29",
            "2024-04-31",
            "2024-00-01",
            "2024-01-00",
            "20240501T240000Z",
            "20240501T006000Z",
        ] {
            assert!(bad.parse::<Snapshot>().is_err(), "{bad}");
        }
        // Whichever way they come, they compare by time.
        assert_eq!(Snapshot::at(1_714_566_896).as_str(), "20240501T123456Z");
        assert!(Snapshot::at(1_714_566_896) < "2024-05-02".parse().unwrap());
        assert_eq!(Snapshot::at(951_782_400).as_str(), "20000229T000000Z");
        for bad in ["", "today", "2024-13-01", "2024-05-32", "1999-01-01", "20240501T12Z", "20240501/../x", "é2024050"]
        {
            assert!(bad.parse::<Snapshot>().is_err(), "{bad}");
        }
    }

    #[test]
    fn dates() {
        let table = [
            (0, "Thu, 01 Jan 1970 00:00:00 +0000"),
            (-1, "Wed, 31 Dec 1969 23:59:59 +0000"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 +0000"),
            (951_868_799, "Tue, 29 Feb 2000 23:59:59 +0000"),
            (951_868_800, "Wed, 01 Mar 2000 00:00:00 +0000"),
            (1_728_635_380, "Fri, 11 Oct 2024 08:29:40 +0000"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 +0000"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 +0000"),
        ];
        for (time, want) in table {
            assert_eq!(rfc5322(time), want);
        }
        rfc5322(i64::MIN);
        rfc5322(i64::MAX);
    }
}
