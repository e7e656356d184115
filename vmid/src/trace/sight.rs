//! What was looked at, and whether the token could see all of it. Proxmox leaves out of its lists,
//! with HTTP 200, what a token may not see: an empty list shows nothing until its rights are known.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::permission::{Permissions, has, has_on_all_guests};

/// A list that came in, and that may have been filtered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum List {
    /// Of guests.
    Guests,
    /// Of replication jobs.
    Replication,
    /// Of the access tree's entries.
    Acl,
    /// The disks of a storage.
    Disks(String),
    /// The backups of a storage.
    Backups(String),
    /// The groups of a datastore's namespace.
    Groups(String, String),
}

/// What could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unseen {
    /// Which list.
    pub list: String,
    /// Why.
    pub why: Why,
}

/// Why something could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// This right is missing.
    Right(String),
    /// Something else is.
    Other(String),
}

/// Of all lists.
#[derive(Clone, Debug, Default)]
pub struct Sight {
    lists: BTreeSet<List>,
    missing: BTreeSet<Unseen>,
    cluster: Option<Permissions>,
    /// By datastore, and whether its user may see everything.
    stores: Vec<(String, Option<Permissions>, bool)>,
    /// The sources of which something came, or why nothing did: a bit each, by their place in the table.
    brought: u32,
}

impl Sight {
    /// A list came in.
    pub fn came(&mut self, list: List) {
        self.lists.insert(list);
    }

    /// Of the source at this place in the table something came in, or it was told why nothing did.
    pub fn brings(&mut self, place: usize) {
        self.brought |= 1 << place;
    }

    /// Whether it did.
    #[must_use]
    pub fn has(&self, place: usize) -> bool {
        self.brought & 1 << place != 0
    }

    /// A list is missing, for want of this right.
    pub fn lacks(&mut self, list: impl Into<String>, right: &str) {
        let why = Why::Right(right.to_owned());
        self.missing.insert(Unseen {
            list: list.into(),
            why,
        });
    }

    /// A list is missing, for another reason.
    pub fn missing(&mut self, list: impl Into<String>, why: impl Into<String>) {
        self.missing.insert(Unseen {
            list: list.into(),
            why: Why::Other(why.into()),
        });
    }

    /// What the token may do, as `/access/permissions` of the cluster has it.
    pub fn allows(&mut self, permissions: Permissions) {
        self.cluster = Some(permissions);
    }

    /// The same of a backup server's datastore; `all` if its user may see everything.
    pub fn allows_in(&mut self, store: &str, permissions: Option<Permissions>, all: bool) {
        self.stores.push((store.to_owned(), permissions, all));
    }

    /// The guests of this ID are seen, if there are any; of all IDs without one.
    #[must_use]
    pub fn sees_guests(&self, vmid: Option<u64>) -> bool {
        let lacks = self.lacking(&List::Guests, vmid);
        self.lists.contains(&List::Guests) && lacks.is_none()
    }

    /// All that could not be looked at, for this ID, or for all.
    #[must_use]
    pub fn unseen(&self, vmid: Option<u64>) -> Vec<Unseen> {
        let lacking = self.lists.iter().filter_map(|list| {
            Some(match self.lacking(list, vmid)? {
                Some(right) => Unseen {
                    list: list.name(),
                    why: Why::Right(right),
                },
                None => Unseen {
                    list: format!("{}: whether these are all", list.name()),
                    why: Why::Other(list.without_rights().to_owned()),
                },
            })
        });
        let hidden = self.stores.iter().filter_map(|(store, table, all)| {
            let path = hidden_below(store, table.as_ref().filter(|_| !all)?)?;
            let right = format!("Datastore.Audit on {path} and below it, of the backup server");
            Some(Unseen {
                list: format!("namespaces of the datastore {store} that the token may not see"),
                why: Why::Right(right),
            })
        });
        let known = self.missing.iter().cloned().chain(hidden);
        let mut all: Vec<Unseen> = known.chain(lacking).collect();
        all.sort();
        all.dedup();
        all
    }

    /// The right that is missing for a list, or `Some(None)` where rights aren't known.
    fn lacking(&self, list: &List, vmid: Option<u64>) -> Option<Option<String>> {
        if let List::Groups(store, namespace) = list {
            return self.lacking_in(store, namespace);
        }
        let Some(table) = &self.cluster else {
            return Some(None);
        };
        list.lacking(table, vmid).map(Some)
    }

