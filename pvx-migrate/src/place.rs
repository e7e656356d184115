//! A node and a storage for each new guest, by the rules that plans follow, too.
//!
//! Those with the fewest storages to choose from are placed first (databases), then the
//! largest; each sees what the ones before it take. The guests themselves aren't made.

use std::{
    cmp::Reverse,
    io::{self, Write},
};

use vmid::{
    exit::Answer,
    site::{Member, Site},
    stream::{Lines, Record, quote},
};

use crate::{
    cluster::Cluster,
    plan::{
        load::Load,
        pair::{self, Members},
        policy::Policy,
        refusal::{Code, Refusal},
        room,
    },
    size::human,
    state::{Kind, Storage},
};

mod guest;

pub use guest::Guest;

/// Columns of `--format table`.
pub const COLUMNS: &[&str] = &[
    "vmid", "name", "type", "shape", "role", "node", "storage", "reason", "error",
];

/// Where a guest goes, or why nowhere; and why not elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The node, the storage, and why.
    pub chosen: Result<(String, String, String), Refusal>,
    /// The other nodes, and why not.
    pub refused: Vec<(String, Refusal)>,
}

/// A place for each guest; none where there is no guest.
#[must_use]
pub fn place(
    cluster: &Cluster<'_>,
    policy: &Policy,
    wanted: Vec<Option<Result<Guest, Refusal>>>,
) -> Vec<Option<Place>> {
    let mut work = Work {
        cluster,
        policy,
        load: Load::now(cluster),
        members: Members::new(cluster, &policy.pairs),
        placed: Vec::new(),
    };
    let mut places: Vec<Option<Place>> = wanted.iter().map(|_| None).collect();
    let mut order: Vec<(usize, Guest)> = Vec::new();
    for (at, guest) in wanted.into_iter().enumerate() {
        match guest {
            None => {}
            Some(Ok(guest)) => order.push((at, guest)),
            Some(Err(refusal)) => {
                places[at] = Some(Place {
                    chosen: Err(refusal),
                    refused: Vec::new(),
                });
            }
        }
    }
    order.sort_by_key(|(at, guest)| (!guest.database, Reverse(guest.memory), *at));
    for (at, guest) in order {
        places[at] = Some(work.one(guest));
    }
    places
}

/// A sentence for each pair that has members who are neither guests of the state nor new ones.
#[must_use]
pub fn strangers(
    cluster: &Cluster<'_>,
    policy: &Policy,
    wanted: &[Option<Result<Guest, Refusal>>],
) -> Vec<String> {
    let members = Members::new(cluster, &policy.pairs);
    pair::strangers(&policy.pairs, |member| {
        let mut wanted = wanted.iter().flatten().flatten();
        // Without a guest there is still the node where the site wants it.
        let node = member.node.as_deref().and_then(|node| cluster.node(node));
        node.is_some() || members.guest(member).is_some() || wanted.any(|guest| guest.is(member))
    })
}

struct Work<'w, 'a> {
    cluster: &'w Cluster<'a>,
    policy: &'w Policy,
    load: Load<'a>,
    members: Members<'a>,
    /// The new guests that have a node by now.
    placed: Vec<(Guest, usize)>,
}

