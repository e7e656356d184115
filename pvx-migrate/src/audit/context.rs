//! What all rules rest on: the cluster, the site, and who belongs to what.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;
use vmid::site::{Member, Pair, Service, Site};

use super::found::Found;
use crate::{
    cluster::Cluster,
    permission,
    plan::{load::Load, pair::Members, policy::Policy},
    state::{Guest, Node, ReplicationRun},
};

/// What the caller says of ages.
#[derive(Clone, Copy, Debug)]
pub struct Ages {
    /// Snapshots may be so old.
    pub snapshot: Duration,
    /// The last good run of a replication job may be so long ago, whatever its schedule; none: as
    /// long as its schedule has it.
    pub replica: Option<Duration>,
}

/// What all rules rest on.
#[derive(Debug)]
pub struct Context<'a> {
    /// The cluster.
    pub cluster: &'a Cluster<'a>,
    /// What the site allows, as a plan has it.
    pub policy: &'a Policy,
    /// What the caller says.
    pub ages: Ages,
    /// What nodes carry.
    pub load: Load<'a>,
    /// Who the members of pairs and the guests of services are.
    members: Members<'a>,
    services: HashMap<u32, Vec<&'a Service>>,
    pairs: HashMap<u32, Vec<&'a str>>,
    runs: HashMap<u32, Vec<&'a ReplicationRun>>,
    /// The token sees every guest there is, as far as anybody can tell.
    pub sees_all_guests: bool,
}

impl<'a> Context<'a> {
    /// Looks everything up once.
    #[must_use]
    pub fn new(cluster: &'a Cluster<'a>, policy: &'a Policy, ages: Ages) -> Self {
        let site = &policy.site;
        let mut all = policy.pairs.clone();
        all.extend(site.services.iter().map(as_pair));
        let members = Members::new(cluster, &all);
        let state = cluster.state;
        let sees = |table| permission::has_on_all_guests(table, "VM.Audit");
        let mut context = Self {
            cluster,
            policy,
            ages,
            load: Load::now(cluster),
            members,
            services: HashMap::new(),
            pairs: HashMap::new(),
            runs: HashMap::new(),
            sees_all_guests: state.permissions.as_ref().is_some_and(sees)
                && state.hidden.as_ref().is_some_and(Vec::is_empty),
        };
        for service in &site.services {
            for guest in context.guests_of(service) {
                let known = context.services.entry(guest.vmid).or_default();
                known.push(service);
            }
        }
        for pair in &policy.pairs {
            for guest in context.members_of(pair) {
                context
                    .pairs
                    .entry(guest.vmid)
                    .or_default()
                    .push(&pair.name);
            }
        }
        for run in state
            .nodes
            .iter()
            .flat_map(|node| node.replication.iter().flatten())
        {
            context.runs.entry(run.guest).or_default().push(run);
        }
        context
    }

    /// The site.
    #[must_use]
    pub fn site(&self) -> &'a Site {
        &self.policy.site
    }

    /// The moment of the state, in seconds since 1970: ages are reckoned from there.
    #[must_use]
    pub fn now(&self) -> i64 {
        let at: Timestamp = self.cluster.state.at;
        at.as_second()
    }

    /// The guest that a member of a pair is.
    #[must_use]
    pub fn guest(&self, member: &Member) -> Option<&'a Guest> {
        self.members.guest(member)
    }

    /// The members of a pair that are guests here.
    #[must_use]
    pub fn members_of(&self, pair: &Pair) -> Vec<&'a Guest> {
        let members = pair.members.iter();
        members.filter_map(|member| self.guest(member)).collect()
    }

    /// The guests that a service runs on.
    #[must_use]
    pub fn guests_of(&self, service: &Service) -> Vec<&'a Guest> {
        let pair = service.pair.as_ref();
        let pair = pair.and_then(|name| self.policy.pairs.iter().find(|pair| pair.name == *name));
        match pair {
            Some(pair) => self.members_of(pair),
            None => {
                let mut guests = self.members_of(&as_pair(service));
                guests.dedup_by_key(|guest| guest.vmid);
                guests
            }
        }
    }

    /// The services that run on a guest.
    #[must_use]
    pub fn services(&self, vmid: u32) -> &[&'a Service] {
        self.services.get(&vmid).map_or(&[], |list| list)
    }

    /// The names of the pairs that a guest is a member of.
    #[must_use]
    pub fn pairs(&self, vmid: u32) -> &[&'a str] {
        self.pairs.get(&vmid).map_or(&[], |list| list)
    }

    /// The replication jobs of a guest, as its node has them.
    #[must_use]
    pub fn runs(&self, vmid: u32) -> &[&'a ReplicationRun] {
        self.runs.get(&vmid).map_or(&[], |list| list)
    }

    /// The node of a guest.
    #[must_use]
    pub fn node_of(&self, guest: &Guest) -> Option<&'a Node> {
        let at = self.cluster.node(&guest.node)?;
        self.cluster.nodes().get(at)
    }

    /// The site's entry of a node.
    #[must_use]
    pub fn site_node(&self, name: &str) -> Option<&'a vmid::site::Node> {
        self.site().nodes.iter().find(|node| node.name == name)
    }

    /// The site's HA setup, if it is this cluster's: the file may have another's.
    #[must_use]
    pub fn site_ha(&self) -> Option<&'a vmid::site::Ha> {
        let ha = self.site().ha.as_ref()?;
        let mut nodes = ha.nodes.iter();
        nodes
            .any(|node| self.cluster.node(node).is_some())
            .then_some(ha)
    }

    /// What is said of a missing guest: nothing for sure, where the token doesn't see all of them.
    #[must_use]
    pub fn missing_guest(
        &self,
        code: &'static str,
        message: String,
        evidence: serde_json::Value,
    ) -> Found {
        if self.sees_all_guests {
            return super::found::warning(code, message, evidence, &["state", "site"]);
        }
        let what = format!("{message}, as far as was seen");
        super::found::unseen(what, "guests", "VM.Audit on /vms")
    }
}

/// A service on addresses of its own, as a pair of one is looked up.
fn as_pair(service: &Service) -> Pair {
    let member = |address| Member {
        name: service.name.clone(),
        vmid: service.vmid,
        address,
        ..Member::default()
    };
    let mut members: Vec<Member> = Vec::new();
    if service.pair.is_none() {
        let addresses = service.addresses.iter().copied().map(Some);
        members = addresses.map(member).collect();
        if members.is_empty() {
            members.push(member(None));
        }
    }
    Pair {
        name: service.name.clone(),
        members,
        ..Pair::default()
    }
}
