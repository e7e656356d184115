//! The cluster without the lost nodes: votes, the HA manager, memory, pairs.

use std::collections::BTreeMap;

use serde_json::json;
use vmid::{exempt::Subject, severity::Severity};

use super::{
    code::Code,
    down::{self, Down},
    fate::{Decided, found},
    record::{ComesBack, Finding, Left, Memory, PairLeft, Rest, VotesLeft},
    scene::Scene,
    seat::Case,
};
use crate::{
    cluster::Cluster,
    permission::{has_on_all_guests, has_on_all_storages},
    plan::{load::Load, pair::Members, policy::Policy, quorum::Votes, room::memory_limit},
    size::human,
    state::{HaStatus, Node},
};

/// A finding, and what it is a finding of.
pub type Of = (Vec<Subject>, Finding);

/// The cluster without the nodes, before anything is restarted.
pub struct Without<'w, 'a> {
    /// It, with the nodes offline.
    pub cluster: &'w Cluster<'a>,
    /// The site's rules.
    pub policy: &'w Policy,
    /// The loss.
    pub scene: &'w Scene<'a>,
    /// The votes.
    pub votes: Votes,
}

impl<'w, 'a> Without<'w, 'a> {
    /// Counts the votes.
    #[must_use]
    pub fn new(cluster: &'w Cluster<'a>, policy: &'w Policy, scene: &'w Scene<'a>) -> Self {
        let names: Vec<&str> = scene.lost.iter().map(|node| cluster.name(*node)).collect();
        Self {
            cluster,
            policy,
            scene,
            votes: Votes::without_all(cluster.state, &names),
        }
    }

    fn lost(&self) -> Vec<Subject> {
        let names = self.scene.lost.iter().map(|node| self.cluster.name(*node));
        names.map(|name| Subject::Node(name.to_owned())).collect()
    }

    /// The manager can act: there is a majority, and it is armed; none if it was not seen.
    #[must_use]
    pub fn manager_acts(&self) -> Option<bool> {
        if !self.votes.hold() {
            return Some(false);
        }
        let ha = self.cluster.state.ha.as_ref()?;
        match &ha.status {
            None if !ha.resources.is_empty() => None,
            status => Some(
                status
                    .as_ref()
                    .and_then(|status| self.off(status))
                    .is_none(),
            ),
        }
    }

    /// Why the manager restarts nothing, by what it says of itself.
    fn off(&self, status: &HaStatus) -> Option<String> {
        if let Some(word) = &status.armed
            && word.starts_with("disarm")
        {
            return Some("the HA manager is disarmed, so it restarts nothing".to_owned());
        }
        let online = |name: &str| {
            let node = self.cluster.node(name);
            node.is_some_and(|node| self.cluster.nodes()[node].online)
        };
        // Of a node that is off another takes over; where it is on, all others should have by now.
        let master = status.master.as_ref();
        if let Some(master) = master.filter(|master| online(&master.node) && master.is_silent()) {
            let what = format!(
                "nothing is heard of the HA manager on {} and no other took over, so it restarts nothing: {}",
                master.node, master.status
            );
            return Some(what);
        }
        let left = self.cluster.nodes().iter().filter(|node| node.online);
        let silent = |node: &Node| {
            let mut locals = status.nodes.iter();
            locals.any(|local| local.node == node.node && local.is_silent())
        };
        let mut left = left.map(silent).peekable();
        (left.peek().is_some() && left.all(|silent| silent)).then(|| {
            "nothing is heard of the HA manager on any node that is left, so it restarts nothing"
                .to_owned()
        })
    }

    /// The manager that decides was on a lost node, and another has to take over first.
    #[must_use]
    pub fn is_manager_lost(&self) -> bool {
        let ha = self.cluster.state.ha.as_ref();
        let master = ha.and_then(|ha| ha.status.as_ref()?.master.as_ref());
        let node = master.and_then(|master| self.cluster.node(&master.node));
        node.is_some_and(|node| self.scene.is_lost(node))
    }

    /// As a record has it.
    #[must_use]
    pub fn rest(&self, after_ha: &Load<'a>, after_all: &Load<'a>) -> Rest {
        let now = Load::now(self.cluster);
        let nodes = self.cluster.nodes().iter().enumerate();
        let left = nodes.filter(|(_, node)| node.online);
        let memory = left.map(|(at, node)| Memory {
            node: node.node.clone(),
            now: now.memory(at),
            after_ha: after_ha.memory(at),
            after_all: after_all.memory(at),
            limit: memory_limit(self.cluster, self.policy, at),
            maxmem: node.maxmem,
        });
        let Votes {
            expected,
            needed,
            remaining,
        } = self.votes;
        Rest {
            name: self.cluster.state.cluster.name.clone(),
            votes: VotesLeft {
                expected,
                needed,
                remaining,
            },
            quorate: self.votes.hold(),
            ha_can_act: self.manager_acts(),
            memory: memory.collect(),
        }
    }

