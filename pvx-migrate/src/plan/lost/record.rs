//! The records of `plan lost`: one of the cluster without the node, one for each guest that was there.

use serde::Serialize;
use serde_json::{Value, json};
use vmid::{exempt::Subject, severity::Severity, verdict};

use super::told::shown;

pub use vmid::verdict::Finding;

/// How a guest comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ComesBack {
    /// The HA manager starts it elsewhere.
    HaRestart,
    /// Its disks are elsewhere, too: a person starts it there.
    ByHand,
    /// Its backup is restored.
    Restore,
    /// What decides it was not seen.
    Unknown,
    /// Its data is lost.
    Gone,
}

impl ComesBack {
    /// As in a record.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HaRestart => "ha-restart",
            Self::ByHand => "by-hand",
            Self::Restore => "restore",
            Self::Unknown => "unknown",
            Self::Gone => "gone",
        }
    }
}

/// A step for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Act {
    /// In words.
    pub r#do: String,
    /// The node on which the command is typed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
    /// The command, where one may be given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

impl Act {
    /// A step in words alone.
    pub fn words(text: impl Into<String>) -> Self {
        Self {
            r#do: text.into(),
            on: None,
            command: None,
        }
    }
}

/// The votes without the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct VotesLeft {
    /// All, the lost ones included.
    pub expected: u32,
    /// For quorum.
    pub needed: u32,
    /// Those that are left.
    pub remaining: u32,
}

/// Memory given to running guests of a node that is left, in bytes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Memory {
    /// The node.
    pub node: String,
    /// Now.
    pub now: u64,
    /// When the HA manager has restarted what it restarts.
    pub after_ha: u64,
    /// When everything that can be is back.
    pub after_all: u64,
    /// What may be given (the site's ratio).
    pub limit: u64,
    /// What the node has.
    pub maxmem: u64,
}

/// The cluster without the node.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rest {
    /// Its name.
    pub name: String,
    /// The votes.
    pub votes: VotesLeft,
    /// There is a majority.
    pub quorate: bool,
    /// The HA manager can act; none if that was not seen.
    pub ha_can_act: Option<bool>,
    /// The nodes that are left.
    pub memory: Vec<Memory>,
}

/// A member of a pair that is left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Left {
    /// Its name.
    pub name: String,
    /// Its ID; none of a member that is no guest of the cluster.
    pub vmid: Option<u32>,
    /// Its node.
    pub node: Option<String>,
}

/// A pair of which a member was on the lost node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PairLeft {
    /// Its name.
    pub pair: String,
    /// The members that were there, by their IDs.
    pub lost: Vec<u32>,
    /// Those that run elsewhere.
    pub left: Vec<Left>,
    /// Those elsewhere of which it was not seen whether they run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<u32>,
    /// The addresses that move to one that is left, if they were on a lost member.
    pub vips: Vec<String>,
}

/// What is said of the whole.
#[derive(Clone, Debug)]
pub struct Header {
    /// The nodes that are lost.
    pub lost: Vec<String>,
    /// The rest.
    pub cluster: Rest,
    /// The pairs.
    pub pairs: Vec<PairLeft>,
    /// How many guests come back how.
    pub guests: Vec<(ComesBack, usize)>,
    /// What there is to say, and of whom.
    pub findings: Vec<(Vec<Subject>, Finding)>,
    /// What to do before anything else.
    pub runbook: Vec<Act>,
}

/// What becomes of a guest.
#[derive(Clone, Debug)]
pub struct Fate {
    /// Its node, which is lost.
    pub node: String,
    /// Its ID.
    pub vmid: u32,
    /// Its name.
    pub name: String,
    /// `qemu` or `lxc`.
    pub kind: &'static str,
    /// It ran; none if that was not seen.
    pub ran: Option<bool>,
    /// How it comes back.
    pub comes_back: ComesBack,
    /// Where.
    pub on: Option<String>,
    /// How much of its data is lost, in seconds; none if all of it is, or it was not seen.
    pub rpo_s: Option<u64>,
    /// How long it is away, in seconds; none if for ever, or it was not seen.
    pub rto_s: Option<u64>,
    /// Why that is so.
    pub rests_on: Vec<String>,
    /// What stands still without it.
    pub depends_on_it: Vec<String>,
    /// What there is to say.
    pub findings: Vec<Finding>,
    /// What it is to the site's exemptions.
    pub subjects: Vec<Subject>,
    /// What to do.
    pub runbook: Vec<Act>,
}