    fn lacking_in(&self, store: &str, namespace: &str) -> Option<Option<String>> {
        let known = self.stores.iter().find(|(name, ..)| name == store);
        let Some((_, table, all)) = known else {
            return Some(None);
        };
        if *all {
            return None;
        }
        let Some(table) = table else {
            return Some(None);
        };
        let path = match namespace {
            "" => format!("/datastore/{store}"),
            _ => format!("/datastore/{store}/{namespace}"),
        };
        let missing = !has(table, &path, "Datastore.Audit");
        missing.then(|| Some(format!("Datastore.Audit on {path}, of the backup server")))
    }
}

/// The path of a datastore below which there may be namespaces that the token can't see: the backup server leaves
/// them out of its list. None if the right is handed down to all of them.
fn hidden_below(store: &str, table: &Permissions) -> Option<String> {
    const AUDIT: &str = "Datastore.Audit";
    let top = format!("/datastore/{store}");
    let mut below = top.clone();
    below.push('/');
    let a_child = format!("{below}*"); // of which the table has nothing
    if !has(table, &a_child, AUDIT) {
        return Some(top);
    }
    let mut listed = table.iter().filter(|(path, _)| path.starts_with(&below));
    let (path, _) = listed.find(|(_, rights)| rights.get(AUDIT) != Some(&true))?;
    Some(path.clone())
}

impl List {
    fn name(&self) -> String {
        match self {
            Self::Guests => "the guests".to_owned(),
            Self::Replication => "the replication jobs".to_owned(),
            Self::Acl => "the entries of the access tree".to_owned(),
            Self::Disks(storage) => format!("the disks of {storage}"),
            Self::Backups(storage) => format!("the backups of {storage}"),
            Self::Groups(store, namespace) if store.is_empty() && namespace.is_empty() => {
                "the backup groups".to_owned()
            }
            Self::Groups(store, namespace) if store.is_empty() => {
                format!("the backup groups of {namespace}")
            }
            Self::Groups(store, namespace) if namespace.is_empty() => {
                format!("the groups of the datastore {store}")
            }
            Self::Groups(store, namespace) => {
                format!("the groups of {namespace} in the datastore {store}")
            }
        }
    }

    /// Why that isn't known: nobody told the rights.
    fn without_rights(&self) -> &'static str {
        match self {
            Self::Groups(..) => {
                "the rights of its user are not known: scripts/trace-id asks for those of an API token"
            }
            _ => {
                "the rights of the token are not known: a state document of pvx-migrate state has them"
            }
        }
    }

    /// The right that is missing, of the cluster's.
    fn lacking(&self, table: &Permissions, vmid: Option<u64>) -> Option<String> {
        let guests = vmid.map_or("/vms".to_owned(), |vmid| format!("/vms/{vmid}"));
        let on_guests = |right: &str| match vmid {
            Some(_) => has(table, &guests, right),
            None => has_on_all_guests(table, right),
        };
        let lacks = |right: &str, path: &str| format!("{right} on {path}");
        match self {
            Self::Guests | Self::Replication => {
                (!on_guests("VM.Audit")).then(|| lacks("VM.Audit", "/vms"))
            }
            Self::Acl => {
                let sees = has(table, "/access", "Sys.Audit") || on_guests("Permissions.Modify");
                (!sees).then(|| lacks("Sys.Audit", "/access"))
            }
            Self::Disks(storage) => {
                let path = format!("/storage/{storage}");
                let audit = has(table, &path, "Datastore.Audit");
                if !audit {
                    Some(lacks("Datastore.Audit", &path))
                } else if has(table, &path, "Datastore.Allocate") || on_guests("VM.Config.Disk") {
                    None
                } else {
                    Some(lacks("VM.Config.Disk", "/vms"))
                }
            }
            Self::Backups(storage) => {
                let path = format!("/storage/{storage}");
                if has(table, &path, "Datastore.Allocate") {
                    None
                } else if !has(table, &path, "Datastore.AllocateSpace") {
                    Some(lacks("Datastore.AllocateSpace", &path))
                } else {
                    (!on_guests("VM.Backup")).then(|| lacks("VM.Backup", "/vms"))
                }
            }
            // cannot happen: asked of the backup server's
            Self::Groups(..) => None,
        }
    }
}