    /// What the votes say, and what was not seen.
    #[must_use]
    pub fn findings(&self, rest: &Rest) -> Vec<Of> {
        let mut all = Vec::new();
        let mut say = |finding| all.push((self.lost(), finding));
        let VotesLeft {
            expected,
            needed,
            remaining,
        } = rest.votes;
        let counted = format!("{remaining} of {expected} votes remain, and quorum needs {needed}");
        let evidence = json!(rest.votes);
        if !rest.quorate {
            let what = format!(
                "{counted}: HA restarts nothing, nothing can be started or changed, and nodes with HA resources reset themselves"
            );
            say(found(Code::NoMajority, Severity::Critical, what, evidence));
        } else if self.is_last_vote() {
            let what = format!("{counted}: no other node may fail");
            say(found(Code::LastVote, Severity::Info, what, evidence));
        }
        let state = self.cluster.state;
        let status = state.ha.as_ref().and_then(|ha| ha.status.as_ref());
        if let Some(what) = status.and_then(|status| self.off(status)) {
            say(found(Code::HaOff, Severity::Critical, what, json!({})));
        }
        for (list, right) in self.unseen() {
            let what = format!("{list} not in the state ({right})");
            say(found(
                Code::Unseen,
                Severity::Unknown,
                what,
                json!({"list": list, "right": right}),
            ));
        }
        all
    }

    fn is_last_vote(&self) -> bool {
        let left = self.cluster.nodes().iter().filter(|node| node.online);
        let largest = left.map(|node| node.votes).max().unwrap_or_default();
        self.votes.remaining.saturating_sub(largest) < self.votes.needed
    }

    /// Lists that are not in the state, and what would show them.
    fn unseen(&self) -> Vec<(String, String)> {
        let state = self.cluster.state;
        let mut unseen = Vec::new();
        let mut lacks = |list: String, right: &str| unseen.push((list, right.to_owned()));
        if state.ha.is_none() {
            lacks("the HA resources are".to_owned(), "Sys.Audit on /");
        }
        let ha = state.ha.iter();
        if ha
            .filter(|ha| ha.status.is_none() && !ha.resources.is_empty())
            .count()
            > 0
        {
            let right = "a state of version 3, and Sys.Audit on /";
            lacks("whether the HA manager lives is".to_owned(), right);
        }
        if state.replication.is_none() {
            lacks("the replication jobs are".to_owned(), "Sys.Audit on /");
        }
        // Where there are no jobs, nobody misses how they went.
        if state
            .replication
            .as_ref()
            .is_none_or(|jobs| !jobs.is_empty())
        {
            for node in &self.scene.unseen {
                lacks(
                    format!("how old the replicas of {node}'s guests are is"),
                    "a state of version 3, and VM.Audit on /vms",
                );
            }
        }
        let sees_all = state.permissions.as_ref();
        if !sees_all.is_some_and(|table| has_on_all_guests(table, "VM.Audit")) {
            lacks(
                "guests that the token may not see are".to_owned(),
                "VM.Audit on /vms",
            );
        }
        if !sees_all.is_some_and(has_on_all_storages) {
            lacks(
                "storages that the token may not see are".to_owned(),
                "Datastore.Audit on /storage",
            );
        }
        for storage in down::unsure(self.cluster, self.policy, self.scene) {
            let (id, server) = (&storage.storage, storage.server.as_deref());
            let server = server.unwrap_or_default();
            let what = format!("whether the server of {id} ({server}) was a lost node is");
            lacks(
                what,
                "the nodes' addresses: read the state anew, or nodes[].address of the site",
            );
        }
        if self.scene.is_before_old() {
            lacks(
                "what the guests there are since the document of before is".to_owned(),
                "--before FILE of at most two days before the state",
            );
        }
        for hidden in state.hidden.iter().flatten() {
            let node = hidden
                .node
                .as_ref()
                .and_then(|node| self.cluster.node(node));
            if hidden.node.is_none() || node.is_some_and(|node| self.scene.is_lost(node)) {
                let right = format!("VM.Audit on /vms/{}", hidden.vmid);
                lacks(
                    format!("guest {}, which {} names, is", hidden.vmid, hidden.by),
                    &right,
                );
            }
        }
        unseen
    }

    /// Nodes that would have more given away than is allowed.
    #[must_use]
    pub fn memory(&self, rest: &Rest) -> Vec<Of> {
        let over = rest
            .memory
            .iter()
            .filter(|node| node.after_ha > node.limit && node.after_ha > node.now);
        let findings = over.map(|node| {
            let what = format!(
                "{} would have {} given to its guests, and {} are allowed ({} x {})",
                node.node,
                human(node.after_ha),
                human(node.limit),
                self.policy.ram_ratio,
                human(node.maxmem)
            );
            let mut subjects = self.lost();
            subjects.push(Subject::Node(node.node.clone()));
            let finding = found(Code::MemoryAfterLoss, Severity::Warning, what, json!(node));
            (subjects, finding)
        });
        findings.collect()
    }