impl<'a> Work<'_, 'a> {
    fn one(&mut self, guest: Guest) -> Place {
        let mut open: Vec<(usize, &'a Storage)> = Vec::new();
        let mut refused: Vec<(usize, Refusal)> = Vec::new();
        for node in 0..self.cluster.nodes().len() {
            match self.storage_at(&guest, node) {
                Ok(storage) => open.push((node, storage)),
                Err(refusal) => refused.push((node, refusal)),
            }
        }
        let left = |&(node, _): &(usize, &Storage)| {
            let limit = room::memory_limit(self.cluster, self.policy, node);
            let left = limit.saturating_sub(self.load.memory(node));
            (Reverse(left), self.cluster.name(node))
        };
        open.sort_by_key(left);
        let Some(&(node, storage)) = open.first() else {
            return Place {
                chosen: Err(self.nowhere(&guest, &refused)),
                refused: self.named(refused),
            };
        };
        let name = self.cluster.name(node);
        for &(other, _) in &open[1..] {
            let what = format!("possible, but {name} has more memory left");
            refused.push((other, Refusal::new(Code::NotBest, what)));
        }
        refused.sort_by_key(|(node, _)| *node);
        let volumes = [(&storage.storage[..], guest.disk)];
        self.load.take(node, guest.memory, &volumes);
        let limit = room::memory_limit(self.cluster, self.policy, node);
        let left = limit.saturating_sub(self.load.memory(node));
        let why = match (&guest.node, open.len()) {
            (Some(_), _) => "asked for".to_owned(),
            (None, 1) => "the only node that can take it".to_owned(),
            (None, _) => format!("the most memory left: {} with it", human(left)),
        };
        let database = if guest.database {
            ", for databases"
        } else {
            ""
        };
        let reason = format!("{why}; {} is {}{database}", storage.storage, storage.kind);
        self.placed.push((guest, node));
        Place {
            chosen: Ok((name.to_owned(), storage.storage.clone(), reason)),
            refused: self.named(refused),
        }
    }

    /// The storage for a guest at `node`.
    fn storage_at(&self, guest: &Guest, node: usize) -> Result<&'a Storage, Refusal> {
        let target = &self.cluster.nodes()[node];
        let name = &target.node[..];
        let refuse = |code, message: String| Err(Refusal::new(code, message));
        if let Some(asked) = guest.node.as_deref().filter(|asked| *asked != name) {
            return refuse(Code::NotChosen, format!("{asked} is asked for"));
        }
        if !target.online {
            return refuse(Code::Offline, format!("{name} does not answer"));
        }
        if target.maintenance {
            let what = format!("the HA manager has {name} in maintenance");
            return refuse(Code::Maintenance, what);
        }
        if let Some(journal) = self.policy.drained.get(name)
            && guest.node.is_none()
        {
            let what = format!("{name} was drained, and its guests have not returned ({journal})");
            return refuse(Code::Drained, what);
        }
        let site = &self.policy.site;
        let entry = site.nodes.iter().find(|entry| entry.name == name);
        if entry.is_none() && !site.nodes.is_empty() {
            return refuse(
                Code::NotInSite,
                format!("the site file doesn't have {name}"),
            );
        }
        if let (Some(bridge), Some(bridges)) = (&guest.bridge, &target.bridges)
            && !bridges.contains(bridge)
        {
            return refuse(Code::Bridge, format!("{name} has no {bridge}"));
        }
        self.apart(guest, node)?;
        room::has_memory(self.cluster, self.policy, guest.memory, node, &self.load)?;
        let listed = entry
            .map(|entry| &entry.storages)
            .filter(|list| !list.is_empty());
        let storages: Vec<&'a Storage> = match listed {
            Some(list) => list
                .iter()
                .filter_map(|id| self.cluster.storage(id))
                .collect(),
            None => {
                let mut all: Vec<&Storage> = self.cluster.state.storages.iter().collect();
                let free = |storage: &Storage| storage.nodes.get(name).map_or(0, |s| s.free);
                all.sort_by_key(|storage| Reverse(free(storage)));
                all
            }
        };
        let types = &site.database_storage_types;
        let content = match guest.kind {
            Kind::Qemu => "images",
            Kind::Lxc => "rootdir",
        };
        let mut full = None;
        for storage in storages {
            let fits = storage.nodes.contains_key(name)
                && !site.keeps_out(&storage.storage)
                && storage.content.iter().any(|kind| kind == content)
                && allows(site, &storage.storage, content)
                && (!guest.database || types.contains(&storage.kind));
            if !fits {
                continue;
            }
            match room::has_space(self.cluster, &storage.storage, guest.disk, node, &self.load) {
                Ok(()) => return Ok(storage),
                Err(refusal) => full = full.or(Some(refusal)),
            }
        }
        let need = match (guest.database, types.as_slice()) {
            (false, _) => String::new(),
            (true, []) => {
                "; the site's database_storage_types is empty, so databases are on none".to_owned()
            }
            (true, types) => format!("; databases are on {} only", types.join(" or ")),
        };
        Err(full.unwrap_or_else(|| {
            let what = format!("{name} has no storage for guests that takes {content}{need}");
            Refusal::new(Code::NoStorage, what)
        }))
    }

    /// No other member of a pair of the guest is on `node`.
    fn apart(&self, guest: &Guest, node: usize) -> Result<(), Refusal> {
        for pair in &self.policy.pairs {
            if !pair.members.iter().any(|member| self.is(guest, member)) {
                continue;
            }
            for member in pair.members.iter().filter(|other| !self.is(guest, other)) {
                // Where it was just placed, or lives; else where the site wants it.
                let mut placed = self.placed.iter().rev();
                let placed = placed.find(|(other, _)| self.is(other, member));
                let lives = placed.map(|(_, node)| *node);
                let lives = lives.or_else(|| self.load.place(self.members.guest(member)?.vmid));
                let wanted = || self.cluster.node(member.node.as_deref()?);
                if lives.or_else(wanted) == Some(node) {
                    let what = format!(
                        "{} of the pair {} {} there",
                        member.name,
                        pair.name,
                        if lives.is_some() { "is" } else { "is to be" }
                    );
                    return Err(Refusal::new(Code::Pair, what));
                }
            }
        }
        Ok(())
    }

    /// The new guest is this member, or is called like the guest that is.
    fn is(&self, guest: &Guest, member: &Member) -> bool {
        let lives = self.members.guest(member);
        guest.is(member)
            || lives.is_some_and(|lives| guest.vmid == Some(lives.vmid) || guest.name == lives.name)
    }

    fn nowhere(&self, guest: &Guest, refused: &[(usize, Refusal)]) -> Refusal {
        let asked = guest.node.as_deref();
        if let Some(asked) = asked.filter(|asked| self.cluster.node(asked).is_none()) {
            return Refusal::new(Code::BadField, format!("the cluster has no node {asked}"));
        }
        let telling = refused
            .iter()
            .filter(|(_, refusal)| refusal.code != Code::NotChosen);
        let telling: Vec<_> = telling.collect();
        match telling.as_slice() {
            [(_, first), rest @ ..] if rest.iter().all(|(_, other)| other.code == first.code) => {
                let all: Vec<&str> = telling.iter().map(|(_, r)| &r.message[..]).collect();
                Refusal::new(first.code, all.join("; "))
            }
            all => {
                let name = |node: usize| self.cluster.name(node);
                let all = all
                    .iter()
                    .map(|(node, r)| format!("{}: {}", name(*node), r.message));
                Refusal::new(Code::NoTarget, all.collect::<Vec<_>>().join("; "))
            }
        }
    }

    fn named(&self, refused: Vec<(usize, Refusal)>) -> Vec<(String, Refusal)> {
        let named = refused.into_iter();
        named
            .map(|(node, refusal)| (self.cluster.name(node).to_owned(), refusal))
            .collect()
    }
}