/// The findings as a record has them, with the status of the whole.
fn judged<'f>(findings: impl Iterator<Item = &'f Finding> + Clone) -> (Value, Value) {
    let status = verdict::worst(findings.clone()).status();
    (json!(status), findings.map(Finding::json).collect())
}

impl Header {
    /// How bad it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        verdict::worst(self.findings.iter().map(|(_, finding)| finding))
    }

    /// As it is written.
    #[must_use]
    pub fn json(&self) -> Value {
        let (status, findings) = judged(self.findings.iter().map(|(_, finding)| finding));
        let count = |of: ComesBack| {
            let found = self.guests.iter().find(|(kind, _)| *kind == of);
            found.map_or(0, |(_, count)| *count)
        };
        json!({
            "node": self.lost.join(","),
            "lost": self.lost,
            "cluster": self.cluster,
            "pairs": self.pairs,
            "guests": {
                "ha-restart": count(ComesBack::HaRestart), "by-hand": count(ComesBack::ByHand),
                "restore": count(ComesBack::Restore), "unknown": count(ComesBack::Unknown),
                "gone": count(ComesBack::Gone),
            },
            "status": status,
            "findings": findings,
            "runbook": self.runbook,
        })
    }
}

/// The worst findings of a record first, for a table's last column.
fn sentence<'f>(findings: impl Iterator<Item = &'f Finding>) -> String {
    let mut findings: Vec<&Finding> = findings.collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let told = findings.iter().map(|finding| match &finding.exempt {
        Some(why) => format!("{}: {} (exempt: {why})", finding.code, finding.message),
        None => format!("{}: {}", finding.code, finding.message),
    });
    told.collect::<Vec<_>>().join("; ")
}

impl Header {
    /// As a row of a table.
    #[must_use]
    pub fn row(&self) -> Value {
        let counts = self.guests.iter();
        let counts = counts.map(|(kind, count)| format!("{count} {}", kind.as_str()));
        let votes = self.cluster.votes;
        let votes = format!("{} of {} votes remain", votes.remaining, votes.expected);
        let findings = sentence(self.findings.iter().map(|(_, finding)| finding));
        let what = match findings.is_empty() {
            true => votes,
            false => findings,
        };
        json!({
            "node": self.lost.join(","), "comes_back": counts.collect::<Vec<_>>().join(", "),
            "status": self.severity().status(), "what": what,
        })
    }
}

impl Fate {
    /// As a row of a table.
    #[must_use]
    pub fn row(&self) -> Value {
        let length = |seconds: Option<u64>| seconds.map(shown);
        let findings = sentence(self.findings.iter());
        let what = match findings.is_empty() {
            true => self.rests_on.join("; "),
            false => findings,
        };
        json!({
            "node": self.node, "vmid": self.vmid, "name": self.name, "type": self.kind,
            "comes_back": self.comes_back, "on": self.on, "rpo": length(self.rpo_s), "rto": length(self.rto_s),
            "status": self.severity().status(), "what": what,
        })
    }

    /// How bad it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        verdict::worst(&self.findings)
    }

    /// As it is written.
    #[must_use]
    pub fn json(&self) -> Value {
        let (status, findings) = judged(self.findings.iter());
        json!({
            "node": self.node, "vmid": self.vmid, "name": self.name, "type": self.kind, "ran": self.ran,
            "comes_back": self.comes_back, "on": self.on, "rpo_s": self.rpo_s, "rto_s": self.rto_s,
            "rests_on": self.rests_on, "depends_on_it": self.depends_on_it,
            "status": status, "findings": findings, "runbook": self.runbook,
        })
    }
}
