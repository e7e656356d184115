//! What becomes of each file: the mark, the reason and the sentence that its record gets.

use std::time::Duration;

use super::{
    backups::{Backups, Role},
    file::File,
    judgement::Refusal,
    verdict::{Judged, Verdict},
};
use crate::{
    calendar::utc,
    marked_rows::reason,
    retention::Fate,
    why::{Context, put_why},
};

/// What becomes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is marked.
    Marked(Mark),
    /// A guard refused its series.
    Refused(Refusal),
    /// It is left alone: the values of `reason` and `why`.
    Left(&'static str, String),
}

/// The mark of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// `keep`, `keep-partial`, `remove`
    pub mark: &'static str,
    /// The rule, or why there is none.
    pub reason: &'static str,
    /// The sentence.
    pub why: String,
}

impl Outcome {
    /// It will be gone.
    #[must_use]
    pub fn is_removed(&self) -> bool {
        matches!(self, Self::Marked(mark) if mark.mark == "remove")
    }
}

/// What becomes of each of `files`.
#[must_use]
pub fn outcomes(
    files: &[File],
    backups: &Backups,
    judged: &[Judged],
    within: Option<Duration>,
) -> Vec<Outcome> {
    let archive = |index: usize| match &backups.roles[index] {
        Role::Archive(series, backup) => {
            let of = &backups.series[*series].backups;
            let whole = of[*backup].complete.contains(&index);
            let (alone, judged) = (of[*backup].complete.is_empty(), &judged[*series]);
            Some(match (&judged.refusal, whole || alone) {
                (Some(refusal), _) => Outcome::Refused(*refusal),
                (None, true) => of_backup(backups, *series, *backup, judged, within),
                (None, false) => beside_complete(*backup, judged),
            })
        }
        Role::Left(left) => Some(Outcome::Left(left.code(), left.why())),
        Role::Companion(_) => None,
    };
    let own: Vec<_> = (0..files.len()).map(archive).collect();
    let outcomes = (0..files.len()).map(|index| match &backups.roles[index] {
        Role::Companion(owners) => companion(files, owners, &own),
        // cannot be none: only companions have nothing of their own
        _ => own[index]
            .clone()
            .unwrap_or(Outcome::Left("other", String::new())),
    });
    outcomes.collect()
}

/// A complete archive, or an incomplete one that nothing complete is beside.
fn of_backup(
    backups: &Backups,
    series: usize,
    backup: usize,
    judged: &Judged,
    within: Option<Duration>,
) -> Outcome {
    let of = &backups.series[series].backups;
    Outcome::Marked(match &judged.verdicts[backup] {
        Verdict::Joined(keeper) => Mark {
            mark: "keep",
            reason: "joined",
            why: format!("joined with {keeper}, which keeps its own of that time"),
        },
        Verdict::Needed(by) => Mark {
            mark: "keep",
            reason: "needed",
            why: by.map_or_else(
                || "an increment whose time isn't known may stand on it".to_owned(),
                |by| format!("that of {} stands on it", utc(by)),
            ),
        },
        Verdict::Rule(fate) => {
            let other = match fate {
                Fate::Displaced(_, place) | Fate::Covered(_, place) => {
                    let place = *place as usize;
                    let fate = match judged.verdicts[place] {
                        Verdict::Rule(fate) => fate,
                        _ => Fate::KeepAll,
                    };
                    Some((of[place].time, fate))
                }
                _ => None,
            };
            let mut why = String::new();
            let keep = judged.keep;
            let context = Context {
                keep,
                within,
                other,
            };
            put_why(&mut why, *fate, &context);
            Mark {
                mark: fate.mark(),
                reason: reason(*fate).unwrap_or("partial"),
                why,
            }
        }
    })
}

/// An incomplete archive beside complete ones of its series and time.
fn beside_complete(backup: usize, judged: &Judged) -> Outcome {
    let (mark, reason, why) = match (judged.keep.is_empty(), backup) {
        (true, _) => (
            "keep",
            "keep-all",
            "no keep option is set, so everything is kept",
        ),
        (false, 0) => (
            "keep-partial",
            "partial",
            "unfinished, and of the newest of its group: it may still be running",
        ),
        (false, _) => (
            "remove",
            "incomplete",
            "unfinished, and a complete one of that time is beside it",
        ),
    };
    let why = why.to_owned();
    Outcome::Marked(Mark { mark, reason, why })
}

/// A companion goes if all go that it belongs to; `own` are the outcomes of all others.
fn companion(files: &[File], owners: &[usize], own: &[Option<Outcome>]) -> Outcome {
    let removed = |index: &usize| own[*index].as_ref().is_some_and(Outcome::is_removed);
    let staying = owners.iter().find(|owner| !removed(owner));
    // cannot be none: a companion without owners is left alone
    let Some(named) = staying.or(owners.first()) else {
        return Outcome::Left("orphan", String::new());
    };
    let name = files[*named].name();
    match (&own[*named], staying) {
        (Some(Outcome::Refused(refusal)), _) => Outcome::Refused(*refusal),
        (Some(Outcome::Left(..)), _) => Outcome::Left(
            "companion",
            format!("it belongs to {name}, which is left alone"),
        ),
        (_, Some(_)) => Outcome::Marked(Mark {
            mark: "keep",
            reason: "companion",
            why: format!("stays with {name}"),
        }),
        (_, None) => Outcome::Marked(Mark {
            mark: "remove",
            reason: "companion",
            why: format!("goes with {name}"),
        }),
    }
}
