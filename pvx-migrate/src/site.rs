//! The site's policy: pairs that stay apart, limits, storages that are not for guests.
//!
//! Of `site.json` only what decides where a guest may be; and a file of pairs alone.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, anyhow};
use serde::Deserialize;

/// What the site file says, as far as it matters here.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Site {
    /// Guests that do one job together.
    #[serde(default)]
    pub pairs: Vec<Pair>,
    /// Limits.
    #[serde(default)]
    pub limits: Limits,
    /// What each node offers.
    #[serde(default)]
    pub nodes: Vec<SiteNode>,
    /// Storages, and whether guests may be on them.
    #[serde(default)]
    pub storages: Vec<SiteStorage>,
    /// Storage types that databases may be on; empty: any.
    #[serde(default)]
    pub database_storage_types: Vec<String>,
    /// What a guest is for.
    #[serde(default)]
    pub roles: BTreeMap<String, Role>,
    /// What new guests get if they don't say.
    #[serde(default)]
    pub templates: BTreeMap<String, Template>,
    /// Networks, and their bridges.
    #[serde(default)]
    pub vlans: Vec<Vlan>,
}

/// Guests that do one job together, so that no two may be on one node.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Pair {
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Its members.
    pub members: Vec<Member>,
}

/// A member of a pair, known by its ID, or else by its name.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Member {
    /// The guest's ID.
    #[serde(default)]
    pub vmid: Option<u32>,
    /// The guest's name.
    #[serde(default)]
    pub name: String,
    /// Where the site wants it; counts until it lives somewhere.
    #[serde(default)]
    pub node: Option<String>,
}

/// Limits of the site.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Limits {
    /// How many times a node's memory its running guests may be given.
    #[serde(default)]
    pub ram_ratio: Option<f64>,
}

/// What a node offers.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct SiteNode {
    /// The node.
    #[serde(alias = "node")]
    pub name: String,
    /// Storages for new guests, the preferred first.
    #[serde(default)]
    pub storages: Vec<String>,
    /// Device files and folders that containers may need and that no API shows.
    #[serde(default)]
    pub devices: BTreeSet<String>,
}

/// A storage of the site.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct SiteStorage {
    /// Its ID.
    pub storage: String,
    /// Guests may be on it.
    #[serde(default = "yes")]
    pub guests: bool,
}

/// What a guest is for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Role {
    /// It is a database.
    #[serde(default)]
    pub database: bool,
}

/// What a new guest gets if it doesn't say.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Template {
    /// Memory, in MiB.
    #[serde(default)]
    pub memory_mib: Option<u64>,
    /// Disk, in GiB.
    #[serde(default)]
    pub disk_gib: Option<u64>,
}

/// A network.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Vlan {
    /// Its VID.
    pub vlan: u64,
    /// The bridge that nodes have for it.
    #[serde(default)]
    pub bridge: Option<String>,
}

impl Site {
    /// From the text of a site file.
    ///
    /// # Errors
    ///
    /// It is no JSON object of that form, or two members of a pair are the same guest.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let site: Self = serde_json::from_str(text)?;
        check(&site.pairs)?;
        Ok(site)
    }

    /// A storage that the site keeps from guests; without a word of it `local` is one.
    #[must_use]
    pub fn keeps_out(&self, storage: &str) -> bool {
        let entry = self.storages.iter().find(|entry| entry.storage == storage);
        entry.map_or(storage == "local", |entry| !entry.guests)
    }

    /// A node that the site says to have `path`.
    #[must_use]
    pub fn has_device(&self, node: &str, path: &str) -> bool {
        self.nodes
            .iter()
            .any(|entry| entry.name == node && entry.devices.contains(path))
    }
}

/// The pairs of a file: an array of them, an object with `pairs` in it, or one pair.
///
/// # Errors
///
/// It is none of these, or two members of a pair are the same guest.
pub fn parse_pairs(text: &str) -> anyhow::Result<Vec<Pair>> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum File {
        List(Vec<Pair>),
        Object { pairs: Vec<Pair> },
        One(Pair),
    }
    let file = serde_json::from_str(text)
        .context("expected pairs: [{\"name\": ..., \"members\": [{\"vmid\": ...}, ...]}, ...]")?;
    let pairs = match file {
        File::List(pairs) | File::Object { pairs } => pairs,
        File::One(pair) => vec![pair],
    };
    check(&pairs)?;
    Ok(pairs)
}

fn check(pairs: &[Pair]) -> anyhow::Result<()> {
    for pair in pairs {
        let mut seen = BTreeSet::new();
        for member in &pair.members {
            let key = match member.vmid {
                Some(vmid) => vmid.to_string(),
                None if member.name.is_empty() => {
                    return Err(anyhow!(
                        "pair {}: a member without vmid and name",
                        pair.name
                    ));
                }
                None => member.name.clone(),
            };
            if !seen.insert(key.clone()) {
                return Err(anyhow!("pair {}: {key} is in it twice", pair.name));
            }
        }
    }
    Ok(())
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_in_every_form() {
        let pair = r#"{"name":"dns","members":[{"vmid":1},{"name":"b"}]}"#;
        #[rustfmt::skip]
        let cases = [
            ("a list",                format!("[{pair}]"),                                   Some(2)),
            ("as in a site file",     format!(r#"{{"name":"x","pairs":[{pair}]}}"#),         Some(2)),
            ("one",                   pair.to_owned(),                                       Some(2)),
            ("no members",            r#"[{"name":"dns"}]"#.to_owned(),                      None),
            ("a nameless member",     r#"[{"name":"dns","members":[{}]}]"#.to_owned(),       None),
            ("the same member twice", r#"[{"members":[{"vmid":1},{"vmid":1}]}]"#.to_owned(), None),
            ("not JSON",              "dns: 1, 2".to_owned(),                                None),
        ];
        for (name, text, want) in cases {
            let got = parse_pairs(&text).ok().map(|pairs| pairs[0].members.len());
            assert_eq!(got, want, "{name}");
        }
    }

    #[test]
    fn storages_that_are_not_for_guests() {
        let site = Site::parse(
            r#"{"storages":[{"storage":"local","guests":true},{"storage":"iso","guests":false},{"storage":"a"}]}"#,
        );
        let site = site.unwrap();
        let kept: Vec<bool> = ["local", "iso", "a", "unknown"]
            .map(|s| site.keeps_out(s))
            .to_vec();
        assert_eq!(kept, [false, true, false, false]);
        assert!(Site::default().keeps_out("local"), "without a site file");
    }
}