/// The site's own word on what the storage may hold; without one, what the cluster says counts alone.
fn allows(site: &Site, storage: &str, content: &str) -> bool {
    let entry = site.storages.iter().find(|entry| entry.storage == storage);
    let listed = entry.and_then(|entry| entry.content.as_ref());
    listed.is_none_or(|listed| listed.iter().any(|kind| kind == content))
}

/// Writes a guest with its place; one that had an error as it came.
///
/// # Errors
///
/// Those of writing.
pub fn write<W: Write>(
    record: Record<'_>,
    place: Option<&Place>,
    lines: &mut Lines<W>,
) -> io::Result<Answer> {
    let Some(place) = place else {
        lines.write(record, &[])?;
        return Ok(Answer::no_if(record.has_error()));
    };
    let refused: Vec<_> = place
        .refused
        .iter()
        .map(|(node, refusal)| refusal.of_node(node))
        .collect();
    let refused = serde_json::to_string(&refused)?;
    match &place.chosen {
        Ok((node, storage, reason)) => {
            let (node, storage, reason) = (quote(node), quote(storage), quote(reason));
            lines.write(
                record,
                &[
                    ("node", &node),
                    ("storage", &storage),
                    ("reason", &reason),
                    ("refused", &refused),
                ],
            )?;
            Ok(Answer::Yes)
        }
        Err(Refusal { code, message }) => {
            lines.fail(record, &[("refused", &refused)], code.as_str(), message)?;
            Ok(Answer::No)
        }
    }
}
