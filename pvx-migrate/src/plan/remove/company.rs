//! What a guest means to others: linked clones of it, members of its pair, and what stays behind.

use vmid::site::Member;

use super::{Found, Work, code::Code};
use crate::{
    config::Config,
    plan::make::identity::{name_of, short},
    state::{Guest, Storage},
};

impl<'a> Work<'_, 'a> {
    /// No other guest rests on its volumes. Only a template has such.
    pub(super) fn clones(&self, guest: &Guest, found: &mut Found) {
        let vmid = guest.vmid;
        let mut unread = Vec::new();
        for other in self
            .cluster
            .state
            .guests
            .iter()
            .filter(|other| other.vmid != vmid)
        {
            let Some(config) = Self::volumes_of(other) else {
                unread.push(other.vmid.to_string());
                continue;
            };
            let mut volumes = config.volumes.iter();
            if let Some(volume) = volumes.find(|volume| rests_on(&volume.name, vmid)) {
                let (who, id, volid) = (Self::kind_of(other), other.vmid, volume.volid());
                let what = format!("{who} {id} ({}) is a linked clone: {volid}", name_of(other));
                found.blocks(Code::LinkedClone, what);
            }
        }
        self.clones_by_content(vmid, found);
        if !guest.template {
            return;
        }
        if !unread.is_empty() {
            let all = unread.join(", ");
            let what = format!("whether {all} are linked clones of it is not in the state");
            found.blocks(Code::Unseen, what);
        }
        if !self.sees_all() {
            let what = "the token may not see all guests (VM.Audit on /vms), so others may be linked \
                clones of it";
            found.blocks(Code::Unseen, what);
        }
    }

    /// The storages may have clones that no configuration names.
    fn clones_by_content(&self, vmid: u32, found: &mut Found) {
        let lists = self.cluster.state.content.iter().flatten();
        for volume in lists.flat_map(|list| list.volumes.iter().flatten()) {
            let known = volume.vmid.and_then(|id| self.cluster.guest(id));
            let is_read = known.is_some_and(|guest| guest.config.is_some());
            let parent = volume.parent.as_deref().unwrap_or_default();
            let name = volume.volid.split_once(':').map_or("", |(_, name)| name);
            let is_clone = rests_on(name, vmid) || is_base(parent, vmid);
            if volume.vmid != Some(vmid) && !is_read && is_clone {
                let what = format!("{} is a linked clone", volume.volid);
                found.blocks(Code::LinkedClone, what);
            }
        }
    }

    /// A member of its pair is left when all guests of the call are gone: one that serves.
    pub(super) fn pairs(&self, guest: &Guest, found: &mut Found) {
        for pair in &self.policy.pairs {
            let is_own = |member: &&Member| {
                let by_id = self.members.guest(member).map(|guest| guest.vmid);
                by_id == Some(guest.vmid) || self.is_called(guest, member)
            };
            if self.terms.whole_pair || !pair.members.iter().any(|member| is_own(&member)) {
                continue;
            }
            let others = pair.members.iter().filter(|member| !is_own(member));
            let left: Vec<String> = others
                .filter_map(|member| self.serves(member))
                .map(|guest| guest.vmid.to_string())
                .collect();
            let name = &pair.name;
            if left.is_empty() {
                let what = format!(
                    "no member of the pair {name} that runs would be left: say --whole-pair"
                );
                found.blocks(Code::Pair, what);
            } else {
                let what = format!("of the pair {name} there is {} then", left.join(", "));
                found.warns(Code::Pair, what);
            }
        }
    }

    /// The guest that is a member of a pair, if it runs and stays: by its name, whatever has its ID.
    /// A member that is found by its address alone counts, too.
    fn serves(&self, member: &Member) -> Option<&'a Guest> {
        let state = self.cluster.state;
        let mut named = state.guests.iter().filter(|g| self.is_called(g, member));
        let fits = |guest: &Guest| {
            let node = self.cluster.node(&guest.node);
            let is_online = node.is_some_and(|node| self.cluster.nodes()[node].online);
            let stays = !self.gone.contains(&guest.vmid);
            stays && is_online && !guest.template && guest.is_running() && !guest.is_paused()
        };
        let by_address = || {
            let guest = self.members.guest(member)?;
            let is_other = member.vmid.is_some() || guest.name == member.name;
            (!is_other && fits(guest)).then_some(guest)
        };
        named.find(|guest| fits(guest)).or_else(by_address)
    }

    fn is_called(&self, guest: &Guest, member: &Member) -> bool {
        let domain = self.policy.site.domain.as_deref();
        short(&name_of(guest), domain) == short(&member.name, domain)
    }

    /// Where the lists of what the storages hold don't show its disks, though they were read: what its
    /// configuration doesn't name may stay there.
    fn unseen_volumes(&self, guest: &Guest, found: &mut Found) {
        let state = self.cluster.state;
        let Some(lists) = &state.content else {
            return; // they were not asked for (state --content)
        };
        let holds_disks = |storage: &&Storage| {
            let mut kinds = storage.content.iter();
            let disks = kinds.any(|kind| kind == "images" || kind == "rootdir");
            disks && storage.nodes.contains_key(&guest.node)
        };
        let shown = |storage: &Storage| {
            let id = &storage.storage;
            let at = |node: &str| storage.shared || node == guest.node;
            let mut own = lists
                .iter()
                .filter(|list| list.storage == *id && at(&list.node));
            own.any(|list| list.volumes.is_some()) && state.shows_disks_of(id, guest.vmid)
        };
        let all = state.storages.iter().filter(holds_disks);
        let unseen = all.filter(|storage| !shown(storage));
        let unseen: Vec<&str> = unseen.map(|storage| &storage.storage[..]).collect();
        if !unseen.is_empty() {
            let what = format!(
                "whether volumes of it stay that its configuration does not name is not known, of {}",
                unseen.join(", ")
            );
            found.warns(Code::Unseen, what);
        }
    }

    /// What of it stays, and what goes that may be forgotten.
    pub(super) fn leaves(&self, guest: &Guest, config: Option<&Config>, found: &mut Found) {
        let snapshots = guest.snapshots.as_ref();
        if let Some(snapshots) = snapshots.filter(|snapshots| !snapshots.is_empty()) {
            let what = format!("its snapshots go, too: {}", snapshots.listed());
            found.warns(Code::Snapshots, what);
        }
        let state = self.cluster.state;
        let jobs = state.replication.iter().flatten();
        for job in jobs.filter(|job| job.vmid == guest.vmid) {
            let what = format!("its replicas on {} stay: remove them there", job.target);
            found.warns(Code::Left, what);
        }
        self.unseen_volumes(guest, found);
        let lists = state.content.iter().flatten();
        for list in lists.filter(|list| state.volumes(&list.storage, &guest.node).is_some()) {
            let own = list.volumes.iter().flatten();
            let own = own.filter(|volume| volume.vmid == Some(guest.vmid) && volume.is_disk());
            for volume in own {
                let mut named = config.iter().flat_map(|config| &config.volumes);
                if !named.any(|known| known.volid() == volume.volid) {
                    let volid = &volume.volid;
                    let what = format!("{volid} stays: its configuration does not name it");
                    found.warns(Code::Left, what);
                }
            }
        }
    }
}

/// A volume's name says that it rests on a base volume of that guest: the base stands before it
/// (`base-920-disk-0/vm-927-disk-0`; with folders `920/base-920-disk-0.qcow2/927/...`).
fn rests_on(name: &str, vmid: u32) -> bool {
    let mut parts: Vec<&str> = name.split('/').collect();
    parts.pop();
    parts.iter().any(|part| is_base(part, vmid))
}

/// `base-920-disk-0`, with a path before it and an ending behind.
fn is_base(text: &str, vmid: u32) -> bool {
    let name = text.rsplit('/').next().unwrap_or_default();
    let name = name.split('@').next().unwrap_or_default();
    let starts = ["base", "basevol"].map(|word| format!("{word}-{vmid}-"));
    starts.iter().any(|start| name.starts_with(&start[..]))
}