/// A table of rights, in the spelling of any Proxmox: numbers, truth values, or text.
#[must_use]
pub fn table(value: &Value) -> Option<Permissions> {
    let paths = value.as_object()?;
    let rights = |entry: &Value| {
        let entry = entry.as_object()?;
        let inherited = |value: &Value| match value {
            Value::Bool(truth) => *truth,
            Value::Number(number) => number.as_u64() != Some(0),
            Value::String(text) => text != "0",
            _ => false,
        };
        let rights = entry.iter();
        Some(
            rights
                .map(|(right, value)| (right.clone(), inherited(value)))
                .collect(),
        )
    };
    paths
        .iter()
        .filter(|(path, _)| path.starts_with('/'))
        .map(|(path, entry)| Some((path.clone(), rights(entry)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(lists: &[List], rights: Option<Value>, vmid: Option<u64>) -> Vec<String> {
        let mut sight = Sight::default();
        for list in lists {
            sight.came(list.clone());
        }
        if let Some(rights) = rights {
            sight.allows(table(&rights).unwrap());
        }
        let unseen = sight.unseen(vmid).into_iter();
        let told = unseen.map(|unseen| match unseen.why {
            Why::Right(why) | Why::Other(why) => why,
        });
        told.collect()
    }

    #[test]
    fn rights_of_the_cluster() {
        let disks = List::Disks("tank".to_owned());
        let backups = List::Backups("tank".to_owned());
        let all = json!({"Datastore.Audit": 1, "VM.Audit": 1, "Sys.Audit": 1});
        let auditor = json!({"/": all, "/vms": all});
        let with = |right: &str| {
            let mut all = auditor.clone();
            all["/"][right] = json!(1);
            all["/vms"][right] = json!(1);
            all
        };
        let of = |vmid: u64, right: &str| {
            let mut all = auditor.clone();
            all[format!("/vms/{vmid}")] = json!({"VM.Audit": 1, right: 1});
            all
        };
        let unknown =
            "the rights of the token are not known: a state document of pvx-migrate state has them";
        #[rustfmt::skip]
        let cases: &[(&str, &List, Option<Value>, Option<u64>, &[&str])] = &[
            ("an auditor, guests",      &List::Guests, Some(auditor.clone()), None, &[]),
            ("an auditor, disks",       &disks, Some(auditor.clone()), Some(7), &["VM.Config.Disk on /vms"]),
            ("and backups",             &backups, Some(auditor.clone()), Some(7), &["Datastore.AllocateSpace on /storage/tank"]),
            ("one who changes disks",   &disks, Some(with("VM.Config.Disk")), Some(7), &[]),
            ("of this guest alone",     &disks, Some(of(7, "VM.Config.Disk")), Some(7), &[]),
            ("of another alone",        &disks, Some(of(8, "VM.Config.Disk")), Some(7), &["VM.Config.Disk on /vms"]),
            ("of one, all asked for",   &disks, Some(of(8, "VM.Config.Disk")), None, &["VM.Config.Disk on /vms"]),
            ("one who allocates",       &disks, Some(with("Datastore.Allocate")), None, &[]),
            ("backups, too",            &backups, Some(with("Datastore.Allocate")), None, &[]),
            ("space alone",             &backups, Some(with("Datastore.AllocateSpace")), None, &["VM.Backup on /vms"]),
            ("nothing at all",          &disks, Some(json!({})), None, &["Datastore.Audit on /storage/tank"]),
            ("of the tree",             &List::Acl, Some(auditor.clone()), None, &[]),
            ("not of the tree",         &List::Acl, Some(json!({"/": {"VM.Audit": 1}})), None, &["Sys.Audit on /access"]),
            ("jobs",                    &List::Replication, Some(json!({"/vms/8": {"VM.Audit": 1}})), Some(7), &["VM.Audit on /vms"]),
            ("rights unknown",          &List::Guests, None, None, &[unknown]),
        ];
        for (name, list, rights, vmid, want) in cases {
            let got = told(std::slice::from_ref(list), rights.clone(), *vmid);
            assert_eq!(got, *want, "{name}");
        }
    }

    #[test]
    fn rights_of_a_backup_server() {
        let told = |rights: Option<Value>, all: bool| {
            let mut sight = Sight::default();
            sight.came(List::Groups("main".to_owned(), "a".to_owned()));
            sight.allows_in("main", rights.and_then(|rights| table(&rights)), all);
            sight.unseen(None).len()
        };
        let audit = |path: &str, down: bool| Some(json!({path: {"Datastore.Audit": down}}));
        let secret = |rights: Value| {
            let top = json!({"Datastore.Audit": true});
            Some(json!({"/datastore/main": top, "/datastore/main/secret": rights}))
        };
        assert_eq!(told(audit("/datastore/main", true), false), 0);
        assert_eq!(told(audit("/datastore", true), false), 0);
        assert_eq!(told(secret(json!({"Datastore.Audit": true})), false), 0);
        // namespaces that aren't in the list, and where they may be
        assert_eq!(told(secret(json!({"Datastore.Audit": false})), false), 1);
        assert_eq!(told(secret(json!({})), false), 1);
        assert_eq!(told(audit("/datastore/main/a", false), false), 1);
        // and the list's own
        assert_eq!(told(audit("/datastore/main", false), false), 2);
        assert_eq!(told(audit("/datastore/other", true), false), 2);
        assert_eq!(told(None, false), 1);
        assert_eq!(told(None, true), 0);
    }
}
