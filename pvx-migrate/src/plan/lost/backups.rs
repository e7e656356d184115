//! The backup that is the way back to a guest, of the list of a Proxmox Backup Server: chosen by the
//! rules of `plan remove`.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use crate::{
    cluster::Cluster,
    plan::{
        make::identity::short,
        remove::{
            backup::{self, Backup, Newest, SKEW, Subject},
            code, origin,
        },
    },
    state::Guest,
};

/// A list, by type and ID.
#[derive(Debug, Default)]
pub struct Backups(HashMap<String, Vec<Backup>>);

/// What the list has for a guest.
#[derive(Clone, Copy, Debug)]
pub enum WayBack<'b> {
    /// Nothing that counts, and why.
    None(Nothing<'b>),
    /// A backup of which it is not known whether it is of this guest.
    Unsure(&'b Backup),
    /// Its newest backup.
    Sure(&'b Backup),
}

/// Why nothing counts.
#[derive(Clone, Copy, Debug)]
pub enum Nothing<'b> {
    /// There is none.
    Absent,
    /// It is itself the server that has them.
    OnItself,
    /// The newest is not finished, or failed its verification, and so is each before it.
    Bad(&'b Backup),
    /// The newest is another guest's.
    Foreign(&'b Backup),
}

fn key(kind: &str, id: &str) -> String {
    format!("{kind}/{id}")
}

impl Backups {
    /// Of a list.
    #[must_use]
    pub fn new(list: Vec<Backup>) -> Self {
        let mut groups: HashMap<String, Vec<Backup>> = HashMap::new();
        for backup in list {
            let group = groups.entry(key(&backup.kind, &backup.id)).or_default();
            group.push(backup);
        }
        Self(groups)
    }

    /// The way back to a guest; `names` are the short names of all guests.
    #[must_use]
    pub fn way_back(
        &self,
        cluster: &Cluster<'_>,
        domain: Option<&str>,
        names: &HashSet<String>,
        guest: &Guest,
        name: &str,
    ) -> WayBack<'_> {
        let id = guest.vmid.to_string();
        let group = self.0.get(&key(guest.kind.ha_type(), &id));
        let group = group.map_or(&[][..], |group| group);
        let config = guest.config.as_ref().map(|text| text.get());
        let config = config.and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok());
        let nodes = cluster.state.nodes.iter().map(|node| &node.node[..]);
        let subject = Subject {
            vmid: guest.vmid,
            kind: guest.kind,
            name,
            domain,
            made: config.as_ref().and_then(origin::made),
            there: origin::there(cluster, guest, config.as_ref()),
            places: nodes.chain([&cluster.state.cluster.name[..]]).collect(),
            others: others(group, domain, names),
        };
        let newest = match backup::newest_of(group, &subject) {
            Newest::None => return WayBack::None(Nothing::Absent),
            Newest::NoneCounts(last) => return WayBack::None(Nothing::Bad(last)),
            Newest::TwoNamespaces(last, _) => return WayBack::Unsure(last),
            Newest::Whole(newest) => newest,
        };
        let ahead = newest.time.as_second() - cluster.state.at.as_second();
        if ahead > i64::try_from(SKEW.as_secs()).unwrap_or(i64::MAX) {
            return WayBack::Unsure(newest); // of a time to come
        }
        match backup::is_own(group, newest, &subject) {
            Ok(()) => WayBack::Sure(newest),
            Err(blocker) if blocker.code == code::Code::BackupUnsure.as_str() => {
                WayBack::Unsure(newest)
            }
            Err(_) => WayBack::None(Nothing::Foreign(newest)),
        }
    }
}

/// The names of guests that comments of a group have.
fn others(group: &[Backup], domain: Option<&str>, names: &HashSet<String>) -> Vec<String> {
    let words = group
        .iter()
        .flat_map(|backup| backup::words(&backup.comment));
    let words: HashSet<String> = words.map(|word| short(word, domain)).collect();
    let mut known: Vec<String> = words
        .into_iter()
        .filter(|word| names.contains(word))
        .collect();
    known.sort_unstable();
    known
}
