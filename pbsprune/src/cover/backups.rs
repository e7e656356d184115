//! The snapshots on standard input: of each guest those that there are, wherever they are.
//!
//! Rows of PBS's lists, or of what Proxmox VE says a storage has in it: snapshots of a PBS, and files of
//! vzdump. Of a row sixteen bytes are kept, of a group the notes of its newest; a list may have a million.

use std::{
    collections::{HashMap, HashSet},
    io::Read,
};

use vmid::{exit::Stop, stream};

use super::{config::Kind, target::List, unseen::Unseen};
use crate::{
    retention::Verification,
    snapshot::{IndexSize, Item},
};

mod row;

use row::{Found, Row};

/// A snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When it was begun, in seconds.
    pub time: i64,
    /// It came to its end.
    pub finished: bool,
    /// What a verification said of it.
    pub verification: Verification,
    index_size: IndexSize,
}

/// The snapshots of a group, in one place.
#[derive(Clone, Debug)]
pub struct Place {
    /// The datastore or storage; empty if the rows don't say.
    pub store: String,
    /// The namespace; empty is the root.
    pub ns: String,
    /// VM or container.
    pub kind: Kind,
    /// The guest's ID.
    pub vmid: u32,
    /// It is a PBS's, which can verify it.
    pub verifiable: bool,
    /// Newest first, each once.
    pub seen: Vec<Seen>,
    /// What was noted on the newest.
    pub notes: Option<String>,
    noted: i64,
    /// Of the storage of a PVE that shows it, not of the server itself.
    pub by_pve: bool,
}

impl Place {
    /// `store1:prod:ct/30066`, of what is known.
    #[must_use]
    pub fn called(&self) -> String {
        let group = format!("{}/{}", self.kind.group(), self.vmid);
        let parts = [&self.store, &self.ns, &group];
        let parts: Vec<&str> = parts
            .iter()
            .map(|part| part.as_str())
            .filter(|part| !part.is_empty())
            .collect();
        parts.join(":")
    }

    /// Who saw it.
    #[must_use]
    pub fn seen_by(&self) -> &'static str {
        if self.by_pve {
            "storage-content"
        } else {
            "pbs"
        }
    }
}

/// All of them.
#[derive(Debug, Default)]
pub struct Backups {
    /// The places, in the order they came.
    pub places: Vec<Place>,
    /// By guest: its places.
    of: HashMap<u32, Vec<usize>>,
    /// What the lists lack.
    pub unseen: Vec<Unseen>,
    /// The lists that were looked at, whether anything is in them or not.
    pub looked: HashSet<List>,
    /// How many rows there were.
    pub rows: usize,
    /// By store: something in it was verified.
    pub verified: HashMap<String, bool>,
}

impl Backups {
    /// Reads `input` to its end; rows without a namespace are in `ns`.
    ///
    /// # Errors
    ///
    /// The input is no stream of records, or a row breaks a rule: the message names it.
    pub fn read(input: impl Read, ns: &str) -> Result<Self, Stop> {
        let mut all = Self::default();
        let mut known: HashMap<String, Option<usize>> = HashMap::new();
        let mut key = String::new();
        let mut sizes = false;
        let mut hint = None;
        let read = stream::read_each(input, |record| {
            let (item, found) = match row::read(&record) {
                Ok(Row::Snapshot(item, found)) => (item, found),
                Ok(Row::Unseen(unseen)) => {
                    all.unseen.push(unseen);
                    return Ok(());
                }
                Ok(Row::Looked(list)) => {
                    all.looked.insert(list);
                    return Ok(());
                }
                Ok(Row::Other(list)) => {
                    all.looked.extend(list);
                    return Ok(());
                }
                Err(fault) => {
                    hint = fault.hint();
                    return Err(fault);
                }
            };
            all.rows += 1;
            sizes |= item.index_size == IndexSize::Told;
            let ns = item.ns.as_deref().unwrap_or(ns);
            key.clear();
            for part in [&*found.store, ns, &*item.kind, &*item.id] {
                key.push_str(part);
                key.push('\0'); // no part of a name
            }
            let place = match known.get(&key) {
                Some(place) => *place,
                None => {
                    let place = all.place(&item, &found, ns);
                    known.insert(key.clone(), place);
                    place
                }
            };
            if let Some(place) = place {
                all.places[place].take(&item, &found);
            }
            Ok(())
        });
        read.map_err(|stop| match hint {
            Some(hint) => stop.hint(hint),
            None => stop,
        })?;
        all.looked.extend(all.places.iter().map(List::of));
        if all.looked.is_empty() && all.unseen.is_empty() {
            all.looked.insert(List::Datastore(String::new())); // [], of whatever was asked for
        }
        for place in &mut all.places {
            place.settle(sizes);
            let good = place
                .seen
                .iter()
                .any(|seen| seen.verification == Verification::Good);
            *all.verified.entry(place.store.clone()).or_default() |= good;
        }
        // What Proxmox VE shows of a PBS may come without a word of verifications, as in a state document.
        for place in &mut all.places {
            place.verifiable &= !place.by_pve || all.verified.get(&place.store) == Some(&true);
        }
        Ok(all)
    }

    /// A new place; none for what is no guest's (a host, an ID that is no number).
    fn place(&mut self, item: &Item<'_>, found: &Found<'_>, ns: &str) -> Option<usize> {
        let kind = Kind::of_group(&item.kind)?;
        let digits = item.id.bytes().all(|byte| byte.is_ascii_digit());
        let vmid = item.id.parse().ok().filter(|_| digits)?;
        let at = self.places.len();
        self.of.entry(vmid).or_default().push(at);
        self.places.push(Place {
            store: found.store.to_string(),
            ns: ns.to_owned(),
            kind,
            vmid,
            verifiable: found.verifiable,
            seen: Vec::new(),
            notes: None,
            noted: i64::MIN,
            by_pve: found.by_pve,
        });
        Some(at)
    }

