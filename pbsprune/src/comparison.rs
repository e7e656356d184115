//! Where two policies, or a policy and the server itself, decide differently.
//!
//! Kept or removed is compared, nothing finer: the server's answer says no more.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    io::{self, Write},
};

use vmid::stream::{self, Lines, quote};

use crate::{
    extra::Extras,
    guard::Guards,
    judge::{Judged, Rules, judge},
    list::{Group, List},
    marked_rows::Rows,
    policy::Policy,
    retention::Keep,
    snapshot::Verdict,
    zone::Zone,
};

/// Columns of `--format table`.
pub const COLUMNS: &[&str] = &[
    "ns",
    "backup-type",
    "backup-id",
    "backup-time",
    "a",
    "b",
    "why",
    "error",
    "policy",
    "kept",
    "oldest",
    "largest_gap_s",
];

/// The server's own dry run: what it would keep.
#[derive(Clone, Debug, Default)]
pub struct Server {
    groups: HashSet<Group>,
    keeps: Vec<(Group, i64, bool)>,
}

/// What is wrong with the server's rows.
#[derive(Debug)]
pub enum Wrong {
    /// They are no records.
    Bad(stream::Bad),
    /// A row, the first being 1.
    Row(usize, crate::field::Fault),
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bad(bad) => write!(f, "{bad}"),
            Self::Row(number, fault) => write!(f, "record {number}: {fault}"),
        }
    }
}

impl std::error::Error for Wrong {}

impl Server {
    /// Reads the answer of `prune` with a dry run; rows without a namespace are in `ns`.
    ///
    /// # Errors
    ///
    /// It is something else, such as the UPID of a task.
    pub fn parse(text: &[u8], ns: &str) -> Result<Self, Wrong> {
        let records = stream::parse(text).map_err(Wrong::Bad)?;
        let mut server = Self::default();
        for (place, kept) in records.iter().enumerate() {
            let verdict = Verdict::of(&kept.record()).map_err(|f| Wrong::Row(place + 1, f))?;
            let group = Group {
                ns: verdict.ns.as_deref().unwrap_or(ns).to_owned(),
                kind: verdict.kind.into_owned(),
                id: verdict.id.into_owned(),
            };
            server.groups.insert(group.clone());
            server.keeps.push((group, verdict.time, verdict.keep));
        }
        Ok(server)
    }
}

/// What a policy is compared with.
#[derive(Clone, Copy, Debug)]
pub enum Other<'a> {
    /// Another policy.
    Policy(Keep),
    /// The server's answer.
    Server(&'a Server),
}

/// One side of the comparison.
#[derive(Debug)]
struct Side {
    name: String,
    /// By row: whether it stays; nothing if this side doesn't know it.
    stays: Vec<Option<bool>>,
}

/// Two sides of a list.
#[derive(Debug)]
pub struct Compared<'a> {
    list: &'a List,
    judged: [Option<Judged>; 2],
    sides: [Side; 2],
    /// Rows whose group the other side has nothing of.
    apart: Vec<bool>,
    /// What the server has and the list hasn't.
    foreign: Vec<(Group, i64, bool)>,
    /// Groups that the server has nothing of: not compared.
    pub strangers: usize,
}

