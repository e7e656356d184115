//! Tasks: what a worker does next and when, its log, and its name (UPID).

use serde_json::{Value, json};

use crate::{
    api::{Answer, failed},
    build::Creation,
    clone::GuestClone,
    destroy::Destruction,
    migrate::Migration,
    resize::Resize,
    upload::Upload,
    world::World,
};

/// What a worker waits for.
#[derive(Clone, Debug, PartialEq)]
pub enum Wait {
    Until(f64),
    /// Bytes over the network.
    Copy {
        from: String,
        to: String,
        left: f64,
        total: f64,
    },
    /// Until somebody stops it.
    Forever,
}

/// What a worker was made for.
#[derive(Clone, Debug)]
pub enum Job {
    Migrate(Migration),
    Start,
    /// Waits so long for the guest to stop by itself; kills it then, if `force`.
    Shutdown {
        timeout: f64,
        force: bool,
    },
    Stop,
    Resume,
    Create(Creation),
    Destroy(Destruction),
    Resize(Resize),
    GuestClone(GuestClone),
    Upload(Upload),
    /// Says something and ends, as `hamigrate` does; a backup.
    Other,
}

pub struct Task {
    pub upid: String,
    pub node: String,
    pub kind: String,
    pub vmid: u32,
    pub user: String,
    pub start: f64,
    pub end: Option<f64>,
    pub exit: Option<String>,
    pub log: Vec<String>,
    pub job: Job,
    pub wait: Wait,
}

/// A task's guest; one that is of none has 0 here, and nothing there.
pub fn id(vmid: u32) -> String {
    if vmid == 0 {
        String::new()
    } else {
        vmid.to_string()
    }
}

impl Task {
    pub fn running(&self) -> bool {
        self.end.is_none()
    }

    pub fn truth(&self) -> Value {
        json!({"upid": self.upid, "node": self.node, "type": self.kind, "vmid": self.vmid, "user": self.user,
            "start": self.start, "end": self.end, "exitstatus": self.exit, "log": self.log})
    }
}

impl World {
    /// A new worker, which takes its first step when the clock next moves.
    ///
    /// # Errors
    ///
    /// The daemon hears nothing of it: the task ends at once, and nothing is done
    /// (RESTEnvironment.pm, `fork_worker`).
    pub fn spawn(&mut self, node: &str, kind: &str, vmid: u32, user: &str, job: Job) -> Answer {
        let task = self.spawned(node, kind, vmid, user, job);
        if std::mem::take(&mut self.no_worker) {
            self.end(task, "unexpected status");
            return failed(500, "got no worker upid - start worker failed");
        }
        Ok(self.tasks[task].upid.clone().into())
    }

    /// The same, of a node itself; its number.
    pub fn spawned(&mut self, node: &str, kind: &str, vmid: u32, user: &str, job: Job) -> usize {
        let number = self.tasks.len();
        let start = self.clock();
        let upid = format!(
            "UPID:{node}:{:08X}:{:08X}:{start:08X}:{kind}:{}:{user}:",
            1000 + number,
            7000 + 7 * number,
            id(vmid)
        );
        self.tasks.push(Task {
            upid,
            node: node.to_owned(),
            kind: kind.to_owned(),
            vmid,
            user: user.to_owned(),
            start: self.now,
            end: None,
            exit: None,
            log: Vec::new(),
            job,
            wait: Wait::Until(self.now),
        });
        number
    }

    /// A line of the log, with the time before it.
    pub fn log(&mut self, task: usize, text: &str) {
        let time = crate::calendar::text(self.clock());
        self.tasks[task].log.push(format!("{time} {text}"));
    }

    pub fn end(&mut self, task: usize, exit: &str) {
        let now = self.now;
        let task = &mut self.tasks[task];
        task.end = Some(now);
        task.exit = Some(exit.to_owned());
        if exit == "OK" {
            task.log.push("TASK OK".into());
        } else if exit.starts_with("WARNINGS") {
            task.log.push(format!("TASK {exit}"));
        } else if exit != "unexpected status" {
            task.log.push(format!("TASK ERROR: {exit}"));
        }
    }

    pub fn wait(&mut self, task: usize, seconds: f64) {
        self.tasks[task].wait = Wait::Until(self.now + seconds);
    }

