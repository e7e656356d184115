//! The workers `qmigrate` and `vzmigrate`, from phase to phase.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{
    task::{Job, Wait},
    world::World,
};

/// How long a worker that is told to end gets for it, in seconds (RESTEnvironment.pm,
/// `check_worker`); then it is killed.
const KILLED_AFTER_S: f64 = 5.0;

#[derive(Clone, Debug)]
pub struct Migration {
    pub target: String,
    /// A VM's processors go on meanwhile.
    pub online: bool,
    pub local_disks: bool,
    /// A container that runs is shut down within so many seconds, moved and started.
    pub restart: Option<f64>,
    /// HA shuts down and starts by itself.
    pub ha: bool,
    pub map: BTreeMap<String, String>,
    pub phase: Phase,
    pub ran: bool,
    /// Why it is undone.
    pub why: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Phase {
    Check,
    Shutdown {
        give_up: f64,
    },
    Copy {
        part: u32,
    },
    Start,
    /// The target is gone; the worker ends when it notices, with these words.
    Broken(&'static [&'static str]),
    /// Phase 1 failed: what there was is started on the source again.
    Restart,
    /// It was told to end and isn't done in time.
    Killed,
}

impl Migration {
    pub fn new(target: &str) -> Self {
        Self {
            target: target.to_owned(),
            online: false,
            local_disks: false,
            restart: None,
            ha: false,
            map: BTreeMap::new(),
            phase: Phase::Check,
            ran: false,
            why: String::new(),
        }
    }

    /// The storage that a volume goes to.
    pub fn storage<'a>(&'a self, storage: &'a str) -> &'a str {
        self.map.get(storage).map_or(storage, String::as_str)
    }

    /// A volume ID with its storage at the target.
    pub fn renamed(&self, volid: &str) -> String {
        let moved = volid.split_once(':');
        moved.map_or(volid.to_owned(), |(storage, rest)| {
            format!("{}:{rest}", self.storage(storage))
        })
    }
}

impl World {
    pub fn migrate(&mut self, task: usize, mut migration: Migration) {
        let vmid = self.tasks[task].vmid;
        match migration.phase {
            Phase::Check => self.check(task, &mut migration),
            Phase::Shutdown { give_up } => {
                if !self.guest(vmid).running {
                    self.first_phase(task, &mut migration);
                } else if self.now < give_up {
                    self.tasks[task].wait = Wait::Until(give_up);
                } else {
                    self.abort(task, "container did not stop");
                }
            }
            Phase::Copy { part } => self.copied(task, &mut migration, part),
            Phase::Start => self.start_on_target(task, &migration),
            Phase::Restart => {
                let source = self.guest(vmid).node.clone();
                if let Err(why) = self.start(vmid, &source, "started again on the source") {
                    self.log(task, &format!("ERROR: {why}"));
                }
                let why = migration.why.clone();
                self.abort(task, &why);
            }
            Phase::Broken(words) => self.broken(task, &mut migration, words),
            Phase::Killed => self.end(task, "unexpected status"),
        }
        self.tasks[task].job = Job::Migrate(migration);
    }

    pub fn abort(&mut self, task: usize, why: &str) {
        let duration = self.duration(task);
        self.log(
            task,
            &format!("ERROR: migration aborted ({duration}): {why}"),
        );
        self.end(task, "migration aborted");
    }

    pub fn problems(&mut self, task: usize) {
        let duration = self.duration(task);
        let line = format!("ERROR: migration finished with problems ({duration})");
        self.log(task, &line);
        self.end(task, "migration problems");
    }

