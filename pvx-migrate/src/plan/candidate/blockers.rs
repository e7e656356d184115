//! What stands against a move whatever the target: the cluster, the token, a lock, and
//! what ties a guest to its node.

use super::{Candidate, Mode};
use crate::{
    cluster::Cluster,
    config::Config,
    permission,
    plan::{
        lock,
        policy::Policy,
        refusal::{Code, Refusal},
        volume,
    },
};

impl<'a> Candidate<'a> {
    pub(super) fn block(&mut self, code: Code, message: impl Into<String>) {
        self.blockers.push(Refusal::new(code, message));
    }

    /// What needs no configuration: cluster, node, rights, lock, HA.
    pub(super) fn general(&mut self, cluster: &Cluster<'_>) {
        let (state, guest) = (cluster.state, self.guest);
        match state.cluster.quorate {
            Some(true) => {}
            Some(false) => self.block(Code::NoQuorum, "the cluster has no quorum"),
            None => {
                let what = "quorum is not in the state: the token needs Sys.Audit on /";
                self.block(Code::Unseen, what);
            }
        }
        if state.cluster.quorate.is_some() && (state.ha.is_none() || state.replication.is_none()) {
            let what = "HA and replication are not in the state: the token needs Sys.Audit on /";
            self.block(Code::Unseen, what);
        }
        let online = self.source.is_some_and(|node| cluster.nodes()[node].online);
        if !online {
            self.block(Code::Offline, format!("{} does not answer", guest.node));
        } else if guest.is_unknown() {
            let what = format!("{} does not tell whether it runs", guest.node);
            self.block(Code::Unseen, what);
        }
        if let Some(permissions) = &state.permissions {
            let pool = guest.pool.as_deref();
            if !permission::has_on_guest(permissions, guest.vmid, pool, "VM.Migrate") {
                let what = format!("the token lacks VM.Migrate on /vms/{}", guest.vmid);
                self.block(Code::Permission, what);
            }
        }
        let Some(resource) = self.managed else {
            return;
        };
        let sid = &resource.sid;
        match resource.crm_state.as_deref() {
            Some("error") => {
                let what = format!(
                    "{sid} is in error state: fix it, then 'ha-manager set {sid} --state disabled' and '--state started'"
                );
                self.block(Code::HaError, what);
            }
            // In these states the manager drops a request (PVE::HA::Manager).
            Some(state @ ("migrate" | "relocate" | "fence" | "recovery" | "freeze")) => {
                let what = format!("{sid} is in the state {state}: plan again when that is over");
                self.block(Code::HaBusy, what);
            }
            _ => {}
        }
    }

    /// The lock, which the overview has late, and the configuration at once.
    pub(super) fn locked(&mut self, config: &Config) {
        let Some(lock) = self.guest.lock.as_ref().or(config.lock.as_ref()) else {
            return;
        };
        let what = lock::held(self.guest, lock);
        self.block(Code::Locked, what);
    }

    /// What the configuration says.
    pub(super) fn specific(&mut self, cluster: &Cluster<'a>, policy: &Policy) {
        let mut config = std::mem::take(&mut self.config);
        self.told_by_pve(&mut config);
        let unseen = self.named_elsewhere(cluster, &mut config);
        self.ties(cluster, &config);
        self.volumes(cluster, &config);
        self.config = config;
        self.settle_mode(cluster, policy);
        let is_snapshot = |blocker: &Refusal| blocker.code == Code::Snapshots;
        if let Some(what) = unseen.filter(|_| !self.blockers.iter().any(is_snapshot)) {
            self.block(Code::Unseen, what);
        }
        self.is_own(cluster, policy);
        self.serves_others(cluster, policy);
    }

