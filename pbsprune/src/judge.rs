//! The judgement of a whole list: every group by its own policy, then the guards.

use crate::{
    extra::Extras,
    guard::{Flaws, Guards, Refusal},
    list::{Grouped, List, Snapshots},
    policy::Policy,
    retention::{Fate, Keep, decide},
    rule::Rule,
    zone::{Offsets, Zone},
};

/// By what a list is judged.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What to keep.
    pub policy: Policy,
    /// What to keep beside it.
    pub extras: Extras,
    /// When not to act; all off is PBS's bare decision.
    pub guards: Guards,
    /// What the guards take for now, in seconds.
    pub now: i64,
}

/// What becomes of each row of a list.
#[derive(Debug)]
pub struct Judged {
    /// The rows by group.
    pub grouped: Grouped,
    /// By row: another snapshot is named by its place in `keepers`. Rows that carry an
    /// error have no say.
    pub fates: Vec<Fate>,
    /// The snapshots that a rule keeps, each with its time. A row's reason looks here, and
    /// not at a row somewhere in a million: a hundredth of the memory, so it is fast.
    pub keepers: Vec<(i64, Fate)>,
    /// By group: the counts that it was judged by.
    pub keeps: Vec<Keep>,
    /// By group: why it is left alone, if it is.
    pub refusals: Vec<Option<Refusal>>,
    /// Rows that repeat a snapshot.
    pub repeated: u64,
    offsets: Offsets,
}

/// Judges every row of `list`.
#[must_use]
pub fn judge(list: &List, zone: &Zone, rules: &Rules) -> Judged {
    let grouped = list.grouped();
    let mut fates = vec![Fate::KeepAll; list.rows.len()];
    let mut keeps = Vec::with_capacity(list.groups.len());
    let mut refusals = Vec::with_capacity(list.groups.len());
    let mut group = Snapshots::of(list, zone);
    let (mut own, mut spare) = (Vec::new(), Vec::new());
    let (mut keepers, mut places) = (Vec::new(), Vec::new());
    let (mut removed, mut all) = (0, 0);
    for (place, name) in list.groups.iter().enumerate() {
        let rows = grouped.rows(place);
        group.take(rows);
        let keep = rules.policy.keep(name);
        let counts = keep.unwrap_or_default();
        decide(&group.snapshots, &counts, &mut own);
        if keep.is_none() {
            let all = own.iter_mut().filter(|fate| **fate == Fate::KeepAll);
            all.for_each(|fate| *fate = Fate::NoPolicy);
        }
        rules
            .extras
            .add(&group.snapshots, &counts, &mut own, &mut spare);
        let flaws = Flaws {
            failed: list.failed[place],
            mixed: list.mixed[place],
        };
        let refusal = rules
            .guards
            .refuse(&group.snapshots, &own, flaws, rules.now);
        all += own.len() as u64;
        if refusal.is_none() {
            removed += own.iter().filter(|fate| fate.is_removed()).count() as u64;
        }
        places.clear();
        for (fate, snapshot) in own.iter().zip(&group.snapshots) {
            places.push(keepers.len() as u32); // no more than rows
            if matches!(fate, Fate::Keep(..)) {
                keepers.push((snapshot.time, *fate));
            }
        }
        let mut snapshot = 0;
        for &row in rows {
            while group.snapshots[snapshot].time != list.rows[row as usize].time {
                snapshot += 1;
            }
            fates[row as usize] = with_keepers(own[snapshot], &places);
        }
        keeps.push(counts);
        refusals.push(refusal);
    }
    if let Some(refusal) = rules.guards.refuse_all(removed, all) {
        for (place, own) in refusals.iter_mut().enumerate() {
            let mut fates = grouped.rows(place).iter().map(|&row| fates[row as usize]);
            if own.is_none() && fates.any(Fate::is_removed) {
                *own = Some(refusal);
            }
        }
    }
    Judged {
        grouped,
        fates,
        keepers,
        keeps,
        refusals,
        repeated: group.repeated,
        offsets: group.into_offsets(),
    }
}

/// The fate with the place among the keepers of the snapshot that it names, instead of that in the group.
fn with_keepers(fate: Fate, places: &[u32]) -> Fate {
    match fate {
        Fate::Displaced(rule, place) => Fate::Displaced(rule, places[place as usize]),
        Fate::Covered(rule, place) => Fate::Covered(rule, places[place as usize]),
        fate => fate,
    }
}

impl Judged {
    /// The time and fate of the snapshot that a fate names.
    #[must_use]
    pub fn other(&self, fate: Fate) -> Option<(i64, Fate)> {
        match fate {
            Fate::Displaced(_, keeper) | Fate::Covered(_, keeper) => {
                Some(self.keepers[keeper as usize])
            }
            _ => None,
        }
    }

    /// The rule that a fate names as its reason.
    #[must_use]
    pub fn rule(fate: Fate) -> Option<Rule> {
        match fate {
            Fate::Keep(rule, _) | Fate::Displaced(rule, _) => Some(rule),
            _ => None,
        }
    }

    /// The period, for `rule`, of a time of the list.
    #[must_use]
    pub fn period(&self, rule: Rule, time: i64) -> i64 {
        rule.period(self.offsets.local(time))
    }

    /// The local time of a time of the list, seconds on the wall clock.
    #[must_use]
    pub fn local(&self, time: i64) -> i64 {
        self.offsets.local(time)
    }

    /// Of the rows of a group, oldest first, the first of each snapshot.
    pub fn oldest_first<'a>(
        &'a self,
        list: &'a List,
        group: usize,
    ) -> impl Iterator<Item = usize> + 'a {
        let rows = self.grouped.rows(group);
        let time = |place: usize| list.rows[rows[place] as usize].time;
        let first = move |&place: &usize| place == 0 || time(place - 1) != time(place);
        let places = (0..rows.len()).rev().filter(first);
        places.map(|place| rows[place] as usize)
    }
}
