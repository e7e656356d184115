//! What a task's name says. Pure.

use crate::node_name;

/// Types of tasks that move a guest, start or stop it: nothing is done beside them. Not
/// among them are consoles (`vncproxy`), which may run for days.
const MOVING: [&str; 15] = [
    "qmigrate",
    "vzmigrate",
    "hamigrate",
    "qmstart",
    "vzstart",
    "hastart",
    "qmshutdown",
    "vzshutdown",
    "qmstop",
    "vzstop",
    "hastop",
    "qmreboot",
    "vzreboot",
    "qmresume",
    "vzresume",
];

/// A task as its UPID names it: `UPID:node:pid:pstart:start:type:id:user:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task<'a> {
    /// The node it runs on.
    pub node: &'a str,
    /// When it started, in seconds since 1970 by the node's clock.
    pub start: u64,
    /// Its type.
    pub kind: &'a str,
    /// What it is about.
    pub id: &'a str,
    /// Who started it, token included.
    pub user: &'a str,
}

impl<'a> Task<'a> {
    /// Takes a UPID apart; none if it is none, or could not stand in a path of the API as it is.
    #[must_use]
    pub fn of(upid: &'a str) -> Option<Self> {
        let mut parts = upid.split(':');
        let (word, node, _, _) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let start = u64::from_str_radix(parts.next()?, 16).ok()?;
        let (kind, id, user) = (parts.next()?, parts.next()?, parts.next()?);
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"/?#%\\".contains(&byte);
        let is_upid = word == "UPID" && node_name::check(node).is_ok() && upid.bytes().all(plain);
        is_upid.then_some(Self {
            node,
            start,
            kind,
            id,
            user,
        })
    }

    /// It moves, starts or stops a guest.
    #[must_use]
    pub fn moves(&self) -> bool {
        MOVING.contains(&self.kind)
    }

    /// It is a migration; its end says what became of the guest.
    #[must_use]
    pub fn migrates(&self) -> bool {
        matches!(self.kind, "qmigrate" | "vzmigrate")
    }

    /// It starts a guest.
    #[must_use]
    pub fn starts(&self) -> bool {
        matches!(self.kind, "qmstart" | "vzstart")
    }

    /// It shuts a guest down.
    #[must_use]
    pub fn shuts_down(&self) -> bool {
        matches!(self.kind, "qmshutdown" | "vzshutdown")
    }
}

/// Of a guest's tasks on `node` those that started last: what comes after them is newer.
#[must_use]
pub fn newest<'a>(upids: impl Iterator<Item = &'a str>, node: &str) -> Vec<String> {
    let mut newest: Vec<(u64, &str)> = Vec::new();
    for upid in upids {
        let Some(task) = Task::of(upid).filter(|task| task.node == node) else {
            continue;
        };
        let last = newest.first().map_or(0, |(start, _)| *start);
        if task.start > last {
            newest.clear();
        }
        if task.start >= last {
            newest.push((task.start, upid));
        }
    }
    newest
        .into_iter()
        .map(|(_, upid)| upid.to_owned())
        .collect()
}

/// Whether a task on `node` started after those of `before`.
#[must_use]
pub fn is_newer(upid: &str, node: &str, before: &[String]) -> bool {
    let Some(task) = Task::of(upid).filter(|task| task.node == node) else {
        return false;
    };
    let last = before
        .iter()
        .filter_map(|upid| Task::of(upid))
        .map(|task| task.start)
        .max();
    task.start >= last.unwrap_or(0) && !before.iter().any(|known| known == upid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upids() {
        let task =
            Task::of("UPID:node2:000003E8:00001B58:6B0220C0:qmigrate:10111:root@pam!pvx:").unwrap();
        let want = Task {
            node: "node2",
            start: 0x6B02_20C0,
            kind: "qmigrate",
            id: "10111",
            user: "root@pam!pvx",
        };
        assert_eq!(task, want);
        for wrong in [
            "",
            "UPID:a:b",
            "UPIX:n:0:0:0:t:i:u:",
            "UPID:n:0:0:zz:t:i:u:",
        ] {
            assert_eq!(Task::of(wrong), None, "{wrong}");
        }
    }

    fn upid(node: &str, start: u64, id: u32) -> String {
        format!("UPID:{node}:00000001:00000001:{start:08X}:vzmigrate:{id}:a@pve!b:")
    }

    #[test]
    fn what_is_newer_needs_no_clock() {
        let (old, a, b) = (upid("n", 5, 1), upid("n", 9, 2), upid("n", 9, 3));
        let elsewhere = upid("m", 99, 4);
        let known = [&old, &a, &b, &elsewhere].map(String::as_str);
        let before = newest(known.into_iter(), "n");
        assert_eq!(before, [a.clone(), b.clone()]);
        #[rustfmt::skip]
        let cases = [
            ("the same",                   a.clone(),        false),
            ("older",                      old.clone(),      false),
            ("later",                      upid("n", 10, 5), true),
            ("of the same second",         upid("n", 9, 6),  true),
            ("on another node",            upid("m", 10, 5), false),
        ];
        for (name, upid, want) in cases {
            assert_eq!(is_newer(&upid, "n", &before), want, "{name}");
        }
        assert!(is_newer(&old, "n", &[]), "nothing was there before");
    }
}
