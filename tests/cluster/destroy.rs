//! `DELETE` of a guest: what is refused at once, the worker, and what `purge` takes along
//! (API2/LXC.pm and API2/Qemu.pm, `destroy_vm`).
//!
//! Phase for faults: `destroy`; `destroy-fails` with `exit`.

use serde_json::Value;

use crate::{
    api::{Answer, Call, failed},
    ha::vmid_of,
    privilege::Allowed,
    task::Job,
    volume::owner,
    world::{Leftover, World},
};

/// How long a destroy takes, in seconds.
const TAKES_S: f64 = 1.0;

#[derive(Clone, Debug)]
pub struct Destruction {
    ct: bool,
    purge: bool,
    force: bool,
    unreferenced: bool,
    /// It was looked at again, and is at work.
    begun: bool,
    /// Another one is at work on the guest.
    waits: bool,
}

impl Destruction {
    pub fn waits(&self) -> bool {
        self.waits
    }
}

impl World {
    pub fn destroy(&mut self, call: &Call, ct: bool) -> Answer {
        let (node, vmid) = (call.text("node"), call.vmid());
        if call.has("skiplock") {
            return failed(400, "skiplock: Only root may use this option.");
        }
        if !self.quorate {
            return failed(500, "cluster not ready - no quorum?");
        }
        let destruction = Destruction {
            ct,
            purge: call.on("purge"),
            force: call.on("force"),
            unreferenced: call.on("destroy-unreferenced-disks"),
            begun: false,
            waits: false,
        };
        self.may_go(vmid, &destruction)?;
        let running = self.guest(vmid).running;
        if running && ct && !destruction.force {
            return failed(
                500,
                format!("unable to destroy CT {vmid} - container is running"),
            );
        }
        if running && !ct {
            return failed(500, format!("VM {vmid} is running - destroy failed"));
        }
        let kind = if ct { "vzdestroy" } else { "qmdestroy" };
        self.spawn(&node, kind, vmid, call.token, Job::Destroy(destruction))
    }

    /// What keeps a guest, in the order in which it is looked at.
    fn may_go(&self, vmid: u32, destruction: &Destruction) -> Allowed {
        let guest = self.guest(vmid);
        let what = if destruction.ct { "CT" } else { "VM" };
        if guest.text("protection") == "1" {
            return failed(
                500,
                format!("can't remove {what} {vmid} - protection mode enabled"),
            );
        }
        if let Some(lock) = guest.lock.as_ref().filter(|_| destruction.ct) {
            return failed(500, format!("CT is locked ({lock})"));
        }
        if destruction.purge {
            return Ok(());
        }
        // Whatever its state, `ignored` too.
        if self.ha.services.keys().any(|sid| vmid_of(sid) == vmid) {
            let why = format!(
                "unable to remove {what} {vmid} - used in HA resources and purge parameter not set."
            );
            return failed(500, why);
        }
        if let Some(job) = self.replication.iter().find(|job| job["guest"] == vmid) {
            let id = job["id"].as_str().unwrap_or_default();
            return failed(
                500,
                format!(
                    "There is a replication job '{id}' for guest '{vmid}' - Please remove that first."
                ),
            );
        }
        Ok(())
    }

    /// The next step of the worker.
    pub fn go_away(&mut self, task: usize, mut destruction: Destruction) {
        let vmid = self.tasks[task].vmid;
        let others = self.tasks.iter().enumerate().any(|(number, other)| {
            let begun = matches!(&other.job, Job::Destroy(other) if other.begun);
            number != task && other.running() && other.vmid == vmid && begun
        });
        if others && !destruction.begun {
            if !destruction.waits {
                self.says(task, "trying to acquire lock...");
            }
            destruction.waits = true;
            self.wait(task, TAKES_S / 4.0);
            self.tasks[task].job = Job::Destroy(destruction);
            return;
        }
        if std::mem::take(&mut destruction.waits) {
            self.says(task, " OK");
        }
        let done = if destruction.begun {
            self.taken_away(task, vmid, &destruction);
            Ok(())
        } else {
            self.begin_to_go(task, vmid, &mut destruction)
        };
        if let Err(why) = done {
            self.end(task, &why);
        }
        self.tasks[task].job = Job::Destroy(destruction);
    }