    /// What only PVE's own check knows to tie it to the node. Some of its words it has of VMs
    /// that run alone (check_non_migratable_resources): such a VM moves stopped.
    fn told_by_pve(&self, config: &mut Config) {
        let told = self.precondition.iter();
        for word in told.flat_map(|pre| &pre.local_resources) {
            let kind = word.split(['=', ' ']).next().unwrap_or_default();
            let is_mapped = config.mapped.iter().any(|(mapped, _)| mapped == word);
            if ["virtiofs", "amd-sev", "intel-tdx", "clipboard"].contains(&kind) {
                let known = &mut config.only_stopped;
                if !known.iter().any(|(key, _)| key.starts_with(kind)) {
                    known.push((word.clone(), "so PVE's own check says"));
                }
            } else if !is_mapped && !config.local_devices.contains(word) {
                config.local_devices.push(word.clone());
            }
        }
    }

    /// Devices, images and paths of the node.
    fn ties(&mut self, cluster: &Cluster<'_>, config: &Config) {
        let devices = &config.local_devices;
        if !devices.is_empty() {
            let what = format!(
                "{} of the node, without a mapping: only root@pam may move it, no token",
                devices.join(", ")
            );
            self.block(Code::LocalDevice, what);
        }
        for (key, image) in &config.images {
            let storage = image.split_once(':').map(|(storage, _)| storage);
            let known = storage.and_then(|id| cluster.storage(id));
            if known.is_none_or(|storage| !storage.shared) {
                let what = format!(
                    "{key}: {image} is the node's own: eject it ('qm set {} --{key} none,media=cdrom')",
                    self.guest.vmid
                );
                self.block(Code::LocalImage, what);
            }
        }
        for (key, path) in &config.paths {
            let what = format!(
                "{key}: {path} is the node's own; with shared=1 PVE takes it to be on every node"
            );
            self.block(Code::LocalPath, what);
        }
    }

    fn volumes(&mut self, cluster: &Cluster<'_>, config: &Config) {
        for volume in &config.volumes {
            let storage = cluster.storage(&volume.storage);
            if storage.is_none_or(|storage| storage.shared) {
                continue;
            }
            if volume.is_linked_clone() {
                let what = format!("{}: {} is a linked clone", volume.key, volume.volid());
                self.block(Code::LinkedClone, what);
            } else if let Some(owner) = volume.owner().filter(|&owner| owner != self.guest.vmid) {
                let what = format!("{}: {} belongs to {owner}", volume.key, volume.volid());
                self.block(Code::ForeignVolume, what);
            }
        }
    }

    /// How it moves: of a VM that runs, live, unless something is against that.
    fn settle_mode(&mut self, cluster: &Cluster<'a>, policy: &Policy) {
        let against = match self.mode {
            Mode::Live => self.against_live(cluster),
            _ => Vec::new(),
        };
        if !against.is_empty() {
            let runs = self.guest.activity() == "running";
            if policy.allow_shutdown && self.managed.is_none() && runs {
                self.mode = Mode::Shutdown;
                self.may_shut_down(cluster);
            } else {
                let hint = match (self.managed, self.unsendable(cluster)) {
                    (Some(_), _) => {
                        "; the HA manager moves it live only, so take it out of HA for the move"
                            .to_owned()
                    }
                    (None, Some(Refusal { message, .. })) => format!("; nor stopped: {message}"),
                    // PVE itself refuses to shut a paused VM down (API2/Qemu.pm).
                    (None, None) if !runs => format!(
                        "; nor can it be shut down, as it is in the state {}: resume it first ('qm resume {}')",
                        self.guest.activity(),
                        self.guest.vmid
                    ),
                    (None, None) => {
                        "; --allow-shutdown lets it be shut down, moved and started".to_owned()
                    }
                };
                for Refusal { code, message } in against {
                    self.block(code, format!("{message}{hint}"));
                }
                return;
            }
        }
        if self.mode != Mode::Live
            && let Some(refusal) = self.unsendable(cluster)
        {
            self.blockers.push(refusal);
        }
    }

