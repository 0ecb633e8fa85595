// SPDX-License-Identifier: GPL-2.0-only
//! Dates as Debian's files write them.
//!
//! `changelog` signs its entries with it. It must never ask for the time, the time zone or the
//! locale of the machine.

/// A date as changelogs and mails write it, in UTC: `Fri, 11 Oct 2024 08:29:40 +0000`.
pub fn rfc5322(unix_time: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Jan", "Feb"];
    let (days, seconds) = (unix_time.div_euclid(86_400), unix_time.rem_euclid(86_400));
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
    format!(
        "{}, {day:02} {} {year:04} {:02}:{:02}:{:02} +0000",
        DAYS[days.rem_euclid(7) as usize],
        MONTHS[month as usize],
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60,
    )
}

#[cfg(test)]
mod tests {
    use super::rfc5322;

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