    /// The places of a guest.
    pub fn of(&self, vmid: u32, kind: Kind) -> impl Iterator<Item = &Place> {
        let places = self.of.get(&vmid).into_iter().flatten();
        let places = places.map(|&at| &self.places[at]);
        places.filter(move |place| place.kind == kind)
    }

    /// Who looked: the server, as far as it did.
    #[must_use]
    pub fn seen_by(&self) -> &'static str {
        let by_pve = !self.places.is_empty() && self.places.iter().all(|place| place.by_pve);
        if by_pve { "storage-content" } else { "pbs" }
    }

    /// What may hide backups of a guest.
    #[must_use]
    pub fn hidden(&self, vmid: u32) -> Option<&Unseen> {
        self.unseen.iter().find(|unseen| unseen.hides(vmid))
    }
}

impl Place {
    fn take(&mut self, item: &Item<'_>, found: &Found<'_>) {
        self.seen.push(Seen {
            time: item.time,
            finished: item.finished,
            verification: item.verification,
            index_size: item.index_size,
        });
        if item.time >= self.noted {
            self.noted = item.time;
            self.notes = found.notes.as_ref().map(|notes| notes.to_string());
        }
    }

    /// Newest first, each snapshot once: of two rows of one the worse word counts, as in a marked list.
    /// One whose index has no size, where others have one, can't be restored.
    fn settle(&mut self, sizes: bool) {
        if sizes {
            for seen in &mut self.seen {
                if seen.finished && seen.index_size == IndexSize::Missing {
                    seen.verification = Verification::Failed;
                }
            }
        }
        self.seen.sort_by_key(|seen| std::cmp::Reverse(seen.time));
        self.seen.dedup_by(|next, kept| {
            let same = next.time == kept.time;
            if same {
                kept.finished |= next.finished;
                if kept.verification != Verification::Failed
                    && next.verification != Verification::Unknown
                {
                    kept.verification = next.verification;
                }
            }
            same
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Backups, Stop> {
        Backups::read(text.as_bytes(), "")
    }

    #[test]
    fn rows_of_all_lists() {
        let text = r#"
{"backup-type":"ct","backup-id":"101","backup-time":200,"files":["index.json.blob"],"comment":"web","ns":"prod","datastore":"s1","verification":{"state":"ok","upid":"U"}}
{"backup-type":"ct","backup-id":"101","backup-time":300,"files":[],"datastore":"s1","ns":"prod"}
{"backup-type":"ct","backup-id":"101","backup-time":200,"files":[],"ns":"prod","datastore":"s1"}
{"volid":"pbs:backup/vm/102/2026-11-20T02:00:00Z","content":"backup","size":5,"notes":"db"}
{"volid":"nas:backup/vzdump-qemu-102-2026_11_20-02_00_00.vma.zst","content":"backup","size":5,"ctime":1795140000,"notes":"db"}
{"volid":"nas:backup/vzdump-qemu-102-2026_11_21-02_00_00.vma.zst","content":"backup","size":0,"ctime":1795226400}
{"volid":"nas:vm-102-disk-0","content":"images","size":5}
{"volid":"nas:backup/vzdump-openvz-102-2009_11_21-02_00_00.tgz","content":"backup","size":5,"ctime":1}
{"backup-type":"host","backup-id":"nas","backup-time":5,"files":[]}
{"unseen":{"list":"the snapshots of s2","right":"Datastore.Audit"}}
{"backup-type":"vm","backup-id":"7","error":{"code":"x","message":"locked"}}"#;
        let all = read(text).unwrap();
        let called: Vec<String> = all.places.iter().map(Place::called).collect();
        assert_eq!(called, ["s1:prod:ct/101", "pbs:vm/102", "nas:vm/102"]);
        let web = &all.places[0];
        assert_eq!(
            web.seen
                .iter()
                .map(|s| (s.time, s.finished))
                .collect::<Vec<_>>(),
            [(300, false), (200, true)]
        );
        assert_eq!(web.seen[1].verification, Verification::Good);
        assert_eq!(web.notes, None); // of the newest
        assert_eq!(all.of(102, Kind::Vm).count(), 2);
        assert_eq!(all.of(102, Kind::Ct).count(), 0);
        let db = all.of(102, Kind::Vm).nth(1).unwrap();
        assert!(!db.verifiable && !db.seen[0].finished && db.seen[1].finished);
        assert_eq!(all.unseen.len(), 2);
        assert_eq!(all.hidden(7).unwrap().list, "the snapshots of s2");
        assert!(!all.unseen[1].hides(8));
        assert!(all.verified["s1"] && !all.verified["nas"]);
    }

    #[test]
    fn what_is_no_row() {
        for text in [
            r#"{"vmid":101}"#,
            r#"{"volid":5}"#,
            r#"{"volid":"nas:backup/vzdump-lxc-101-x.tar"}"#,
            r#"{"unseen":true}"#,
            r#"{"backup-type":"ct","backup-id":"101","backup-time":5}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_index_that_cannot_be_read() {
        let text = r#"
{"backup-type":"ct","backup-id":"1","backup-time":2,"files":[{"filename":"index.json.blob"}]}
{"backup-type":"ct","backup-id":"1","backup-time":1,"files":[{"filename":"index.json.blob","size":3}]}"#;
        let all = read(text).unwrap();
        assert_eq!(all.places[0].seen[0].verification, Verification::Failed);
        assert_eq!(all.places[0].seen[1].verification, Verification::Unknown);
    }
}
