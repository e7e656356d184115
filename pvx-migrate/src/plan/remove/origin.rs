//! When a guest was made, and what else tells its backups from those of others.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{
    Work,
    backup::{SKEW, Subject},
};
use crate::{
    cluster::Cluster,
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

/// The earliest time at which a guest was there: it was made then, has run since, has a snapshot of
/// then, or its root volume is of then. It may be older: a restart begins its time anew, a move makes
/// the volume anew, and files have the time of their last change.
pub fn there(
    cluster: &Cluster<'_>,
    guest: &Guest,
    config: Option<&Map<String, Value>>,
) -> Option<Timestamp> {
    let made = config.and_then(made).map(Timestamp::as_second);
    let snapshots = guest.snapshots.iter().flat_map(|all| all.times());
    let known = made.into_iter().chain(started(cluster, guest));
    let known = known.chain(root_made(cluster, guest, config));
    let earliest = known
        .chain(snapshots)
        .filter(|seconds| *seconds > 0)
        .min()?;
    Timestamp::from_second(earliest).ok()
}

/// When it was started, at the latest: by this machine's clock, from which the server's may differ.
fn started(cluster: &Cluster<'_>, guest: &Guest) -> Option<i64> {
    let runs = guest.is_running() && guest.uptime > 0;
    let uptime = i64::try_from(guest.uptime).ok().filter(|_| runs)?;
    let skew = i64::try_from(SKEW.as_secs()).ok()?;
    Some(cluster.state.at.as_second() - uptime + skew)
}

/// When the root volume of a container was made, by the list of its storage.
fn root_made(
    cluster: &Cluster<'_>,
    guest: &Guest,
    config: Option<&Map<String, Value>>,
) -> Option<i64> {
    let root = config.and_then(|config| config.get("rootfs")).map(plain)?;
    let options = Options(&root);
    let volid = options.get("volume").or_else(|| options.first())?;
    let lists = cluster.state.content.iter().flatten();
    let here = lists.filter(|list| {
        let storage = cluster.storage(&list.storage);
        list.node == guest.node || storage.is_some_and(|storage| storage.shared)
    });
    let mut volumes = here.flat_map(|list| list.volumes.iter().flatten());
    volumes.find(|volume| volume.volid == volid)?.ctime
}

impl Work<'_, '_> {
    pub(super) fn subject<'s>(
        &'s self,
        guest: &Guest,
        name: &'s str,
        config: Option<&Map<String, Value>>,
    ) -> Subject<'s> {
        let state = self.cluster.state;
        let nodes = state.nodes.iter().map(|node| &node.node[..]);
        let others = state.guests.iter().filter(|other| other.vmid != guest.vmid);
        Subject {
            vmid: guest.vmid,
            kind: guest.kind,
            name,
            domain: self.policy.site.domain.as_deref(),
            made: config.and_then(made),
            there: there(self.cluster, guest, config),
            places: nodes.chain([&state.cluster.name[..]]).collect(),
            others: others.map(name_of).collect(),
        }
    }
}
