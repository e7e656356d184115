//! The snapshots of a guest: their names, and of containers what each of them holds.
//!
//! PVE's check of a VM tells which volumes its snapshots name; of a container nothing does
//! but the snapshots' own configurations.

use std::collections::BTreeMap;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::SerializeMap as _,
};
use serde_json::{Value, value::RawValue};

/// The snapshots of a guest.
#[derive(Clone, Debug)]
pub enum Snapshots {
    /// Their names: of VMs, and of any guest in version 1 of the document.
    Names(Vec<String>),
    /// Name and configuration: of containers.
    Configs(BTreeMap<String, SnapshotConfig>),
}

/// The configuration of a snapshot.
#[derive(Clone, Debug)]
pub enum SnapshotConfig {
    /// As PVE gave it.
    Seen(Box<RawValue>),
    /// It could not be read, for this reason.
    Unseen(String),
}

impl Snapshots {
    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let (list, map) = match self {
            Self::Names(names) => (Some(names), None),
            Self::Configs(configs) => (None, Some(configs)),
        };
        let listed = list.into_iter().flatten().map(|name| &name[..]);
        listed.chain(map.into_iter().flatten().map(|(name, _)| &name[..]))
    }

    /// There is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names().next().is_none()
    }

    /// Their names in one line, for messages.
    #[must_use]
    pub fn listed(&self) -> String {
        self.names().collect::<Vec<_>>().join(", ")
    }

    /// When they were made, in seconds since 1970; only of those whose configuration was read.
    pub fn times(&self) -> impl Iterator<Item = i64> {
        self.names().filter_map(|name| {
            let config: Value = serde_json::from_str(self.config(name).ok()?).ok()?;
            let time = &config["snaptime"];
            time.as_i64()
                .or_else(|| time.as_str().and_then(|text| text.parse().ok()))
        })
    }

    /// The configuration of a snapshot.
    ///
    /// # Errors
    ///
    /// Why it wasn't read.
    pub fn config(&self, name: &str) -> Result<&str, &str> {
        let configs = match self {
            Self::Configs(configs) => configs.get(name),
            Self::Names(_) => None,
        };
        match configs {
            Some(SnapshotConfig::Seen(raw)) => Ok(raw.get()),
            Some(SnapshotConfig::Unseen(why)) => Err(why),
            None => Err("it was not read"),
        }
    }
}

impl Serialize for Snapshots {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Names(names) => names.serialize(serializer),
            Self::Configs(configs) => configs.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Snapshots {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text = raw.get();
        if text.starts_with('{') {
            return serde_json::from_str(text)
                .map(Self::Configs)
                .map_err(D::Error::custom);
        }
        serde_json::from_str(text)
            .map(Self::Names)
            .map_err(D::Error::custom)
    }
}

/// What stands in the place of a configuration that was not read; no key of PVE's is `unseen`.
#[derive(Deserialize)]
struct Marker {
    #[serde(default)]
    unseen: Option<String>,
}

impl Serialize for SnapshotConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Seen(raw) => raw.serialize(serializer),
            Self::Unseen(why) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("unseen", why)?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for SnapshotConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let marker: Marker = serde_json::from_str(raw.get()).map_err(D::Error::custom)?;
        Ok(marker.unseen.map_or(Self::Seen(raw), Self::Unseen))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_or_configs() {
        // document, names, what is known of s1
        #[rustfmt::skip]
        let cases: &[(&str, &str, Result<&str, &str>)] = &[
            ("[]",                                                 "",       Err("it was not read")),
            (r#"["s1","s2"]"#,                                     "s1, s2", Err("it was not read")),
            ("{}",                                                 "",       Err("it was not read")),
            (r#"{"s1":{"rootfs":"a:b","snaptime":1},"s2":{}}"#,    "s1, s2", Ok(r#"{"rootfs":"a:b","snaptime":1}"#)),
            (r#"{"s1":{"unseen":"status 500: CT is locked"}}"#,    "s1",     Err("status 500: CT is locked")),
        ];
        for (text, names, config) in cases {
            let read: Snapshots = serde_json::from_str(text).unwrap();
            assert_eq!(
                (read.listed().as_str(), read.config("s1")),
                (*names, *config),
                "{text}"
            );
            assert_eq!(read.is_empty(), names.is_empty(), "{text}");
            assert_eq!(serde_json::to_string(&read).unwrap(), *text);
        }
        for bad in [r#"{"s1":5}"#, "[5]", "5", r#"{"s1":"x"}"#] {
            assert!(serde_json::from_str::<Snapshots>(bad).is_err(), "{bad}");
        }
    }
}
