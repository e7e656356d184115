//! The guests: all of them as the overview has them, and what is asked of each.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
};

use serde_json::Value;
use vmid::exit::Stop;

use super::{
    request::{Asker, Raw, ask, each, failed, parsed},
    spelling::{list, number, text, time},
};
use crate::{
    pve::Failure,
    state::{Current, Guest, Kind, Node, SnapshotConfig, Snapshots, is_true},
};

/// The guests of `/cluster/resources`.
///
/// # Errors
///
/// What makes no sense, so that no guest is silently left out.
pub fn guests(resources: &Value) -> Result<Vec<Guest>, String> {
    let entries = list(resources).filter(|entry| entry["type"] == "qemu" || entry["type"] == "lxc");
    let guests: Result<Vec<Guest>, String> = entries
        .map(|entry| {
            let vmid = u32::try_from(number(&entry["vmid"])).unwrap_or_default();
            let node = text(entry, "node").filter(|_| vmid > 0);
            let node = node.ok_or_else(|| format!("/cluster/resources: not a guest: {entry}"))?;
            let kind = if entry["type"] == "qemu" {
                Kind::Qemu
            } else {
                Kind::Lxc
            };
            Ok(Guest {
                vmid,
                kind,
                name: text(entry, "name").unwrap_or_default(),
                node,
                status: text(entry, "status").unwrap_or_else(|| "unknown".to_owned()),
                template: is_true(&entry["template"]),
                maxmem: number(&entry["maxmem"]),
                mem: number(&entry["mem"]),
                disk: number(&entry["disk"]),
                lock: text(entry, "lock").filter(|lock| !lock.is_empty()),
                pool: text(entry, "pool").filter(|pool| !pool.is_empty()),
                uptime: number(&entry["uptime"]),
                current: None,
                config: None,
                snapshots: None,
                snapshot_times: BTreeMap::new(),
                precondition: None,
            })
        })
        .collect();
    let mut guests = guests?;
    guests.sort_by_key(|guest| guest.vmid);
    Ok(guests)
}

/// What is asked of a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Question {
    Config,
    Snapshots,
    Precondition,
    Current,
    SnapshotConfig(String),
}

impl Question {
    /// The path below the guest's.
    fn path(&self) -> String {
        match self {
            // `current`: what is in effect, not what waits for the next start.
            Self::Config => "config?current=1".to_owned(),
            Self::Snapshots => "snapshot".to_owned(),
            Self::Precondition => "migrate".to_owned(),
            Self::Current => "status/current".to_owned(),
            Self::SnapshotConfig(name) => format!("snapshot/{name}/config"),
        }
    }
}

/// Reads the guests of `wanted` (of all nodes, if it is empty) in full, and asks after those
/// whose state the overview may have wrong: what it has as stopped or unknown of the guests
/// that are read in full, what it has as unknown elsewhere, and every guest of a node that
/// reports nothing (`silent`), of which it has what was so before.
pub fn read(
    pve: &Asker<'_>,
    guests: &mut [Guest],
    nodes: &[Node],
    silent: &[String],
    wanted: &[String],
) -> Result<(), Stop> {
    let online = |name: &str| nodes.iter().any(|node| node.online && node.node == name);
    let mut questions = Vec::new();
    for (at, guest) in guests.iter().enumerate() {
        if !online(&guest.node) {
            continue;
        }
        let in_full = wanted.is_empty() || wanted.contains(&guest.node);
        if in_full {
            let all = [
                Question::Config,
                Question::Snapshots,
                Question::Precondition,
            ];
            questions.extend(all.map(|question| (at, question)));
        }
        // What is a template never runs.
        let doubtful = match &guest.status[..] {
            "unknown" => true,
            "stopped" => in_full && !guest.template,
            _ => false,
        };
        if doubtful || silent.contains(&guest.node) {
            questions.push((at, Question::Current));
        }
    }
    ask_all(pve, guests, &questions)?;

    let mut questions = Vec::new();
    for (at, guest) in guests.iter_mut().enumerate() {
        if let (Kind::Lxc, Some(snapshots)) = (guest.kind, &guest.snapshots) {
            let names: Vec<String> = snapshots.names().map(str::to_owned).collect();
            guest.snapshots = Some(Snapshots::Configs(BTreeMap::new()));
            questions.extend(
                names
                    .into_iter()
                    .map(|name| (at, Question::SnapshotConfig(name))),
            );
        }
    }
    ask_all(pve, guests, &questions)
}

