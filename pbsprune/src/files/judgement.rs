//! What becomes of each backup: the rules of PBS for each series, the guards, and what only adds keeps.
//!
//! Joined series keep what one of them keeps of a time. A backup that stands on others (an increment) keeps
//! those. So what goes is always a part of what PBS's rules let go.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    backups::{Backup, Series},
    chains::{Chain, Held, chains, keep_needed},
    verdict::{Judged, Verdict},
    words::joined,
};
use crate::{
    calendar::utc,
    extra::Extras,
    guard::{Flaws, Guards},
    list::Group,
    policy::Policy,
    retention::{Fate, Snapshot, Verification, decide},
    zone::Zone,
};

pub use crate::guard::Refusal;

/// By what files are judged.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What to keep.
    pub policy: Policy,
    /// What to keep beside it.
    pub extras: Extras,
    /// When not to act.
    pub guards: Guards,
    /// Words of names that are parts of one backup.
    pub joins: Vec<String>,
    /// What the guards take for now, in seconds.
    pub now: i64,
}

/// Why a guard refuses a series; what a server does meanwhile has no part in it.
#[must_use]
pub fn refusal_told(refusal: &Refusal) -> String {
    match refusal {
        Refusal::FutureDated { newest, now } => format!(
            "the newest of the series is of {}, more than 1h after now, {}: it would push real backups out",
            utc(*newest),
            utc(*now)
        ),
        refusal => refusal.to_string(),
    }
}

/// Judges every series; `held` are archives of chains that are left alone, `failed` says of which series a
/// record came with an error.
#[must_use]
pub fn judge(
    series: &[Series],
    held: &[Held],
    failed: impl Fn(&Series) -> bool,
    zone: &Zone,
    rules: &Rules,
) -> Vec<Judged> {
    let mut spare = Vec::new();
    let mut judged = Vec::with_capacity(series.len());
    let (mut removed, mut all) = (0, 0);
    let (joins, chains) = (joins(series, &rules.joins), chains(series, held));
    let baseless: HashSet<usize> = chains.iter().flat_map(Chain::baseless).copied().collect();
    for (place, series) in series.iter().enumerate() {
        let snapshots = snapshots(&series.backups, zone);
        let keep = rules.policy.keep(&group(&series.name));
        let counts = keep.unwrap_or_default();
        let mut fates = Vec::new();
        decide(&snapshots, &counts, &mut fates);
        if keep.is_none() {
            let all = fates.iter_mut().filter(|fate| **fate == Fate::KeepAll);
            all.for_each(|fate| *fate = Fate::NoPolicy);
        }
        rules
            .extras
            .add(&snapshots, &counts, &mut fates, &mut spare);
        let flaws = Flaws {
            failed: failed(series),
            mixed: false,
        };
        let refusal = rules.guards.refuse(&snapshots, &fates, flaws, rules.now);
        let no_full = !counts.is_empty() && baseless.contains(&place);
        let refusal = refusal.or(no_full.then_some(Refusal::NoFull));
        all += fates.len() as u64;
        if refusal.is_none() {
            removed += fates.iter().filter(|fate| fate.is_removed()).count() as u64;
        }
        judged.push(Judged {
            keep: counts,
            refusal,
            verdicts: fates.into_iter().map(Verdict::Rule).collect(),
        });
    }
    if let Some(refusal) = rules.guards.refuse_all(removed, all) {
        for judged in &mut judged {
            if judged.refusal.is_none() && judged.verdicts.iter().any(Verdict::is_removed) {
                judged.refusal = Some(refusal);
            }
        }
    }
    // One may keep what the other then has to keep more for; each round keeps more, so it ends.
    while keep_joined(series, &joins, &mut judged) | keep_needed(&chains, &mut judged) {}
    judged
}

/// What a policy file sees of a series: the service, which is the folder's name without BK_.
fn group(name: &str) -> Group {
    let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
    let folder = folder.rsplit('/').next().unwrap_or_default();
    Group {
        ns: String::new(),
        kind: "host".to_owned(),
        id: folder.strip_prefix("BK_").unwrap_or(folder).to_owned(),
    }
}

fn snapshots(backups: &[Backup], zone: &Zone) -> Vec<Snapshot> {
    let (first, last) = (backups.last(), backups.first());
    let time = |backup: Option<&Backup>| backup.map_or(0, |backup| backup.time);
    let offsets = zone.offsets(time(first), time(last));
    let snapshots = backups.iter().map(|backup| Snapshot {
        time: backup.time,
        local: offsets.local(backup.time),
        finished: !backup.complete.is_empty(),
        protected: false,
        verification: Verification::Unknown,
    });
    snapshots.collect()
}

/// The places of series, by what they are called without the word that is joined.
fn joins(series: &[Series], words: &[String]) -> Vec<Vec<usize>> {
    let mut joins: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (place, series) in series.iter().enumerate() {
        let (folder, name) = series.name.rsplit_once('/').unwrap_or(("", &series.name));
        if let Some(name) = joined(name, words) {
            joins
                .entry(format!("{folder}/{name}"))
                .or_default()
                .push(place);
        }
    }
    joins.into_values().filter(|join| join.len() > 1).collect()
}

/// Of joined series: what one keeps of a time the others keep. Whether that was anything.
fn keep_joined(series: &[Series], joins: &[Vec<usize>], judged: &mut [Judged]) -> bool {
    let mut more = false;
    for join in joins {
        let mut kept: HashMap<i64, usize> = HashMap::new();
        for &place in join {
            for (at, backup) in series[place].backups.iter().enumerate() {
                if !backup.complete.is_empty() && judged[place].stays(at) {
                    kept.entry(backup.time).or_insert(place);
                }
            }
        }
        for &place in join {
            for (at, backup) in series[place].backups.iter().enumerate() {
                let keeper = kept.get(&backup.time);
                if let Some(&keeper) = keeper.filter(|_| !backup.complete.is_empty())
                    && !judged[place].stays(at)
                {
                    judged[place].verdicts[at] = Verdict::Joined(series[keeper].name.clone());
                    more = true;
                }
            }
        }
    }
    more
}