impl<'a> Compared<'a> {
    /// Judges `list` by both.
    #[must_use]
    pub fn new(list: &'a List, zone: &Zone, a: Keep, b: Other<'_>) -> Self {
        let side = |keep: Keep| {
            let rules = Rules {
                policy: Policy::One(keep),
                extras: Extras::default(),
                guards: Guards::default(),
                now: 0, // asked for by guards only
            };
            let judged = judge(list, zone, &rules);
            let stays = |(place, row): (usize, &crate::list::Row)| {
                row.group().map(|_| !judged.fates[place].is_removed())
            };
            let name = if keep.is_empty() {
                "keep-all".to_owned()
            } else {
                keep.to_string()
            };
            let stays = list.rows.iter().enumerate().map(stays).collect();
            (judged, Side { name, stays })
        };
        let (judged_a, a) = side(a);
        let mut apart = vec![false; list.rows.len()];
        let (mut foreign, mut strangers) = (Vec::new(), 0);
        let (judged_b, b) = match b {
            Other::Policy(keep) => {
                let (judged, side) = side(keep);
                (Some(judged), side)
            }
            Other::Server(server) => {
                let known: Vec<_> = list
                    .groups
                    .iter()
                    .map(|g| server.groups.contains(g))
                    .collect();
                strangers = known.iter().filter(|known| !**known).count();
                let mut keeps: HashMap<(&Group, i64), bool> = HashMap::new();
                for (group, time, keep) in &server.keeps {
                    keeps.insert((group, *time), *keep);
                }
                let mut stays = Vec::with_capacity(list.rows.len());
                let mut met = HashSet::new();
                for (place, row) in list.rows.iter().enumerate() {
                    let group = row.group();
                    apart[place] = group.is_none_or(|group| !known[group]);
                    let key = group.map(|group| (&list.groups[group], row.time));
                    stays.push(key.and_then(|key| keeps.get(&key).copied()));
                    met.extend(key);
                }
                let unmet = server
                    .keeps
                    .iter()
                    .filter(|(g, time, _)| !met.contains(&(g, *time)));
                foreign = unmet.cloned().collect();
                let name = "server".to_owned();
                (None, Side { name, stays })
            }
        };
        Self {
            list,
            judged: [Some(judged_a), judged_b],
            sides: [a, b],
            apart,
            foreign,
            strangers,
        }
    }

    /// Writes the rows that differ, then a record for each side; whether they differ.
    ///
    /// # Errors
    ///
    /// Those of `lines`.
    pub fn write<W: Write>(&self, lines: &mut Lines<W>) -> io::Result<bool> {
        let mut differ = !self.foreign.is_empty();
        let [Some(judged), other] = &self.judged else {
            return Ok(false); // cannot be: the first side is a policy
        };
        let mut a_rows = Rows::new(self.list, judged, None);
        let mut b_rows = other
            .as_ref()
            .map(|judged| Rows::new(self.list, judged, None));
        for row in 0..self.list.rows.len() {
            let [a, b] = [0, 1].map(|side| self.sides[side].stays[row]);
            if a == b || self.apart[row] {
                continue;
            }
            differ = true;
            let mut why = format!("a: {}", a_rows.why(row));
            if let Some(b_rows) = &mut b_rows {
                why.push_str("; b: ");
                why.push_str(b_rows.why(row));
            }
            let (a, b) = (spelled(a), spelled(b));
            let members = format!(",\"a\":\"{a}\",\"b\":\"{b}\",\"why\":\"{why}\"");
            a_rows.with(row, &members, &["a", "b", "why"], lines)?;
        }
        for (group, time, keep) in &self.foreign {
            let (a, b) = (spelled(None), spelled(Some(*keep)));
            let (ns, kind, id) = (quote(&group.ns), quote(&group.kind), quote(&group.id));
            lines.own(&[
                ("ns", &ns),
                ("backup-type", &kind),
                ("backup-id", &id),
                ("backup-time", &time.to_string()),
                ("a", &quote(a)),
                ("b", &quote(b)),
            ])?;
        }
        for side in 0..2 {
            self.sum(side, judged, lines)?;
        }
        Ok(differ)
    }

    /// What stays of the compared groups.
    fn sum<W: Write>(&self, side: usize, judged: &Judged, lines: &mut Lines<W>) -> io::Result<()> {
        let (mut kept, mut oldest, mut gap) = (0_u64, None::<i64>, 0);
        for group in 0..self.list.groups.len() {
            let mut before: Option<i64> = None;
            for row in judged.oldest_first(self.list, group) {
                if self.apart[row] || self.sides[side].stays[row] != Some(true) {
                    continue;
                }
                let time = self.list.rows[row].time;
                kept += 1;
                oldest = Some(oldest.map_or(time, |oldest| oldest.min(time)));
                gap = gap.max(before.map_or(0, |before| time - before));
                before = Some(time);
            }
        }
        let oldest = oldest.map_or("null".to_owned(), |time| time.to_string());
        lines.own(&[
            ("policy", &quote(&self.sides[side].name)),
            ("kept", &kept.to_string()),
            ("oldest", &oldest),
            ("largest_gap_s", &gap.to_string()),
        ])
    }
}

fn spelled(stays: Option<bool>) -> &'static str {
    match stays {
        Some(true) => "keep",
        Some(false) => "remove",
        None => "absent",
    }
}