    /// The next step of a worker whose time has come.
    pub fn step(&mut self, task: usize) {
        let vmid = self.tasks[task].vmid;
        let first = self.tasks[task].start == self.now;
        let job = self.tasks[task].job.clone();
        let alone = matches!(job, Job::Create(_) | Job::Upload(_) | Job::Other);
        if !alone && !self.guests.contains_key(&vmid) {
            if matches!(&job, Job::Destroy(destruction) if destruction.waits()) {
                self.says(task, " OK");
            }
            let folder = if self.tasks[task].kind.starts_with("vz") {
                "lxc"
            } else {
                "qemu-server"
            };
            let node = &self.tasks[task].node;
            let why =
                format!("Configuration file 'nodes/{node}/{folder}/{vmid}.conf' does not exist");
            return self.end(task, &why);
        }
        match job {
            Job::Create(creation) => self.build(task, creation),
            Job::Destroy(destruction) => self.go_away(task, destruction),
            Job::GuestClone(clone) => self.copy_guest(task, clone),
            Job::Upload(upload) => self.uploaded(task, &upload),
            Job::Resize(resize) => self.resized(task, &resize),
            Job::Migrate(migration) => self.migrate(task, migration),
            Job::Start if first && !self.guest(vmid).running => {
                if let Some(lock) = self.guest(vmid).lock.clone() {
                    let exit = format!(
                        "{} is locked ({lock})",
                        if self.guest(vmid).ct { "CT" } else { "VM" }
                    );
                    return self.end(task, &exit);
                }
                self.tasks[task].wait = Wait::Until(self.now + self.guest(vmid).boot_s.max(0.001));
            }
            Job::Start => {
                let node = self.tasks[task].node.clone();
                if self.disks(vmid).iter().any(|disk| disk.cloudinit()) {
                    self.says(task, "generating cloud-init ISO");
                }
                match self.start(vmid, &node, "start") {
                    Ok(()) => self.end(task, "OK"),
                    Err(why) => self.end(task, &why),
                }
            }
            Job::Shutdown { timeout, force } => {
                let began = self.tasks[task].start;
                let guest = self.guest(vmid);
                if !guest.running {
                    self.end(task, "OK");
                } else if first && timeout > 0.0 {
                    self.signal(vmid);
                    let stops = self.guest(vmid).stops_at.unwrap_or(f64::INFINITY);
                    self.tasks[task].wait = Wait::Until(stops.min(self.now + timeout));
                } else if self.now < began + timeout {
                    // Its time had come and it still runs: the event of its stop is yet to be handled.
                    self.tasks[task].wait = Wait::Until(began + timeout);
                } else if force {
                    self.change(vmid, "stop", |g| g.running = false);
                    self.end(task, "OK");
                } else {
                    self.end(task, "VM quit/powerdown failed - got timeout");
                }
            }
            Job::Stop => {
                self.change(vmid, "stop", |g| {
                    g.running = false;
                    g.stops_at = None;
                });
                self.end(task, "OK");
            }
            Job::Resume => {
                self.change(vmid, "resume", |g| g.qmp = None);
                self.end(task, "OK");
            }
            Job::Other => self.end(task, "OK"),
        }
    }

    /// Tells a guest to shut down; from here on nobody can keep it from doing so.
    pub fn signal(&mut self, vmid: u32) {
        let now = self.now;
        if let Some(guest) = self.guests.get_mut(&vmid)
            && !guest.deaf
        {
            let stop = now + guest.shutdown_s;
            guest.stops_at = Some(guest.stops_at.map_or(stop, |already| already.min(stop)));
        }
    }

    /// Starts a guest where its config is.
    pub fn start(&mut self, vmid: u32, node: &str, cause: &str) -> Result<(), String> {
        let guest = self.guest(vmid);
        if guest.node != node {
            return Err(format!(
                "Configuration file 'nodes/{node}/{}/{vmid}.conf' does not exist",
                if guest.ct { "lxc" } else { "qemu-server" }
            ));
        }
        if guest.running {
            return Ok(());
        }
        let bridges = &self.nodes[node].bridges;
        let missing = guest
            .bridges()
            .into_iter()
            .find(|bridge| !bridges.contains(bridge));
        if let Some(bridge) = missing {
            return Err(format!("bridge '{bridge}' does not exist"));
        }
        if !self.quorate {
            return Err("cluster not ready - no quorum?".into());
        }
        let (cores, most) = (guest.text("cores"), self.nodes[node].maxcpu);
        if !guest.ct && cores.parse::<u64>().is_ok_and(|cores| cores > most) {
            return Err(format!("MAX {most} vcpus allowed per VM on this node"));
        }
        if let Some(script) = self.hookscript_missing(vmid, node) {
            return Err(format!(
                "hookscript error for {vmid} on pre-start: script '{script}' does not exist\n"
            ));
        }
        if self.fault("start-fails", vmid, Some(node)).is_some() {
            return Err(format!("startup for container '{vmid}' failed"));
        }
        self.change(vmid, cause, |g| {
            g.running = true;
            g.stops_at = None;
        });
        Ok(())
    }
}
