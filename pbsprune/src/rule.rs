//! The six rules of PBS, in its order, and the periods that they count.
//!
//! A period is an integer, so that a million of them cost no text; [`Rule::put_period`]
//! spells one where it is shown.

use crate::calendar::{self, DAY_S, Date};

/// A rule, in the order in which PBS applies them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Rule {
    /// Each snapshot is a period of its own.
    Last,
    /// Hours of local time; the one that comes twice in autumn is one.
    Hourly,
    /// Local days.
    Daily,
    /// ISO weeks: from Monday, across months and years.
    Weekly,
    /// Local months.
    Monthly,
    /// Local years.
    Yearly,
}

impl Rule {
    /// All of them, in the order in which they run.
    pub const ALL: [Self; 6] = [
        Self::Last,
        Self::Hourly,
        Self::Daily,
        Self::Weekly,
        Self::Monthly,
        Self::Yearly,
    ];

    /// `daily`: the reason of a removal.
    #[must_use]
    pub fn name(self) -> &'static str {
        &self.keep_name()["keep-".len()..]
    }

    /// `keep-daily`: the option, and the reason of a keep.
    #[must_use]
    pub fn keep_name(self) -> &'static str {
        match self {
            Self::Last => "keep-last",
            Self::Hourly => "keep-hourly",
            Self::Daily => "keep-daily",
            Self::Weekly => "keep-weekly",
            Self::Monthly => "keep-monthly",
            Self::Yearly => "keep-yearly",
        }
    }

    /// `day`; for [`Rule::Last`], which has no periods, `backup`.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::Last => "backup",
            Self::Hourly => "hour",
            Self::Daily => "day",
            Self::Weekly => "week",
            Self::Monthly => "month",
            Self::Yearly => "year",
        }
    }

    /// The period that a local time (seconds) is in; later ones are greater. For
    /// [`Rule::Last`] the argument itself.
    #[must_use]
    pub fn period(self, local: i64) -> i64 {
        let day = || local.div_euclid(DAY_S);
        match self {
            Self::Last => local,
            Self::Hourly => local.div_euclid(3_600),
            Self::Daily => day(),
            Self::Weekly => (day() + 3).div_euclid(7), // 1970-01-01 was a Thursday
            Self::Monthly => {
                let date = Date::of_day(day());
                date.year * 12 + date.month - 1
            }
            Self::Yearly => Date::of_day(day()).year,
        }
    }

    /// Appends a period's name: `2026-11-21T02`, `2026-11-21`, `2026-W47`, `2026-11`,
    /// `2026`; nothing for [`Rule::Last`].
    pub fn put_period(self, text: &mut String, period: i64) {
        match self {
            Self::Last => {}
            Self::Hourly => {
                calendar::put_date(text, period.div_euclid(24));
                text.push('T');
                calendar::put(text, period.rem_euclid(24), 2);
            }
            Self::Daily => calendar::put_date(text, period),
            Self::Weekly => {
                let (year, week) = calendar::iso_week(period * 7 - 3);
                calendar::put(text, year, 4);
                text.push_str("-W");
                calendar::put(text, week, 2);
            }
            Self::Monthly => {
                calendar::put(text, period.div_euclid(12), 4);
                text.push('-');
                calendar::put(text, period.rem_euclid(12) + 1, 2);
            }
            Self::Yearly => calendar::put(text, period, 4),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_spelled() {
        #[rustfmt::skip]
        let cases = [
            ("plain",                 1_795_312_811, ["", "2026-11-22T02", "2026-11-22", "2026-W47", "2026-11", "2026"]),
            ("2021-01-01, week 53",   1_609_459_200, ["", "2021-01-01T00", "2021-01-01", "2020-W53", "2021-01", "2021"]),
            ("2025-12-29, next year", 1_766_966_400, ["", "2025-12-29T00", "2025-12-29", "2026-W01", "2025-12", "2025"]),
            ("before the epoch",      -1,            ["", "1969-12-31T23", "1969-12-31", "1970-W01", "1969-12", "1969"]),
            ("year 0",          -62_167_219_200,     ["", "0000-01-01T00", "0000-01-01", "-0001-W52", "0000-01", "0000"]),
            ("year 10000",      253_402_300_800,     ["", "10000-01-01T00", "10000-01-01", "9999-W52", "10000-01", "10000"]),
        ];
        for (name, local, want) in cases {
            for (rule, want) in Rule::ALL.into_iter().zip(want) {
                let mut text = String::new();
                rule.put_period(&mut text, rule.period(local));
                assert_eq!(text, want, "{name}, {rule:?}");
            }
        }
    }
}