    /// As it stands in logs: `duration 00:00:31`.
    fn duration(&self, task: usize) -> String {
        let seconds = (self.now - self.tasks[task].start) as u64;
        format!(
            "duration {:02}:{:02}:{:02}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        )
    }

    /// Enters a phase; false if that was the end of the worker.
    pub fn enter(&mut self, task: usize, phase: &str) -> bool {
        let (kind, vmid) = (self.tasks[task].kind.clone(), self.tasks[task].vmid);
        self.enters(&kind, vmid, phase);
        if self.tasks[task].running() && self.fault(&format!("dies-{phase}"), vmid, None).is_some()
        {
            self.end(task, "unexpected status");
        }
        self.tasks[task].running()
    }

    fn check(&mut self, task: usize, migration: &mut Migration) {
        if !self.enter(task, "check") {
            return;
        }
        let guest = self.guest(self.tasks[task].vmid);
        let (vmid, ct, source) = (guest.vmid, guest.ct, guest.node.clone());
        migration.ran = guest.running;
        if let Some(lock) = &guest.lock {
            let why = format!("{} is locked ({lock})", if ct { "CT" } else { "VM" });
            return self.abort(task, &why);
        }
        if source != self.tasks[task].node {
            return self.abort(task, "no such guest on this node");
        }
        if !self.online(&migration.target) {
            let address = self.address(&migration.target);
            let line = format!("ssh: connect to host {address} port 22: No route to host");
            self.log(task, &line);
            let why = "Can't connect to destination address using public key";
            return self.abort(task, why);
        }
        let why = if ct {
            self.ct_refusal(vmid, migration)
        } else {
            self.vm_refusal(task, vmid, migration)
        };
        if let Some(why) = why {
            return self.abort(task, &why);
        }
        match migration.restart {
            Some(timeout) if ct && migration.ran => {
                self.log(task, &format!("shutdown CT {vmid}"));
                if !self.enter(task, "shutdown") {
                    // The worker died, after it had sent the signal.
                    return self.signal(vmid);
                }
                self.signal(vmid);
                let give_up = self.now + 2.0 * timeout + 5.0;
                migration.phase = Phase::Shutdown { give_up };
                let stops = self.guest(vmid).stops_at.unwrap_or(f64::INFINITY);
                self.tasks[task].wait = Wait::Until(stops.min(give_up));
            }
            _ => self.first_phase(task, migration),
        }
    }

    /// The config goes to the target.
    pub fn finish(&mut self, task: usize, migration: &mut Migration) {
        if !self.enter(task, "finish") {
            return;
        }
        let vmid = self.tasks[task].vmid;
        if !self.quorate {
            let why = "failed to move config - rename failed: Permission denied";
            self.log(task, &format!("ERROR: {why}"));
            return self.roll_back(task, migration, why);
        }
        let live = migration.online && migration.ran;
        let left_paused = live && self.fault("resume-fails", vmid, None).is_some();
        let config = self.config_there(vmid, migration);
        let target = migration.target.clone();
        self.change(vmid, "migrated", |g| {
            g.node = target;
            g.lock = None;
            g.config = config;
            if left_paused {
                g.qmp = Some("paused".into());
            }
        });
        if !self.tasks[task].running() {
            return;
        }
        if left_paused {
            return self.problems(task);
        }
        if migration.restart.is_some() && migration.ran && !migration.ha {
            self.log(task, "start final cleanup");
            self.log(task, "start container on target node");
            migration.phase = Phase::Start;
            let boot = self.guest(vmid).boot_s;
            self.wait(task, boot);
        } else {
            self.succeed(task);
        }
    }

    /// The config with the volumes as they are called at the target.
    fn config_there(&self, vmid: u32, migration: &Migration) -> Map<String, Value> {
        let guest = self.guest(vmid);
        let mut config = guest.config.clone();
        let local = self.local_volumes(vmid);
        for volume in guest.volumes() {
            let mut name = migration.renamed(&volume.volid);
            if local.iter().any(|l| l.volid == volume.volid) {
                name = self.free_name(&migration.target, &name);
            }
            let text = guest.text(&volume.key);
            let rest = text.strip_prefix(&volume.volid).unwrap_or_default();
            config.insert(volume.key, format!("{name}{rest}").into());
        }
        config
    }

    fn start_on_target(&mut self, task: usize, migration: &Migration) {
        let vmid = self.tasks[task].vmid;
        if !self.online(&migration.target) {
            self.log(task, "ERROR: ssh: connect to host: No route to host");
            return self.problems(task);
        }
        let Err(why) = self.start(vmid, &migration.target, "started on the target") else {
            return self.succeed(task);
        };
        // `pct start` over ssh: a task of its own there, whose words come back.
        let there = self.spawned(&migration.target, "vzstart", vmid, "root@pam", Job::Start);
        self.end(there, &why);
        self.log(task, &why);
        let node = &migration.target;
        let line = format!(
            "ERROR: command '/usr/bin/ssh -e none -o 'BatchMode=yes' -o 'HostKeyAlias={node}' -o \
             'UserKnownHostsFile=/etc/pve/nodes/{node}/ssh_known_hosts' -o 'GlobalKnownHostsFile=none' root@{} pct start {vmid}' \
             failed: exit code 255",
            self.address(node)
        );
        self.log(task, &line);
        self.problems(task);
    }

    fn succeed(&mut self, task: usize) {
        let vmid = self.tasks[task].vmid;
        let duration = self.duration(task);
        let line = format!("migration finished successfully ({duration})");
        self.log(task, &line);
        if self.fault("warnings", vmid, None).is_some() {
            self.end(task, "WARNINGS: 2");
        } else {
            self.end(task, "OK");
        }
    }

    /// `DELETE` of a task: a signal, and after 5 s the end of it.
    pub fn stop_task(&mut self, task: usize) {
        if !self.tasks[task].running() {
            return;
        }
        let mut migration = match self.tasks[task].job.clone() {
            Job::Migrate(migration) => migration,
            Job::Create(creation) => return self.interrupt(task, &creation),
            _ => return self.end(task, "interrupted by signal"),
        };
        match migration.phase {
            Phase::Check => self.abort(task, "interrupted by signal"),
            // Nobody takes back the shutdown, and nobody starts it again.
            Phase::Shutdown { .. } => self.stop_in_shutdown(task, &mut migration),
            Phase::Copy { .. } | Phase::Broken(_) => self.stop_in_copy(task, &mut migration),
            Phase::Start | Phase::Restart => self.end(task, "interrupted by signal"),
            Phase::Killed => {}
        }
        if self.tasks[task].running() {
            self.tasks[task].job = Job::Migrate(migration);
        }
    }

    fn stop_in_shutdown(&mut self, task: usize, migration: &mut Migration) {
        let (vmid, timeout) = (self.tasks[task].vmid, migration.restart.unwrap_or(0.0));
        let line = format!(
            "command 'lxc-stop -n {vmid} --nokill --timeout {timeout}' failed: interrupted by signal"
        );
        self.tasks[task].log.push(line);
        self.kill_later(task, migration);
    }

    /// It undoes what it did, and starts what ran, if there is time enough.
    fn stop_in_copy(&mut self, task: usize, migration: &mut Migration) {
        let vmid = self.tasks[task].vmid;
        if self.fault("slow-undo", vmid, None).is_some() {
            return self.kill_later(task, migration);
        }
        let why = self.pipe_failed(task, migration, "interrupted by signal");
        self.roll_back(task, migration, &why);
        let cut = self.guest(vmid).boot_s > KILLED_AFTER_S
            || self.fault("start-cut", vmid, None).is_some();
        if migration.phase == Phase::Restart && cut {
            self.kill_later(task, migration);
        }
    }

    fn kill_later(&mut self, task: usize, migration: &mut Migration) {
        migration.phase = Phase::Killed;
        self.wait(task, KILLED_AFTER_S);
    }
}
