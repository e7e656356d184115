//! The kinds of traces, and what each means for a guest that gets the ID next.

/// Of what an ID is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A guest that lives.
    Guest,
    /// A guest that the token may not see.
    Hidden,
    /// A disk.
    Volume,
    /// A resource of the HA manager.
    Ha,
    /// A rule of the HA manager.
    HaRule,
    /// A replication job.
    Replication,
    /// A backup job.
    BackupJob,
    /// Backups on a storage.
    Backup,
    /// A group in Proxmox Backup Server.
    BackupGroup,
    /// An entry of the access tree.
    Acl,
    /// An address in the IPAM.
    Address,
    /// The site file.
    Site,
    /// A journal of pvx-migrate.
    Journal,
}

/// What a trace means for the next guest of the ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matters {
    /// A guest has the ID.
    Live,
    /// It would inherit this.
    Reuse,
    /// It is how the site wants it.
    Config,
    /// It says what was, and does nothing.
    History,
}

impl Kind {
    /// The value of `trace`.
    #[must_use]
    pub fn name(self) -> &'static str {
        TRACES[self as usize].0
    }

    /// What it means if no guest has the ID.
    #[must_use]
    pub fn matters(self) -> Matters {
        match self {
            Self::Guest | Self::Hidden => Matters::Live,
            Self::Address | Self::Site => Matters::Config,
            Self::Journal => Matters::History,
            _ => Matters::Reuse,
        }
    }
}

impl Matters {
    /// The value of `matters`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Reuse => "reuse",
            Self::Config => "config",
            Self::History => "history",
        }
    }
}

/// All values of `trace`, in the order in which they are told; `unseen` is the last.
pub const TRACES: &[(&str, &str)] = &[
    ("guest", "a guest has the ID"),
    ("hidden-guest", "a guest has it that the token may not see"),
    ("volume", "a disk on a storage"),
    ("ha", "a resource of the HA manager"),
    ("ha-rule", "a rule of the HA manager names it"),
    ("replication", "a replication job"),
    (
        "backup-job",
        "a backup job names it, or leaves it out by name",
    ),
    ("backup", "backups on a storage of Proxmox VE"),
    ("backup-group", "a group in Proxmox Backup Server"),
    ("acl", "an entry of the access tree"),
    ("address", "the IPAM has its address"),
    ("site", "the site file names it"),
    ("journal", "a run of pvx-migrate moved, made or removed it"),
    (
        "unseen",
        "what could not be looked at, and the right that is missing",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_row() {
        assert_eq!(Kind::Guest.name(), "guest");
        assert_eq!(Kind::BackupGroup.name(), "backup-group");
        assert_eq!(Kind::Journal.name(), "journal");
        assert_eq!(TRACES.len(), Kind::Journal as usize + 2);
        let manual = include_str!("../../README.md");
        for (name, what) in TRACES {
            assert!(manual.contains(&format!("| `{name}` | {what} |")), "{name}");
        }
    }
}