    fn begin_to_go(
        &mut self,
        task: usize,
        vmid: u32,
        destruction: &mut Destruction,
    ) -> Result<(), String> {
        self.may_go(vmid, destruction).map_err(|(_, why)| why)?;
        let guest = self.guest(vmid);
        if let Some(lock) = &guest.lock {
            return Err(format!("VM is locked ({lock})"));
        }
        if guest.running && !destruction.ct {
            return Err(format!("VM {vmid} is running - destroy failed"));
        }
        if guest.running && !destruction.force {
            return Err(format!(
                "unable to destroy CT {vmid} - container is running"
            ));
        }
        let volumes = guest.volumes();
        for volume in &volumes {
            let Some(storage) = &volume.storage else {
                continue;
            };
            self.usable(storage, &self.tasks[task].node)
                .map_err(|(_, why)| why)?;
            let base = format!("{}/", volume.volid);
            let clones = self.guests.values().any(|other| {
                other.vmid != vmid && other.volumes().iter().any(|v| v.volid.starts_with(&base))
            });
            if clones {
                return Err(format!(
                    "base volume '{}' is still in use by linked cloned",
                    volume.volid
                ));
            }
        }
        if guest.running {
            self.says(
                task,
                &format!("forced to stop CT {vmid} before destroying!"),
            );
            self.change(vmid, "destroy", |g| g.running = false);
        }
        if let Some(fault) = self.fault("destroy-fails", vmid, None) {
            return Err(fault["exit"]
                .as_str()
                .unwrap_or("it was to fail")
                .to_owned());
        }
        // Its volumes go first, and its config last.
        self.change(vmid, "destroy", |g| g.damaged = true);
        destruction.begun = true;
        let seconds = self.slowed(vmid, TAKES_S);
        self.wait(task, seconds);
        self.hangs(task);
        self.enter(task, "destroy");
        Ok(())
    }

    fn taken_away(&mut self, task: usize, vmid: u32, destruction: &Destruction) {
        let guest = self.guest(vmid);
        let (node, stays) = (guest.node.clone(), guest.template && destruction.ct);
        // A template's tree is immutable, and that is never taken back (Storage/Plugin.pm).
        let trees: Vec<_> = guest
            .volumes()
            .into_iter()
            .filter(|v| stays && v.volid.ends_with(".subvol"))
            .collect();
        for tree in trees {
            let path = self.path(&tree.volid);
            let what = "cannot make directory read+writeable for";
            self.says(task, &format!(
                "{what} {path}: Operation not permitted at /usr/share/perl5/PVE/Storage/Plugin.pm line 1136."
            ));
            self.says(task, &format!(
                "cannot remove directory for {path}: Operation not permitted at /usr/share/perl5/PVE/Storage/Plugin.pm line 1136."
            ));
            self.leftovers.push(Leftover {
                node: node.clone(),
                storage: tree.storage.unwrap_or_default(),
                volid: tree.volid,
                bytes: tree.bytes,
            });
        }
        if destruction.unreferenced {
            self.leftovers
                .retain(|left| owner(&left.volid) != Some(vmid));
        }
        self.forget_access(vmid);
        if destruction.purge {
            self.purge(task, vmid, destruction.ct);
        }
        self.tell("destroy", vmid);
        self.vanish(vmid, "destroyed");
        self.end(task, "OK");
    }

    /// Rights to the guest alone, and its place in a pool, go in any case.
    pub fn forget_access(&mut self, vmid: u32) {
        let path = format!("/vms/{vmid}");
        self.rights
            .values_mut()
            .for_each(|paths| drop(paths.remove(&path)));
        self.pools
            .values_mut()
            .for_each(|members| members.retain(|member| *member != vmid));
    }

    fn purge(&mut self, task: usize, vmid: u32, ct: bool) {
        let what = if ct { "CT" } else { "VM" };
        self.says(
            task,
            &format!("purging {what} {vmid} from related configurations.."),
        );
        self.replication.retain(|job| job["guest"] != vmid);
        let id = vmid.to_string();
        self.backup_jobs.retain_mut(|job| {
            trim(job, "exclude", &id);
            !trim(job, "vmid", &id)
        });
        let sid = format!("{}:{vmid}", if ct { "ct" } else { "vm" });
        if self.ha.services.remove(&sid).is_some() {
            self.forget_in_rules(&sid);
            self.says(
                task,
                &format!("NOTE: removed {what} {vmid} from HA resource configuration."),
            );
        }
    }

    pub fn forget_in_rules(&mut self, sid: &str) {
        let names: Vec<String> = self.ha.rules.keys().cloned().collect();
        for name in names {
            let empty = self
                .ha
                .rules
                .get_mut(&name)
                .is_some_and(|rule| trim(rule, "resources", sid));
            if empty {
                self.ha.rules.remove(&name);
            }
        }
    }
}

/// Takes an entry out of a list with commas; true if that was all of it, and the member is gone.
fn trim(entry: &mut Value, name: &str, gone: &str) -> bool {
    let Some(list) = entry[name].as_str() else {
        return false;
    };
    let left: Vec<&str> = list.split(',').filter(|one| *one != gone).collect();
    if left.len() == list.split(',').count() {
        return false;
    }
    if left.is_empty() {
        entry.as_object_mut().map(|entry| entry.remove(name));
        return true;
    }
    entry[name] = left.join(",").into();
    false
}