    /// The pairs that have lost a member.
    #[must_use]
    pub fn pairs(&self) -> Vec<PairLeft> {
        let members = Members::new(self.cluster, &self.policy.pairs);
        let mut pairs = Vec::new();
        for pair in &self.policy.pairs {
            let (mut lost, mut left, mut unseen) = (Vec::new(), Vec::new(), Vec::new());
            for member in &pair.members {
                let Some(guest) = members.guest(member) else {
                    // No guest of this cluster: it may be a machine of its own.
                    left.push(Left {
                        name: member.name.clone(),
                        vmid: None,
                        node: None,
                    });
                    continue;
                };
                let node = self.cluster.node(&guest.node);
                if node.is_some_and(|node| self.scene.is_lost(node)) {
                    lost.push(guest.vmid);
                } else if guest.is_unknown()
                    && node.is_some_and(|node| self.cluster.nodes()[node].online)
                {
                    unseen.push(guest.vmid);
                } else if guest.is_running()
                    && node.is_some_and(|node| self.cluster.nodes()[node].online)
                {
                    left.push(Left {
                        name: guest.name.clone(),
                        vmid: Some(guest.vmid),
                        node: Some(guest.node.clone()),
                    });
                }
            }
            if !lost.is_empty() {
                let vips = pair.all_vips().map(|vip| vip.to_string()).collect();
                pairs.push(PairLeft {
                    pair: pair.name.clone(),
                    lost,
                    left,
                    unseen,
                    vips,
                });
            }
        }
        pairs
    }

    /// What there is to say of them.
    #[must_use]
    pub fn of_pairs(&self, pairs: &[PairLeft]) -> Vec<Of> {
        let findings = pairs.iter().filter_map(|pair| {
            let (name, evidence) = (&pair.pair, json!(pair));
            let (code, severity, what) = match pair.left.as_slice() {
                [] if !pair.unseen.is_empty() => {
                    let members: Vec<String> = pair.unseen.iter().map(u32::to_string).collect();
                    let what = format!(
                        "whether {} of the pair {name} runs is not in the state",
                        members.join(", ")
                    );
                    (Code::Unseen, Severity::Unknown, what)
                }
                [] => (
                    Code::PairLost,
                    Severity::Critical,
                    format!("no member of the pair {name} is left"),
                ),
                [one] => (
                    Code::PairSingle,
                    Severity::Info,
                    format!("of the pair {name} {} is left alone", one.name),
                ),
                _ => return None,
            };
            let mut subjects = self.lost();
            subjects.push(Subject::Pair(name.clone()));
            let finding = Finding::new(code.as_str(), severity, what, evidence, &["state", "site"]);
            Some((subjects, finding))
        });
        findings.collect()
    }

    /// Backup servers that are lost with what they would restore.
    #[must_use]
    pub fn of_backups(
        &self,
        down: &[Down<'a>],
        cases: &[Case<'a>],
        all: &[Decided<'a, '_>],
    ) -> Vec<Of> {
        let waiting = waiting(all);
        let findings = down.iter().filter(|down| down.is_of_backups()).map(|down| {
            let id = &down.storage.storage;
            let server = down.server.and_then(|vmid| {
                let at = cases.iter().position(|case| case.candidate.guest.vmid == vmid)?;
                Some(all[at].comes_back)
            });
            let fate = server.map_or("gone", ComesBack::as_str);
                let then = match waiting {
                    0 => "until it is back nothing is backed up".to_owned(),
                    some => format!("it has to be back before {} can be restored", guests(some)),
                };
                let what = format!(
                    "the backup server of {id} ({}) is lost, too ({fate}): {then}",
                    down.by()
                );
                let severity = match (waiting, server) {
                    (0, Some(ComesBack::HaRestart)) => Severity::Info,
                    (0, _) => Severity::Warning,
                    _ => Severity::Critical,
                };
                let evidence = json!({"storage": id, "server": down.server, "comes_back": fate, "waiting": waiting});
            let mut subjects = self.lost();
            subjects.push(Subject::Storage(id.clone()));
            subjects.extend(down.server.map(Subject::Vmid));
            (subjects, found(Code::BackupServerLost, severity, what, evidence))
        });
        findings.collect()
    }
}

/// `1 guest`, `2 guests`.
#[must_use]
pub fn guests(count: usize) -> String {
    let word = if count == 1 { "guest" } else { "guests" };
    format!("{count} {word}")
}

/// How many guests would be restored if the servers of their backups were there.
#[must_use]
pub fn waiting(all: &[Decided<'_, '_>]) -> usize {
    let waits = |one: &&Decided<'_, '_>| {
        let mut codes = one.findings.iter().map(|finding| finding.code);
        one.comes_back == ComesBack::Restore
            || codes.any(|code| code == Code::BackupServerLost.as_str())
    };
    all.iter().filter(waits).count()
}

/// How many guests come back how.
#[must_use]
pub fn counted(all: &[Decided<'_, '_>]) -> Vec<(ComesBack, usize)> {
    let mut counts: BTreeMap<ComesBack, usize> = BTreeMap::new();
    for one in all {
        *counts.entry(one.comes_back).or_default() += 1;
    }
    counts.into_iter().collect()
}
