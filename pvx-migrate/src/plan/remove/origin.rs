//! When a guest was made, and what else tells its backups from those of others.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Work, backup::Subject};
use crate::{
    config::property::{Options, plain},
    plan::make::identity::name_of,
    state::Guest,
};

/// When a VM was made: `ctime` of its `meta`, which Proxmox writes as it makes or clones one. A
/// container's configuration has nothing of the kind.
pub fn made(config: &Map<String, Value>) -> Option<Timestamp> {
    let meta = plain(config.get("meta")?);
    let seconds = Options(&meta).get("ctime")?.parse().ok()?;
    Timestamp::from_second(seconds).ok()
}

impl Work<'_, '_> {
    pub(super) fn subject<'s>(
        &'s self,
        guest: &Guest,
        name: &'s str,
        made: Option<Timestamp>,
    ) -> Subject<'s> {
        let state = self.cluster.state;
        let nodes = state.nodes.iter().map(|node| &node.node[..]);
        let others = state.guests.iter().filter(|other| other.vmid != guest.vmid);
        Subject {
            vmid: guest.vmid,
            kind: guest.kind,
            name,
            domain: self.policy.site.domain.as_deref(),
            made,
            places: nodes.chain([&state.cluster.name[..]]).collect(),
            others: others.map(name_of).collect(),
        }
    }

    /// The root volume of a container was there before that time. One that is newer proves nothing:
    /// a move makes it anew, and files have the time of their last change.
    pub(super) fn is_older(
        &self,
        guest: &Guest,
        config: Option<&Map<String, Value>>,
        time: Timestamp,
    ) -> bool {
        let root = config.and_then(|config| config.get("rootfs")).map(plain);
        let Some(volid) = root.as_ref().and_then(|root| {
            let options = Options(root);
            options.get("volume").or_else(|| options.first())
        }) else {
            return false;
        };
        let lists = self.cluster.state.content.iter().flatten();
        let here = lists.filter(|list| {
            let storage = self.cluster.storage(&list.storage);
            list.node == guest.node || storage.is_some_and(|storage| storage.shared)
        });
        let mut volumes = here.flat_map(|list| list.volumes.iter().flatten());
        let root = volumes.find(|volume| volume.volid == volid);
        let made = root.and_then(|volume| volume.ctime);
        made.is_some_and(|made| (1..=time.as_second()).contains(&made))
    }
}
