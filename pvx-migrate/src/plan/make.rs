//! `plan make`: which of the wanted guests can be made, and what is in the way of the others.
//!
//! A pure function of the state document and the records. All that would make Proxmox refuse, fail
//! half-way, or make a guest that doesn't start or loses data is a blocker here; what was not seen is
//! told as such. Each guest sees what those before it take.

use std::collections::HashMap;

use vmid::site::Member;

use super::{
    creation::{Creation, Making, Params, Scalar, Wants},
    load::Load,
    pair::Members,
    parameter,
    policy::Policy,
    record::Blocker,
};
use crate::cluster::Cluster;

pub mod code;
mod existing;
pub(crate) mod identity;
mod placing;
#[cfg(test)]
mod property_tests;
pub mod root;
mod sight;
#[cfg(test)]
mod table_tests;
mod volumes;
pub mod wanted;

use code::Code;
use wanted::Wanted;

/// The guests that are made, one after the other.
pub struct Work<'w, 'a> {
    cluster: &'w Cluster<'a>,
    policy: &'w Policy,
    load: Load<'a>,
    members: Members<'a>,
    /// The guests before, and their nodes.
    made: Vec<(Wanted, Option<usize>)>,
    /// The names that are taken, in short, and by whom.
    names: HashMap<String, Vec<u32>>,
}

/// What is found of one guest.
#[derive(Debug, Default)]
struct Found {
    blockers: Vec<Blocker>,
    warnings: Vec<Blocker>,
}

impl Found {
    fn blocks(&mut self, code: Code, message: impl Into<String>) {
        self.blockers.push(code.says(message));
    }

    fn warns(&mut self, code: Code, message: impl Into<String>) {
        self.warnings.push(code.says(message));
    }
}

impl<'w, 'a> Work<'w, 'a> {
    /// Before the first guest.
    #[must_use]
    pub fn new(cluster: &'w Cluster<'a>, policy: &'w Policy) -> Self {
        let mut names: HashMap<String, Vec<u32>> = HashMap::new();
        for guest in &cluster.state.guests {
            let name = identity::name_of(guest);
            let short = identity::short(&name, policy.site.domain.as_deref());
            names.entry(short).or_default().push(guest.vmid);
        }
        Self {
            cluster,
            policy,
            load: Load::now(cluster),
            members: Members::new(cluster, &policy.pairs),
            made: Vec::new(),
            names,
        }
    }

    /// An earlier record of this call has the ID.
    #[must_use]
    pub fn has(&self, vmid: u32) -> bool {
        self.made.iter().any(|(other, _)| other.vmid == vmid)
    }

    /// The step of a guest.
    pub fn one(&mut self, wanted: Wanted) -> Creation {
        let mut found = Found::default();
        let mut params = wanted.params.clone().unwrap_or_default();
        if let Some(pool) = &self.policy.site.pool
            && wanted.params.is_some()
        {
            let pool = || Scalar::Text(pool.clone());
            params.entry("pool".to_owned()).or_insert_with(pool);
        }
        if let Some(guest) = self.lives(&wanted) {
            let differs = existing::differs(guest, &wanted, &params, &mut found);
            // Nothing of it is sent, so what never is has no place in the plan: it may be a secret.
            params.retain(|key, value| !parameter::is_foreign(key, value, wanted.kind));
            let node = self.cluster.node(&guest.node);
            let step = Creation {
                node: guest.node.clone(),
                reason: format!("it lives already, on {}", guest.node),
                exists: true,
                differs,
                resize: existing::grown(&wanted, &params),
                ..self.step(&wanted, params, found)
            };
            self.made.push((wanted, node));
            return step;
        }
        let node = self.cluster.node(&wanted.node);
        self.identity(&wanted, &mut found);
        let root_only = self.parameters(&wanted, &params, &mut found);
        self.placing(&wanted, &params, node, &mut found);
        // Typed in, they would pass by whatever else is in the way.
        let is_all = found.blockers.len() == 1;
        let step = Creation {
            root_only: if is_all { root_only } else { Vec::new() },
            ..self.step(&wanted, params, found)
        };
        let short = identity::short(&wanted.name, self.policy.site.domain.as_deref());
        self.names.entry(short).or_default().push(wanted.vmid);
        let node = node.filter(|_| step.action == Making::Create);
        if let Some(node) = node {
            self.take(&wanted, &step.params, node);
        }
        self.made.push((wanted, node));
        step
    }

