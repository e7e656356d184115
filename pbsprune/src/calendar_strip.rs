//! A calendar in a few lines a year: on which days something is kept, and where the gaps are.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use crate::{
    calendar::{Date, days_of, put},
    retention::Fate,
    rule::Rule,
};

/// What the letters stand for.
pub const LEGEND: &str = "l h d w m y kept by keep-last ... keep-yearly, P protected, u unfinished, \
+ kept beside the rules, k kept without a rule, - all removed, . no backup";

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Months on a line.
const ABREAST: i64 = 2;

/// Lines without a backup that are still drawn; more are one line that says so.
const DRAWN: i64 = 6;

/// Days and what is kept of each.
#[derive(Clone, Debug, Default)]
pub struct Strip(BTreeMap<i64, char>);

impl Strip {
    /// Adds a snapshot of a local day; of several the one that is kept by the first rule shows.
    pub fn add(&mut self, day: i64, fate: Fate) {
        let new = letter(fate);
        let shown = self.0.entry(day).or_insert(new);
        if rank(new) < rank(*shown) {
            *shown = new;
        }
    }

    /// Writes the lines, the earliest first.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let mut next: Option<i64> = None;
        let mut days = self.0.iter().peekable();
        while let Some(&(&day, _)) = days.peek() {
            let line = month_of(day).div_euclid(ABREAST);
            let empty = next.map_or(0, |next| line - next);
            if empty > DRAWN {
                writeln!(out, "  ... {} months without a backup", empty * ABREAST)?;
            } else {
                for line in line - empty..line {
                    writeln!(out, "{}", self.line(line))?;
                }
            }
            writeln!(out, "{}", self.line(line))?;
            while days
                .next_if(|(day, _)| month_of(**day).div_euclid(ABREAST) == line)
                .is_some()
            {}
            next = Some(line + 1);
        }
        Ok(())
    }

    fn line(&self, line: i64) -> String {
        let mut text = String::from(" ");
        for month in line * ABREAST..(line + 1) * ABREAST {
            let year = month.div_euclid(12);
            let month = month.rem_euclid(12);
            if month % ABREAST == 0 {
                text.push(' ');
                put(&mut text, year, 4);
            }
            text.push(' ');
            text.push_str(MONTHS[month as usize]);
            text.push(' ');
            let (month, day) = (month + 1, 1);
            let first = Date { year, month, day }.to_day();
            let days = days_of(year, month);
            for day in first..first + days {
                text.push(self.0.get(&day).copied().unwrap_or('.'));
            }
            text.extend(std::iter::repeat_n(' ', (31 - days) as usize));
        }
        text.truncate(text.trim_end().len());
        text
    }
}

fn month_of(day: i64) -> i64 {
    let date = Date::of_day(day);
    date.year * 12 + date.month - 1
}

fn letter(fate: Fate) -> char {
    match fate {
        Fate::Keep(rule, _) => match rule {
            Rule::Last => 'l',
            Rule::Hourly => 'h',
            Rule::Daily => 'd',
            Rule::Weekly => 'w',
            Rule::Monthly => 'm',
            Rule::Yearly => 'y',
        },
        Fate::Protected => 'P',
        Fate::Partial => 'u',
        Fate::InPlaceOfFailed | Fate::NewestVerified | Fate::Within | Fate::Oldest(_) => '+',
        Fate::KeepAll | Fate::NoPolicy => 'k',
        _ => '-',
    }
}

fn rank(letter: char) -> usize {
    "lhdwmyk+Pu-".find(letter).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(year: i64, month: i64, day: i64) -> i64 {
        Date { year, month, day }.to_day()
    }

    #[test]
    fn gaps_are_drawn_and_long_ones_told() {
        let mut strip = Strip::default();
        strip.add(day(2023, 12, 31), Fate::Keep(Rule::Yearly, 1));
        strip.add(day(2026, 2, 27), Fate::Beyond(Rule::Daily));
        strip.add(day(2026, 2, 28), Fate::Beyond(Rule::Daily));
        strip.add(day(2026, 2, 28), Fate::Keep(Rule::Daily, 2));
        strip.add(day(2026, 2, 28), Fate::Protected);
        strip.add(day(2026, 5, 1), Fate::Partial);
        let mut out = Vec::new();
        strip.print(&mut out).unwrap();
        let want = "  \
  2023 Nov ..............................  Dec ..............................y
  ... 24 months without a backup
  2026 Jan ............................... Feb ..........................-d
  2026 Mar ............................... Apr ..............................
  2026 May u.............................. Jun ..............................
";
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }
}
