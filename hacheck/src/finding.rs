//! Findings: what is said of a pair, how bad it is, and on what it rests.

use serde_json::Value;
pub use vmid::severity::Severity;

/// Who saw something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Eye {
    /// A probe.
    Probe,
    /// Replies to broadcast ARP requests.
    Arp,
    /// VRRP advertisements.
    Adverts,
    /// What the members say of themselves.
    Facts,
    /// The checker's neighbour table.
    Neighbours,
    /// The checker's own addresses.
    Local,
    /// The pairs as they are configured.
    Pairs,
    /// Where the guests are.
    Guests,
    /// What earlier checks saw.
    History,
}

impl Eye {
    /// As in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Arp => "arp",
            Self::Adverts => "adverts",
            Self::Facts => "facts",
            Self::Neighbours => "neighbours",
            Self::Local => "local",
            Self::Pairs => "pairs",
            Self::Guests => "guests",
            Self::History => "history",
        }
    }
}

/// One thing that is said of a pair.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Its code, one of [`CODES`].
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// For people.
    pub message: String,
    /// An object with what it rests on.
    pub evidence: Value,
    /// Who saw it.
    pub seen_by: Vec<Eye>,
}

impl Finding {
    /// A finding; `evidence` is an object.
    #[must_use]
    pub fn new(
        code: &'static str,
        severity: Severity,
        message: impl Into<String>,
        evidence: Value,
        seen_by: &[Eye],
    ) -> Self {
        debug_assert!(CODES.iter().any(|(known, _)| *known == code), "{code}");
        Self {
            code,
            severity,
            message: message.into(),
            evidence,
            seen_by: seen_by.to_vec(),
        }
    }

    /// As it is written.
    #[must_use]
    pub fn json(&self) -> Value {
        let seen_by: Vec<&str> = self.seen_by.iter().map(|eye| eye.name()).collect();
        serde_json::json!({
            "code": self.code,
            "severity": self.severity.name(),
            "message": self.message,
            "evidence": self.evidence,
            "seen_by": seen_by,
        })
    }
}

/// All codes, with what they mean; `--help` prints them.
pub const CODES: &[(&str, &str)] = &[
    ("vip-down", "nothing answers at the VIP"),
    (
        "vip-service-down",
        "one service does not answer at the VIP, another does",
    ),
    (
        "hand-over",
        "the VIP was just moving, so it was looked at twice",
    ),
    (
        "vip-up-holder-dead",
        "the holder's service is dead, another member's is not",
    ),
    (
        "vip-wrong-source",
        "the holder's own address answers, the VIP does not",
    ),
    (
        "member-service-down",
        "a member's service does not answer: no redundancy",
    ),
    ("service-down", "a service that is no pair does not answer"),
    (
        "route-down",
        "a reverse proxy, or the backend behind it, does not give the page it should",
    ),
    ("wrong-function", "it answers, but not what it should"),
    ("holder", "who holds the VIP, and how that was found out"),
    (
        "holder-unexpected",
        "not the preferred member holds the VIP",
    ),
    (
        "holder-unknown",
        "who holds the VIP could not be found out, and why",
    ),
    (
        "split-brain",
        "two members hold the VIP, or one each of those that move together",
    ),
    (
        "vip-not-used",
        "a member has the VIP and does not hold it: on lo, on an interface that is down, unused",
    ),
    (
        "second-answer",
        "a second host answers ARP for the VIP: a proxy takes its traffic",
    ),
    (
        "stale-neighbour",
        "the checker's neighbour table had the VIP where it isn't: others' may, too",
    ),
    ("foreign-holder", "a host that is no member holds the VIP"),
    (
        "vrrp-silent",
        "the VIP answers, but no VRRP advert is heard",
    ),
    (
        "vrrp-daemon-dead",
        "no VRRP daemon lives on a member: nothing will move the VIP",
    ),
    (
        "vrrp-fault",
        "a member's VRRP instance is in fault: it will not take over",
    ),
    (
        "standby-not-listening",
        "a standby's server is bound to its own address: it would not answer at the VIP",
    ),
    (
        "rto-unreachable",
        "a standby waits longer than the recovery time that is promised",
    ),
    (
        "config-drift",
        "the members' VRRP configurations differ from each other or from the pair's",
    ),
    (
        "same-node",
        "members are on one node, or it is not known on which",
    ),
    ("same-storage", "members have their disks on one storage"),
    ("placement", "what the loss of each node would do"),
    (
        "ha-state",
        "Proxmox's HA has given a guest up, fences its node, or keeps it stopped",
    ),
    ("flapping", "the holder changed too often"),
    ("failover-time", "how long the VIP was gone (watch)"),
    ("cert-expiry", "a certificate's life ends"),
    ("cert-differs", "members show different certificates"),
    (
        "aa-dns-drift",
        "members answer differently: an active-active pair, or names that must be the same",
    ),
    (
        "aa-content-drift",
        "members hold different content: a Pi-hole's lists, versions",
    ),
    (
        "pihole-blocking-off",
        "a Pi-hole does not block, or has nothing to block by",
    ),
    ("pihole-open", "a Pi-hole's API needs no password"),
    (
        "nfs-exports-differ",
        "an export is missing on a member, or is for other clients there",
    ),
    (
        "nfs-handle-differs",
        "an export has another handle on each member: stale after a failover",
    ),
    (
        "data-stale",
        "a file that is to be renewed is old or missing",
    ),
    ("blind", "what could not be seen"),
];
