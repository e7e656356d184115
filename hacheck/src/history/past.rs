//! How often a pair's holder changed within the last hour: from line to line of the history, and by
//! what the daemons themselves count in between.

use super::Line;

/// More changes of the holder within an hour than this are flapping.
pub const MOST_AN_HOUR: u64 = 3;

/// An hour in milliseconds.
const HOUR_MS: i64 = 3_600_000;

/// What the file says of one pair's last hour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// Changes of the holder from line to line, and to now.
    pub changes: u64,
    /// Changes of the holder, by keepalived's counters: at least so many.
    pub counted: u64,
    /// Lines that this rests on.
    pub checks: usize,
}

impl Past {
    /// The last hour of `pair`, with what is seen now.
    #[must_use]
    pub fn of(lines: &[Line], now: &Line) -> Self {
        let mut of_pair: Vec<&Line> = lines.iter().filter(|line| line.is_of(now)).collect();
        // The last line before the hour says who held it when the hour began.
        let from = of_pair
            .iter()
            .rposition(|line| line.at_ms <= now.at_ms - HOUR_MS)
            .unwrap_or(0);
        of_pair.drain(..from);
        of_pair.push(now);
        let mut past = Self {
            checks: of_pair.len(),
            ..Self::default()
        };
        for two in of_pair.windows(2) {
            past.changes += u64::from(two[0].holder != two[1].holder);
            past.counted = past.counted.saturating_add(counted(two[0], two[1]));
        }
        past
    }
}

/// Changes of the holder between two lines that the daemons know of. Each time that a member became
/// master is one; and as often as it became master it lost the VIP again, but for who holds it
/// before and after, so that the counter of one member tells of the other's.
fn counted(before: &Line, after: &Line) -> u64 {
    let members = after.become_master.keys();
    let rises: Vec<(&String, u64)> = members
        .map(|name| (name, rises(before, after, name)))
        .collect();
    let in_all = rises
        .iter()
        .fold(0_u64, |sum, (_, rises)| sum.saturating_add(*rises));
    let risen = rises.iter().filter(|(_, rises)| *rises > 0);
    let of_one = risen.map(|(name, rises)| {
        let held_before = u64::from(before.holder == **name);
        let holds_after = u64::from(after.holder == **name);
        rises
            .saturating_mul(2)
            .saturating_add(held_before)
            .saturating_sub(holds_after)
    });
    of_one.max().unwrap_or(0).max(in_all)
}

/// How often a member became master between two lines.
fn rises(before: &Line, after: &Line, name: &str) -> u64 {
    let count = after.become_master.get(name).copied().unwrap_or(0);
    let Some(&known) = before.become_master.get(name) else {
        return 0; // it was not asked before
    };
    if count < known {
        return count; // a daemon that was started anew counts from nothing
    }
    // Of the same count, and master of another time: it was started anew, and has risen since. Both
    // times are by its own clock.
    let since = |line: &Line| line.master_since_ms.get(name).copied();
    let anew = count == known && since(after).is_some() && since(before) != since(after);
    if anew { 1 } else { count - known }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// The counters are those of a and b.
    fn line(second: i64, holder: &str, counts: &[u64], since_s: Option<i64>) -> Line {
        let names = ["a", "b"].map(str::to_owned);
        Line {
            at_ms: second * 1000,
            pair: "dns".to_owned(),
            vip: None,
            holder: holder.to_owned(),
            become_master: names.into_iter().zip(counts.iter().copied()).collect(),
            master_since_ms: since_s
                .map(|since| (holder.to_owned(), since * 1000))
                .into_iter()
                .collect::<BTreeMap<_, _>>(),
        }
    }

    #[test]
    fn changes_of_the_last_hour() {
        let minute = |minute: i64, holder: &str, count: Option<u64>| {
            line(minute * 60, holder, count.as_slice(), None)
        };
        // A daemon that was stopped and started: its counter begins anew, the other's rises.
        let restarts: Vec<Line> = (0..4)
            .map(|n| line(n * 10, "a", &[1, n as u64 + 1], Some(n * 10 - 5)))
            .collect();
        let (last, before) = restarts.split_last().unwrap();
        #[rustfmt::skip]
        let cases = [
            ("nothing before",       vec![], minute(0, "a", None), (0, 0)),
            ("the same",             vec![minute(0, "a", None)], minute(1, "a", None), (0, 0)),
            ("one change",           vec![minute(0, "a", None)], minute(1, "b", None), (1, 0)),
            ("to and fro",           vec![minute(0, "a", None), minute(1, "b", None), minute(2, "a", None)], minute(3, "b", None), (3, 0)),
            ("changes long ago",     vec![minute(0, "a", None), minute(1, "b", None), minute(2, "a", None)], minute(70, "a", None), (0, 0)),
            ("who held it before",   vec![minute(0, "a", None)], minute(70, "b", None), (1, 0)),
            ("unseen but counted",   vec![minute(0, "a", Some(2))], minute(1, "a", Some(7)), (0, 10)),
            ("it was lost last",     vec![minute(0, "a", Some(2))], minute(1, "b", Some(3)), (1, 3)),
            ("it was gained",        vec![minute(0, "b", Some(2))], minute(1, "a", Some(3)), (1, 1)),
            ("counted anew",         vec![minute(0, "a", Some(9))], minute(1, "a", Some(1)), (0, 2)),
            ("counter known lately", vec![minute(0, "a", None)], minute(1, "a", Some(9)), (0, 0)),
            ("both count",           vec![line(0, "a", &[4, 1], None)], line(60, "b", &[5, 3], None), (1, 3)),
            ("restarts in between",  before.to_vec(), last.clone(), (0, 6)),
            ("a counter like no other", vec![line(0, "a", &[0, 0], None)], line(60, "b", &[u64::MAX, 7], None), (1, u64::MAX)),
            ("a clock ahead",        vec![line(0, "a", &[12, 0], Some(3))], line(60, "a", &[12, 0], Some(3)), (0, 0)),
            ("as it was all along",  vec![line(0, "a", &[1, 0], Some(-9))], line(60, "a", &[1, 0], Some(-9)), (0, 0)),
        ];
        for (name, lines, now, want) in cases {
            let past = Past::of(&lines, &now);
            assert_eq!((past.changes, past.counted), want, "{name}");
        }
    }
}