    /// A volume with snapshots that can't be copied while its guest is stopped, or is not known to.
    fn unsendable(&self, cluster: &Cluster<'a>) -> Option<Refusal> {
        self.snapshotted(cluster).find_map(|volume| {
            let storage = cluster.storage(&volume.storage)?;
            let chain = match storage.volume_chain {
                Some(true) => " with chains of volumes",
                _ => "",
            };
            let (key, names) = (&volume.key, volume.snapshots.join(", "));
            match volume::sends_snapshots(storage, volume, self.guest.kind) {
                Some(true) => None,
                Some(false) => Some(Refusal::new(
                    Code::Snapshots,
                    format!(
                        "{key}: {}{chain} cannot send a volume with snapshots ({names}): delete them first",
                        storage.kind
                    ),
                )),
                None => Some(Refusal::new(
                    Code::Unseen,
                    format!(
                        "{key}: it has snapshots ({names}), and the state does not tell whether {} keeps them as chains of volumes, which PVE can't send: read it anew",
                        storage.storage
                    ),
                )),
            }
        })
    }

    /// Why a VM cannot move while it runs.
    fn against_live(&self, cluster: &Cluster<'a>) -> Vec<Refusal> {
        let mut against = Vec::new();
        // A folder by its mapping is among what keeps it from moving live below.
        let mapped = self.config.mapped.iter();
        for (key, mapping) in mapped.filter(|(key, _)| !key.starts_with("virtiofs")) {
            let info = self.precondition.as_ref();
            let info = info.and_then(|pre| pre.mapped_resource_info.get(key));
            if !info.is_some_and(|info| info.live_migration) {
                let what = format!("{key}: mapping {mapping} is not capable of live migration");
                against.push(Refusal::new(Code::MappedDevice, what));
            }
        }
        for (key, why) in &self.config.only_stopped {
            against.push(Refusal::new(Code::OnlyStopped, format!("{key}: {why}")));
        }
        let replicated = !self.replicas.is_empty();
        let mut volumes = self.snapshotted(cluster);
        if let Some(volume) = volumes.find(|volume| !replicated || volume.unreplicated) {
            let what = format!(
                "{}: a local disk with snapshots ({}) cannot move live",
                volume.key,
                volume.snapshots.join(", ")
            );
            against.push(Refusal::new(Code::Snapshots, what));
        }
        against
    }

    fn may_shut_down(&mut self, cluster: &Cluster<'_>) {
        let (vmid, pool) = (self.guest.vmid, self.guest.pool.as_deref());
        let permissions = cluster.state.permissions.as_ref();
        let may = permissions
            .is_none_or(|table| permission::has_on_guest(table, vmid, pool, "VM.PowerMgmt"));
        if !may {
            let what = format!("the token lacks VM.PowerMgmt on /vms/{vmid} to shut it down");
            self.block(Code::Permission, what);
        }
    }

    /// Whether this command runs in it: then it may only move live.
    fn is_own(&mut self, cluster: &Cluster<'_>, policy: &Policy) {
        let macs = &cluster.state.self_macs;
        let by_mac = self.config.macs.iter().find(|mac| macs.contains(mac));
        let why = match by_mac {
            _ if policy.own == Some(self.guest.vmid) => Some("by --self".to_owned()),
            Some(mac) => Some(format!("by its MAC address {mac}")),
            None => None,
        };
        self.own = why.is_some();
        if let Some(why) = why.filter(|_| self.mode != Mode::Live && self.guest.is_running()) {
            let what = format!(
                "this command runs in it ({why}) and would be stopped with it: run it elsewhere"
            );
            self.block(Code::Own, what);
        }
    }

    /// The backup server stays while a backup runs; of other servers it is kept what they serve.
    fn serves_others(&mut self, cluster: &Cluster<'a>, policy: &Policy) {
        let (backups, others): (Vec<_>, Vec<_>) = self
            .served(cluster, policy)
            .partition(|storage| storage.kind == "pbs");
        let ids = others.iter().map(|storage| &storage.storage[..]);
        self.serves = ids.collect();
        let Some(server) = backups.first().and_then(|storage| storage.server.clone()) else {
            return;
        };
        match &cluster.state.tasks {
            None => self.block(
                Code::Unseen,
                format!("it is the backup server {server}, and running tasks were not seen"),
            ),
            Some(tasks) => {
                if let Some(task) = tasks.iter().find(|task| task.kind == "vzdump") {
                    let what = format!(
                        "it is the backup server {server}, and a backup runs on {}: plan again when that is done",
                        task.node
                    );
                    self.block(Code::BackupRunning, what);
                }
            }
        }
    }
}
