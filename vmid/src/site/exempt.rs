//! Findings that the site knows of and lets pass; [`crate::exempt`] judges by them.

use serde::{Deserialize, Serialize};

use super::{Site, fault::Faults};

/// An exemption: of one code, for one subject.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Exemption {
    /// The finding's code.
    pub code: String,
    /// Why it may pass.
    pub why: String,
    /// A guest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vmid: Option<u32>,
    /// A node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// A storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<String>,
    /// A job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// One of the site's pairs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pair: Option<String>,
    /// One of the site's services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The last day on which it counts, `2027-01-31`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

impl Exemption {
    /// How many subjects it names.
    fn subjects(&self) -> usize {
        let named = [
            &self.node,
            &self.storage,
            &self.job,
            &self.pair,
            &self.service,
        ];
        let named = named.iter().filter(|name| name.is_some()).count();
        named + usize::from(self.vmid.is_some())
    }
}

/// Each names one subject, and none is of what could not be seen.
pub(super) fn check(site: &Site, faults: &mut Faults) {
    for (place, one) in site.exempt.iter().enumerate() {
        let path = format!("exempt[{place}]");
        if one.code == "unseen" {
            let what = "is \"unseen\": what could not be seen can't be exempted, as anything may be behind it";
            faults.add(format!("{path}.code"), what);
        }
        if one.subjects() != 1 {
            let what = match one.subjects() {
                0 => "names nothing",
                _ => "names several things",
            };
            let rule = "it needs exactly one of vmid, node, storage, job, pair, service";
            faults.add(path.as_str(), format!("{what}: {rule}"));
        }
        let pairs = site.pairs.iter().map(|pair| pair.name.as_str());
        unknown(&one.pair, "pair", &path, pairs, faults);
        let services = site.services.iter().map(|service| service.name.as_str());
        unknown(&one.service, "service", &path, services, faults);
    }
}

/// A name that the site has to have, and hasn't.
fn unknown<'a>(
    name: &Option<String>,
    of: &str,
    path: &str,
    known: impl Iterator<Item = &'a str> + Clone,
    faults: &mut Faults,
) {
    let Some(name) = name else { return };
    if !known.clone().any(|other| other == name) {
        let hint = super::near::hint(name, known);
        let what = format!("is {name:?}, which is no {of}{hint}");
        faults.add(format!("{path}.{of}"), what);
    }
}
