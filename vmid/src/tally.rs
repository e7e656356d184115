//! How many guests came in: a tool that judges a whole must not call nothing "all is well".

use crate::{
    exit::Stop,
    guest,
    stream::{self, Kept, Record, Value},
};

/// The `type` of what Proxmox's lists (`/cluster/resources`) hold beside guests.
const OTHER_TYPES: [&str; 5] = ["node", "storage", "sdn", "pool", "network"];

/// What names a guest, or says where it is; the config's `net0`, `ipconfig0` and so on do, too.
const OF_GUESTS: [&str; 4] = ["vmid", "name", "hostname", "address"];

/// The record is of a node, a storage, a pool or a network: no guest. Tools hand it on
/// as it came, and don't judge it.
#[must_use]
pub fn is_of_another_kind(record: &Record<'_>) -> bool {
    matches!(record.value("type"), Value::Text(text) if OTHER_TYPES.contains(&&*text))
}

/// What a record is, as far as a count goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Guest,
    Other,
    Backup,
    Failed,
    Nameless,
}

impl Kind {
    fn of(record: &Record<'_>) -> Self {
        if is_of_another_kind(record) {
            Self::Other
        } else if record.raw("backup-type").is_some() && record.raw("backup-id").is_some() {
            Self::Backup
        } else if is_of_guest(record) {
            Self::Guest
        } else if record.has_error() {
            Self::Failed
        } else {
            Self::Nameless
        }
    }
}

/// It has a member that only a guest's record has, and that says something.
fn is_of_guest(record: &Record<'_>) -> bool {
    let says = |raw: Option<&str>| raw.is_some_and(|raw| raw != "null");
    OF_GUESTS.iter().any(|name| says(record.raw(name)))
        || record
            .names()
            .any(|name| guest::is_interface_option(&name) && says(record.raw(&name)))
}

/// A count of the records that came in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Of guests: they have an ID, a name, an address or an interface.
    pub guests: u64,
    /// Of nodes, storages, pools or networks.
    others: u64,
    /// Of backups, as Proxmox Backup Server lists them.
    backups: u64,
    /// They carry an error, and nothing that says which guest failed.
    failed: u64,
    /// The rest.
    nameless: u64,
}

impl Tally {
    /// The count of these records.
    #[must_use]
    pub fn of(records: &[Kept]) -> Self {
        let mut tally = Self::default();
        for kept in records {
            tally.add(&kept.record());
        }
        tally
    }

    fn add(&mut self, record: &Record<'_>) {
        let count = match Kind::of(record) {
            Kind::Guest => &mut self.guests,
            Kind::Other => &mut self.others,
            Kind::Backup => &mut self.backups,
            Kind::Failed => &mut self.failed,
            Kind::Nameless => &mut self.nameless,
        };
        *count += 1;
    }

    /// Some guest came in, or `allow_empty` says that there may be none.
    ///
    /// # Errors
    ///
    /// None did (exit code 2): as [`stream::nothing_came`], or only what is no guest, and the
    /// message says what.
    pub fn some_guest(self, allow_empty: bool) -> Result<(), Stop> {
        if allow_empty || self.guests > 0 {
            return Ok(());
        }
        let what = match self.others + self.backups + self.failed + self.nameless {
            0 => return Err(stream::nothing_came()),
            1 => "1 record came in, and it is no guest".to_owned(),
            several => format!("{several} records came in, none of them a guest"),
        };
        let what = anyhow::anyhow!("{what}: {}", self.what_came());
        Err(Stop::input(what).hint(stream::ALLOW_EMPTY))
    }

    /// What the records are that are no guests.
    fn what_came(self) -> String {
        let kinds = [
            (self.others, "of nodes, storages, pools or networks"),
            (self.backups, "of backups in Proxmox Backup Server"),
            (self.failed, "with an error and no guest's name"),
            (self.nameless, "without vmid, name, address or net0"),
        ];
        let kinds = kinds.iter().filter(|(count, _)| *count > 0);
        let kinds: Vec<String> = kinds
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        kinds.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_told_from_others_and_from_guests() {
        const BACKUP: &str = r#"{"backup-type":"vm","backup-id":"101","backup-time":1,"name":"x"}"#;
        let listed = format!("[{BACKUP},{BACKUP}]");
        #[rustfmt::skip]
        let cases: &[(&str, &str, Option<&str>)] = &[
            ("nothing",             "",                                   Some("no records came in")),
            ("an empty list",       "[]",                                 Some("no records came in")),
            ("nodes and storages",  r#"{"type":"node","vmid":1}{"type":"storage"}"#,
                Some("2 records came in, none of them a guest: 2 of nodes, storages, pools or networks")),
            ("backups",             &listed,
                Some("2 records came in, none of them a guest: 2 of backups in Proxmox Backup Server")),
            ("several kinds",       r#"{"type":"node"}{"upid":"x"}{"error":{"code":"x"}}"#,
                Some("3 records came in, none of them a guest: 1 of nodes, storages, pools or networks, 1 with an error and no guest's name, 1 without vmid, name, address or net0")),
            ("an error alone",      r#"{"error":{}}"#,                      Some("1 record came in, and it is no guest: 1 with an error and no guest's name")),
            ("a plain record",      "{}",                                 Some("1 record came in, and it is no guest: 1 without")),
            ("all is null",         r#"{"vmid":null,"name":null}"#,         Some("1 record came in, and it is no guest: 1 without")),
            ("a network's name",    r#"{"net":"x","network":"y"}"#,         Some("1 record came in, and it is no guest: 1 without")),
            ("a guest among them",  r#"{"type":"node"}{"type":"qemu","vmid":101}"#, None),
            ("one that failed",     r#"{"name":"web","error":{"code":"x"}}"#, None),
            ("by its config",       r#"{"net12":"virtio=AA"}"#,             None),
            ("by cloud-init",       r#"{"ipconfig0":"ip=dhcp"}"#,           None),
            ("without an address",  r#"{"address":""}"#,                    None),
        ];
        for (name, text, want) in cases {
            let tally = Tally::of(&stream::parse(text.as_bytes()).unwrap());
            let got = tally.some_guest(false).map_err(|stop| stop.to_string());
            match want {
                Some(want) => assert!(
                    got.as_ref().is_err_and(|got| got.starts_with(want)),
                    "{name}: {got:?}"
                ),
                None => assert_eq!(got, Ok(()), "{name}"),
            }
            assert!(tally.some_guest(true).is_ok(), "{name}");
        }
    }
}
