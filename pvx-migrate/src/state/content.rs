//! What the storages hold, as far as the token sees it (`state --content`), and the backup jobs.

use serde::{Deserialize, Serialize};

use super::{Permissions, State};
use crate::permission::{has, has_on_guest};

/// What a storage holds at a node, by that node's list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// The storage.
    pub storage: String,
    /// The node that was asked; of a storage that all nodes share, one of them.
    pub node: String,
    /// Its volumes; none if the list was refused or did not come. Proxmox leaves out of it
    /// without a word what the token may not see: [`State::shows_disks_of`].
    pub volumes: Option<Vec<Held>>,
}

/// A volume in the list of a storage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// `storage:name`
    pub volid: String,
    /// What it is: `rootdir`, `images`, `backup`, `vztmpl`, `import`, `iso`, `snippets`.
    pub content: String,
    /// The guest that owns it, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vmid: Option<u32>,
    /// Its size, in bytes.
    #[serde(default)]
    pub size: u64,
    /// When it was made, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ctime: Option<i64>,
    /// The volume that it rests on, as Proxmox tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
}

impl Held {
    /// A disk of a guest: `rootdir` of a container that lives, `images` of all others.
    #[must_use]
    pub fn is_disk(&self) -> bool {
        matches!(&self.content[..], "rootdir" | "images")
    }
}

/// A backup job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupJob {
    /// Its ID.
    pub id: String,
    /// The guests that it names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vmids: Vec<u32>,
    /// The guests that it leaves out by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<u32>,
    /// What it is by Proxmox: `vzdump`. This and what follows is there since version 3.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// It is on; none if it was not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// When it runs: a calendar event, in the time zone of the node that runs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// A run that was missed, as the node was off, is made up for; none if it was not seen.
    #[serde(
        default,
        rename = "repeat-missed",
        skip_serializing_if = "Option::is_none"
    )]
    pub repeat_missed: Option<bool>,
    /// When it runs next, in seconds since 1970.
    #[serde(default, rename = "next-run", skip_serializing_if = "Option::is_none")]
    pub next_run: Option<i64>,
    /// Where the backups go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<String>,
    /// The node that it runs on, and whose guests it is about; none: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// It is about all guests but those of `exclude`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
    /// The pool whose guests it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// `snapshot`, `suspend` or `stop`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// What the notes of a backup are made of (`{{guestname}}`).
    #[serde(
        default,
        rename = "notes-template",
        skip_serializing_if = "Option::is_none"
    )]
    pub notes_template: Option<String>,
    /// What is kept, as Proxmox has it.
    #[serde(
        default,
        rename = "prune-backups",
        skip_serializing_if = "Option::is_none"
    )]
    pub prune_backups: Option<serde_json::Value>,
    /// What somebody wrote on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

impl State {
    /// The list of a storage at a node; none if it was not asked for or not given.
    #[must_use]
    pub fn volumes(&self, storage: &str, node: &str) -> Option<&[Held]> {
        let shared = self.storages.iter().find(|known| known.storage == storage);
        let shared = shared.is_some_and(|known| known.shared);
        let mut lists = self.content.iter().flatten();
        let list = lists.find(|list| list.storage == storage && (shared || list.node == node));
        list?.volumes.as_deref()
    }

    /// The lists of this storage have the disks of that guest, living or not. Measured on
    /// Proxmox VE 9.2: with Datastore.Audit a list has disks where the token also has
    /// Datastore.Allocate, or VM.Config.Disk on the guest.
    #[must_use]
    pub fn shows_disks_of(&self, storage: &str, vmid: u32) -> bool {
        let shows = |table: &Permissions| {
            let path = format!("/storage/{storage}");
            let pool = self.guests.iter().find(|guest| guest.vmid == vmid);
            let pool = pool.and_then(|guest| guest.pool.as_deref());
            has(table, &path, "Datastore.Audit")
                && (has(table, &path, "Datastore.Allocate")
                    || has_on_guest(table, vmid, pool, "VM.Config.Disk"))
        };
        self.permissions.as_ref().is_some_and(shows)
    }

    /// The lists of this storage have the backups of that guest, living or not: with
    /// Datastore.Allocate, or Datastore.AllocateSpace and VM.Backup on the guest.
    #[must_use]
    pub fn shows_backups_of(&self, storage: &str, vmid: u32) -> bool {
        let shows = |table: &Permissions| {
            let path = format!("/storage/{storage}");
            has(table, &path, "Datastore.Allocate")
                || (has(table, &path, "Datastore.AllocateSpace")
                    && has_on_guest(table, vmid, None, "VM.Backup"))
        };
        self.permissions.as_ref().is_some_and(shows)
    }
}
