//! The sentence that says to a person why a row has its mark.

use std::time::Duration;

use vmid::span;

use crate::{
    calendar::{put, put_utc},
    retention::{Fate, Keep},
    rule::Rule,
};

/// What a sentence can name beside the fate itself.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// The counts that the group was judged by.
    pub keep: Keep,
    /// `--keep-within`
    pub within: Option<Duration>,
    /// The snapshot that the fate names: its time, and its own fate.
    pub other: Option<(i64, Fate)>,
}

/// Appends the sentence; it holds nothing of the input but times, so nothing to escape.
pub fn put_why(text: &mut String, fate: Fate, context: &Context) {
    let keep = &context.keep;
    match fate {
        Fate::Protected => text.push_str("protected: not to be removed, and counted by no rule"),
        Fate::Partial => {
            text.push_str("unfinished and the newest of its group: it may still be running")
        }
        Fate::KeepAll => text.push_str("no keep option is set, so everything is kept"),
        Fate::NoPolicy => text.push_str("no entry of the policy is for its group"),
        Fate::Keep(Rule::Last, count) => {
            put(text, count.into(), 1);
            text.push_str(" of the newest ");
            put_count(text, keep, Rule::Last);
        }
        Fate::Keep(rule, count) => {
            text.push_str(rule.unit());
            text.push(' ');
            put(text, count.into(), 1);
            text.push_str(" of the ");
            put_count(text, keep, rule);
        }
        Fate::InPlaceOfFailed => text.push_str("in the place of one whose verification failed"),
        Fate::NewestVerified => text.push_str("the newest of its group that was verified"),
        Fate::Within => {
            text.push_str("within ");
            text.extend(context.within.map(span::written));
            text.push_str(" of the newest of its group");
        }
        Fate::Oldest(rule) => {
            text.push_str("the oldest of its group while there are less than the ");
            put_count(text, keep, rule);
        }
        Fate::Incomplete => text.push_str("unfinished and not the newest of its group"),
        Fate::Displaced(rule, _) => {
            text.push_str("same ");
            text.push_str(rule.unit());
            if let Some((time, other)) = context.other {
                text.push_str(" as ");
                put_utc(text, time);
                text.push_str(", kept by ");
                put_keeper(text, other);
            }
        }
        Fate::Covered(rule, _) => {
            text.push_str("its ");
            text.push_str(rule.unit());
            text.push_str(" is covered by ");
            match context.other {
                Some((_, Fate::Keep(by, _))) => text.push_str(by.keep_name()),
                _ => text.push_str("an earlier rule"),
            }
        }
        Fate::Beyond(rule) => {
            text.push_str(if rule == Rule::Last {
                "beyond the newest "
            } else {
                "beyond the "
            });
            put_count(text, keep, rule);
        }
    }
}

/// `keep-weekly 1`: the rule that keeps a snapshot, and the how manieth it is.
fn put_keeper(text: &mut String, fate: Fate) {
    if let Fate::Keep(rule, count) = fate {
        text.push_str(rule.keep_name());
        text.push(' ');
        put(text, count.into(), 1);
    }
}

/// `7 days of keep-daily`; `3 of keep-last`.
fn put_count(text: &mut String, keep: &Keep, rule: Rule) {
    use std::fmt::Write as _;
    let count = keep.count(rule);
    let _ = write!(text, "{count}"); // cannot fail: a String takes everything
    if rule != Rule::Last {
        text.push(' ');
        text.push_str(rule.unit());
        text.push_str(if count == 1 { "" } else { "s" });
    }
    text.push_str(" of ");
    text.push_str(rule.keep_name());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences() {
        let keep = Keep([3, 0, 7, 1, 12, 0]);
        let other = |fate| Some((1_795_312_811, fate));
        let week = other(Fate::Keep(Rule::Weekly, 1));
        let day = other(Fate::Keep(Rule::Daily, 3));
        #[rustfmt::skip]
        let cases = [
            (Fate::Keep(Rule::Last, 2),        None, "2 of the newest 3 of keep-last"),
            (Fate::Keep(Rule::Monthly, 4),     None, "month 4 of the 12 months of keep-monthly"),
            (Fate::Within,                     None, "within 14d of the newest of its group"),
            (Fate::Oldest(Rule::Monthly),      None, "the oldest of its group while there are less than the 12 months of keep-monthly"),
            (Fate::Displaced(Rule::Weekly, 0), week, "same week as 2026-11-22T02:00:11Z, kept by keep-weekly 1"),
            (Fate::Covered(Rule::Monthly, 0),  day,  "its month is covered by keep-daily"),
            (Fate::Beyond(Rule::Daily),        None, "beyond the 7 days of keep-daily"),
            (Fate::Beyond(Rule::Weekly),       None, "beyond the 1 week of keep-weekly"),
            (Fate::Beyond(Rule::Last),         None, "beyond the newest 3 of keep-last"),
        ];
        for (fate, other, want) in cases {
            let mut text = String::new();
            let within = Some(Duration::from_secs(14 * 86_400));
            put_why(
                &mut text,
                fate,
                &Context {
                    keep,
                    within,
                    other,
                },
            );
            assert_eq!(text, want, "{fate:?}");
        }
    }
}