    fn step(&self, wanted: &Wanted, params: Params, found: Found) -> Creation {
        let is_blocked = !found.blockers.is_empty();
        let state = self.cluster.state;
        Creation {
            vmid: wanted.vmid,
            kind: wanted.kind,
            name: wanted.name.clone(),
            node: wanted.node.clone(),
            action: if is_blocked {
                Making::Blocked
            } else {
                Making::Create
            },
            wants: is_blocked.then_some(Wants::Create),
            reason: wanted.reason.clone(),
            exists: false,
            differs: Vec::new(),
            params,
            resize: wanted.resize.clone(),
            start: wanted.start,
            root_only: Vec::new(),
            blockers: found.blockers,
            warnings: found.warnings,
            cluster: state.cluster.name.clone(),
            state_at: state.at,
        }
    }

    /// What is sent: nothing that is never sent, and what root alone may set as root's commands.
    fn parameters(&self, wanted: &Wanted, params: &Params, found: &mut Found) -> Vec<String> {
        if wanted.params.is_none() {
            let what =
                "the record has no params: run provision again without the guest in its list";
            found.blocks(Code::NotMade, what);
            return Vec::new();
        }
        let reserved = root::reserved(params, wanted.kind);
        let mut others = root::others(params, &reserved);
        let key = parameter::name_key(wanted.kind);
        let named = others.get(key).map(ToString::to_string);
        if named.as_ref() != Some(&wanted.name) {
            let what = match named {
                Some(other) => format!("its {key} is {other:?}, and its name {:?}", wanted.name),
                None => format!("params has no {key}"),
            };
            found.blocks(Code::Parameter, what);
        }
        let foreign = parameter::foreign(&others, wanted.kind);
        others.extend(reserved.keys().map(|key| (key.clone(), Scalar::Number(0))));
        let foreign =
            foreign.or_else(|| parameter::foreign_resize(&wanted.resize, &others, wanted.kind));
        if let Some(what) = foreign {
            found.blocks(Code::Parameter, what);
            return Vec::new();
        }
        let keys = ["ssh-public-keys", "sshkeys"];
        if !keys.iter().any(|key| params.contains_key(*key)) {
            let what = "params has no SSH keys, so nobody can log in over the network: name the \
                site's ssh_keys_file where it can be read";
            found.warns(Code::NoKeys, what);
        }
        if root::is_privileged(params) {
            let what = "a privileged container: the token that makes it needs Sys.Modify on /";
            found.warns(Code::Privileged, what);
        }
        if reserved.is_empty() {
            return Vec::new();
        }
        let each = reserved.iter().map(|(key, why)| format!("{key} ({why})"));
        let all: Vec<String> = each.collect();
        let node = &wanted.node;
        let what = format!(
            "Proxmox lets root@pam alone set {}, no token: type root_only on {node}",
            all.join(", ")
        );
        found.blocks(Code::RootOnly, what);
        root::commands(wanted, params)
    }

    /// Whether a guest is that member of a pair: by ID, name or address.
    fn is(&self, wanted: &Wanted, member: &Member) -> bool {
        let domain = self.policy.site.domain.as_deref();
        Some(wanted.vmid) == member.vmid
            || identity::short(&wanted.name, domain) == identity::short(&member.name, domain)
            || (wanted.address.is_some() && wanted.address == member.address)
    }

    /// The guest that is that member of a pair, if the state has it.
    fn living(&self, member: &Member) -> Option<u32> {
        let short = identity::short(&member.name, self.policy.site.domain.as_deref());
        let named = || {
            let mut ids = self.names.get(&short)?.iter().copied();
            ids.find(|vmid| self.cluster.guest(*vmid).is_some())
        };
        let guest = self.members.guest(member).map(|guest| guest.vmid);
        guest.or_else(named)
    }
}