fn ask_all(
    pve: &Asker<'_>,
    guests: &mut [Guest],
    questions: &[(usize, Question)],
) -> Result<(), Stop> {
    // The check of containers came with PVE 9: the first 501 saves the other questions.
    let no_check = AtomicBool::new(false);
    let path = |at: usize, question: &Question| {
        let Guest {
            node, kind, vmid, ..
        } = &guests[at];
        format!("/nodes/{node}/{}/{vmid}/{}", kind.as_str(), question.path())
    };
    let replies = each(questions, |(at, question)| {
        let container = *question == Question::Precondition && guests[*at].kind == Kind::Lxc;
        if container && no_check.load(Ordering::Relaxed) {
            return None;
        }
        if let Question::SnapshotConfig(name) = question
            && !is_word(name)
        {
            let what = format!("{name:?} is no name of a snapshot");
            return Some((
                String::new(),
                Err(Failure::Status {
                    status: 400,
                    message: what,
                    refused: true,
                }),
            ));
        }
        let path = path(*at, question);
        let reply = ask(pve, &path);
        if container && matches!(&reply, Err(failure) if failure.status() == Some(501)) {
            no_check.store(true, Ordering::Relaxed);
        }
        Some((path, reply))
    });
    for ((at, question), reply) in questions.iter().zip(replies) {
        let Some((path, reply)) = reply.flatten() else {
            continue;
        };
        match reply {
            Ok(raw) => answer(&mut guests[*at], question, raw),
            // Locked, gone, not ours to see, or not in this PVE: the planner is told by its absence.
            Err(failure @ Failure::Status { .. }) => {
                if let Question::SnapshotConfig(name) = question {
                    let why = SnapshotConfig::Unseen(failure.to_string());
                    snapshot(&mut guests[*at], name, why);
                }
            }
            Err(failure) => return Err(failed(pve, &path, failure)),
        }
    }
    Ok(())
}

fn answer(guest: &mut Guest, question: &Question, raw: Raw) {
    match question {
        Question::Config => guest.config = Some(raw),
        Question::Snapshots => {
            let list = parsed(&raw);
            guest.snapshot_times = snapshot_times(&list);
            guest.snapshots = Some(Snapshots::Names(snapshots(&list)));
        }
        Question::Precondition => guest.precondition = Some(raw),
        Question::Current => current(guest, &parsed(&raw)),
        Question::SnapshotConfig(name) => snapshot(guest, name, SnapshotConfig::Seen(raw)),
    }
}

/// What the node says, and what the overview lacks where it reports nothing.
pub(super) fn current(guest: &mut Guest, answer: &Value) {
    guest.current = text(answer, "status").map(|status| Current {
        status,
        qmpstatus: text(answer, "qmpstatus"),
        mem: number(&answer["mem"]),
    });
    if guest.name.is_empty() {
        guest.name = text(answer, "name").unwrap_or_default();
    }
    if guest.maxmem == 0 {
        guest.maxmem = number(&answer["maxmem"]);
    }
    guest.template |= is_true(&answer["template"]);
    guest.lock = guest.lock.take().or_else(|| text(answer, "lock"));
}

fn snapshot(guest: &mut Guest, name: &str, config: SnapshotConfig) {
    if let Some(Snapshots::Configs(configs)) = &mut guest.snapshots {
        configs.insert(name.to_owned(), config);
    }
}

/// Names of snapshots; `current` is the entry for "you are here".
fn snapshots(answer: &Value) -> Vec<String> {
    let names = list(answer).filter_map(|entry| text(entry, "name"));
    names.filter(|name| name != "current").collect()
}

/// When they were made; the entry for "you are here" has no time.
fn snapshot_times(answer: &Value) -> BTreeMap<String, i64> {
    let times = list(answer).filter_map(|entry| {
        let time = time(&entry["snaptime"]).filter(|time| *time > 0)?;
        Some((text(entry, "name")?, time))
    });
    times.collect()
}

/// Letters, digits, `-` and `_` (`pve-configid` of PVE's schema): fit for a path.
fn is_word(name: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !name.is_empty() && name.bytes().all(is_fit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_of_snapshots() {
        assert_eq!(
            snapshots(&json!([{"name": "s1"}, {"name": "current"}])),
            ["s1"]
        );
        let times = json!([{"name": "s1", "snaptime": 5}, {"name": "s2"}, {"name": "current"}]);
        assert_eq!(
            snapshot_times(&times).into_iter().collect::<Vec<_>>(),
            [("s1".to_owned(), 5)]
        );
        assert!(is_word("before-9_1") && !is_word("../x") && !is_word(""));
    }
}
