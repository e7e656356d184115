//! The workers `vzcreate` and `qmcreate`, from step to step: disks, what is unpacked or imported into
//! them, the config. One that dies leaves its lock and its disks, one that fails cleans up.
//!
//! Phases for faults: `allocate`, `unpack` (or `import`), `configure`; `create-fails` with `exit`.

use serde_json::{Map, Value};

use crate::{
    create::{drive, new_disk, numbered, part},
    disks::{self, NewDisk},
    schema::text,
    task::{Job, Wait},
    world::{File, Leftover, World},
};

/// The newest Debian that Proxmox VE knows (LXC/Setup/Debian.pm).
const TESTED: u64 = 14;

#[derive(Clone, Debug)]
pub struct Creation {
    ct: bool,
    parameters: Map<String, Value>,
    /// Volumes that were made so far, by their key.
    made: Vec<(String, NewDisk)>,
    /// Keys of disks that are still to be made.
    left: Vec<String>,
    /// What is read at the moment.
    reading: bool,
    damaged: bool,
    warned: bool,
}

impl Creation {
    pub fn new(ct: bool, parameters: Map<String, Value>) -> Self {
        let mut left: Vec<String> = parameters
            .iter()
            .filter(|(key, value)| {
                let fits = if ct {
                    *key == "rootfs" || numbered(key, "mp")
                } else {
                    drive(key)
                };
                fits && new_disk(&text(value)).is_some()
            })
            .map(|(key, _)| key.clone())
            .collect();
        // The root file system first, and a cloud-init drive before what is imported.
        left.sort_by_key(|key| (key != "rootfs", !key.starts_with("ide"), key.clone()));
        if ct && !parameters.contains_key("rootfs") {
            left.insert(0, "rootfs".into());
        }
        Self {
            ct,
            parameters,
            made: Vec::new(),
            left,
            reading: false,
            damaged: false,
            warned: false,
        }
    }

    pub fn text(&self, name: &str) -> String {
        self.parameters.get(name).map(text).unwrap_or_default()
    }

    pub fn on(&self, name: &str) -> bool {
        ["1", "true", "yes", "on"].contains(&self.text(name).as_str())
    }

    fn phase(&self) -> &'static str {
        if self.ct { "unpack" } else { "import" }
    }
}

impl World {
    /// The next step of a creation.
    pub fn build(&mut self, task: usize, mut creation: Creation) {
        let vmid = self.tasks[task].vmid;
        let done = if !self.guests.contains_key(&vmid) {
            Err("config file is gone".into())
        } else if creation.ct {
            self.build_ct(task, &mut creation)
        } else {
            self.build_vm(task, &mut creation)
        };
        match done {
            Ok(true) if self.tasks[task].running() => self.configured(task, &creation),
            Ok(_) => {}
            Err(why) => self.give_up(task, &creation, &why),
        }
        self.tasks[task].job = Job::Create(creation);
    }

    /// True when all is there but the config.
    fn build_ct(&mut self, task: usize, creation: &mut Creation) -> Result<bool, String> {
        let (vmid, template) = (self.tasks[task].vmid, creation.text("ostemplate"));
        let node = self.tasks[task].node.clone();
        let Some(file) = self.file(&node, &template) else {
            let why = format!("volume '{template}' does not exist");
            self.says(task, &why);
            return Err(why);
        };
        if !creation.reading {
            if !self.enter(task, "allocate") {
                return Ok(false);
            }
            for key in std::mem::take(&mut creation.left) {
                let mut value = creation.text(&key);
                if value.is_empty() {
                    let storage = creation.text("storage");
                    value = format!(
                        "{}:4",
                        if storage.is_empty() {
                            "local"
                        } else {
                            &storage
                        }
                    );
                }
                let disk = self.allocate(task, &value, None)?;
                creation.made.push((key, disk));
            }
            self.says(
                task,
                &format!("extracting archive '{}'", self.path(&template)),
            );
            creation.reading = true;
            let seconds = self.slowed(vmid, file.seconds);
            self.wait(task, seconds.max(0.001));
            if !self.enter(task, "unpack") {
                return Ok(false);
            }
            self.hangs(task);
            self.asked_to_fail(vmid)?;
            return Ok(false);
        }
        self.unpacked(task, creation, &file)
    }

    fn unpacked(
        &mut self,
        task: usize,
        creation: &mut Creation,
        file: &File,
    ) -> Result<bool, String> {
        let tar = "command 'lxc-usernsexec -m u:0:100000:65536 -m g:0:100000:65536 -- tar xpf - --zstd --totals \
                   --one-file-system -p --sparse --numeric-owner --acls --xattrs '--xattrs-include=user.*' \
                   '--xattrs-include=security.capability' '--warning=no-file-ignored' '--warning=no-xattr-write' -C \
                   /var/lib/lxc/VMID/rootfs --skip-old-files --anchored --exclude './dev/*'' failed: exit code 2";
        let tar = tar.replace("VMID", &self.tasks[task].vmid.to_string());
        if file.junk {
            self.says(task, "zstd: /*stdin*\\: unsupported format ");
            self.says(task, "tar: Child returned status 1");
            self.says(task, "tar: Error is not recoverable: exiting now");
            return Err(tar);
        }
        let root = creation
            .made
            .first()
            .map(|(_, disk)| disk.clone())
            .unwrap_or_default();
        let node = self.tasks[task].node.clone();
        if self.room(&root.storage, &node) < file.unpacked {
            if root.within {
                self.says(task, "tar: ./big.bin: Wrote only 8192 of 10240 bytes");
            } else {
                creation.damaged = true; // buffered writes: nobody is told
            }
        }
        let read = format!(
            "Total bytes read: {0} ({1}KiB, 27MiB/s)",
            file.unpacked,
            file.unpacked / 1024
        );
        self.says(task, &read);
        if self.room(&root.storage, &node) < file.unpacked && root.within {
            self.says(
                task,
                "tar: Exiting with failure status due to previous errors",
            );
            return Err(tar);
        }
        if let Some(version) = file.debian.filter(|version| *version > TESTED) {
            creation.warned = true;
            let line = format!(
                "WARN: The container's Debian version '{version}' is newer than the tested version '{TESTED}'. While everything \
                 may work fine, full compatibility cannot be guaranteed. Please check for PVE system updates."
            );
            self.says(task, &line);
        }
        self.says(task, "Detected container architecture: amd64");
        Ok(true)
    }

    /// One disk at a time; what is imported takes its time.
    fn build_vm(&mut self, task: usize, creation: &mut Creation) -> Result<bool, String> {
        let (vmid, node) = (self.tasks[task].vmid, self.tasks[task].node.clone());
        if creation.made.is_empty() && !creation.reading && !self.enter(task, "allocate") {
            return Ok(false);
        }
        while let Some(key) = creation.left.first().cloned() {
            let value = creation.text(&key);
            let source = part(&value, "import-from");
            let file = match source {
                None => None,
                Some(source) => Some(
                    self.file(&node, source)
                        .ok_or_else(|| format!("failed to stat '{}'", self.path(source)))?,
                ),
            };
            if let (Some(file), Some(source), false) = (&file, source, creation.reading) {
                let path = self.path(source);
                if file.junk {
                    let line = format!(
                        "command '/usr/bin/qemu-img info '--output=json' {path} -f qcow2' failed: exit code 1"
                    );
                    self.says(task, &line);
                    return Err(format!(
                        "qemu-img.real: Could not open '{path}': Image is not in qcow2 format"
                    ));
                }
                self.says(task, &format!("create full clone of drive ({source})"));
                let disk = self.allocate(task, &value, Some(file.unpacked))?;
                self.says(task, &format!("allocated target volume '{}'", disk.volid));
                let all = disks::mebibytes(file.unpacked);
                self.says(task, &format!("transferred 0.0 B of {all} (0.00%)"));
                creation.made.push((key, disk));
                creation.reading = true;
                let seconds = self.slowed(vmid, file.seconds);
                self.wait(task, seconds.max(0.001));
                if !self.enter(task, "import") {
                    return Ok(false);
                }
                self.hangs(task);
                self.asked_to_fail(vmid)?;
                return Ok(false);
            }
            creation.left.remove(0);
            let disk = match (&file, creation.made.last()) {
                (Some(file), Some((_, disk))) => {
                    let all = disks::mebibytes(file.unpacked);
                    self.says(task, &format!("transferred {all} of {all} (100.00%)"));
                    creation.reading = false;
                    disk.clone()
                }
                _ => {
                    let disk = self.allocate(task, &value, None)?;
                    creation.made.push((key.clone(), disk.clone()));
                    disk
                }
            };
            if disk.room_lacks {
                creation.damaged = true;
            }
            self.says(
                task,
                &format!("{key}: successfully created disk '{}'", disk.entry(&value)),
            );
        }
        if creation.made.is_empty() {
            self.asked_to_fail(vmid)?;
        }
        Ok(true)
    }

    /// How long a worker takes, if it isn't slower today.
    pub fn slowed(&mut self, vmid: u32, seconds: f64) -> f64 {
        let slow = self.fault("slow", vmid, None);
        slow.map_or(seconds, |slow| slow["seconds"].as_f64().unwrap_or(600.0))
    }

    /// A worker that comes to no end by itself.
    pub fn hangs(&mut self, task: usize) {
        if self.fault("hangs", self.tasks[task].vmid, None).is_some() {
            self.tasks[task].wait = Wait::Forever;
        }
    }

    fn asked_to_fail(&mut self, vmid: u32) -> Result<(), String> {
        match self.fault("create-fails", vmid, None) {
            Some(fault) => Err(fault["exit"]
                .as_str()
                .unwrap_or("it was to fail")
                .to_owned()),
            None => Ok(()),
        }
    }

    /// The config is written, and the guest is there.
    fn configured(&mut self, task: usize, creation: &Creation) {
        if !self.enter(task, "configure") {
            return;
        }
        let vmid = self.tasks[task].vmid;
        let (name, config) =
            self.config_of(vmid, creation.ct, &creation.parameters, &creation.made);
        let (protected, damaged) = (creation.on("template"), creation.damaged);
        let volids: Vec<&String> = creation.made.iter().map(|(_, disk)| &disk.volid).collect();
        self.leftovers.retain(|left| !volids.contains(&&left.volid));
        self.change(vmid, "created", |guest| {
            guest.name = name;
            guest.config = config;
            guest.template = protected;
            guest.damaged = damaged;
        });
        if creation.ct {
            for (kind, print) in self.host_keys(vmid, task) {
                let name = self.guest(vmid).shown_name();
                self.says(
                    task,
                    &format!(
                        "Creating SSH host key 'ssh_host_{kind}_key' - this may take some time ..."
                    ),
                );
                self.says(task, &format!("done: {print} root@{name}"));
            }
        } else {
            self.tell("create", vmid);
        }
        self.change(vmid, "created", |guest| guest.lock = None);
        let (node, user) = (self.tasks[task].node.clone(), self.tasks[task].user.clone());
        if creation.on("ha-managed") {
            self.says(task, "Add as HA resource");
            self.ha_add(vmid, creation.ct, creation.on("start"));
        }
        if creation.on("start") {
            let kind = if creation.ct { "vzstart" } else { "qmstart" };
            self.spawned(&node, kind, vmid, &user, Job::Start);
        }
        self.end(task, if creation.warned { "WARNINGS: 1" } else { "OK" });
    }

    /// A creation that fails takes its disks and its config away again.
    pub fn give_up(&mut self, task: usize, creation: &Creation, why: &str) {
        let vmid = self.tasks[task].vmid;
        let stays = self.fault("stays", vmid, None).is_some();
        for (_, disk) in creation.made.iter().filter(|_| !stays) {
            self.leftovers.retain(|left| left.volid != disk.volid);
        }
        self.vanish(vmid, "creation failed");
        self.pools
            .values_mut()
            .for_each(|members| members.retain(|member| *member != vmid));
        let what = if creation.ct { "CT" } else { "VM" };
        self.end(task, &format!("unable to create {what} {vmid} - {why}"));
    }

    /// `DELETE` of its task.
    pub fn interrupt(&mut self, task: usize, creation: &Creation) {
        let why = format!("{} failed: received interrupt", creation.phase());
        self.give_up(task, creation, &why);
    }

    /// A new volume, in no config yet.
    fn allocate(
        &mut self,
        task: usize,
        value: &str,
        imported: Option<u64>,
    ) -> Result<NewDisk, String> {
        let (vmid, node) = (self.tasks[task].vmid, self.tasks[task].node.clone());
        let ct = self.guest(vmid).ct;
        let disk = self.new_volume(vmid, ct, &node, value, imported)?;
        for line in self.formatting(&disk, ct) {
            self.says(task, &line);
        }
        self.leftovers.push(Leftover {
            node,
            storage: disk.storage.clone(),
            volid: disk.volid.clone(),
            bytes: disk.bytes,
        });
        Ok(disk)
    }

    /// A line of a log that has no time before it.
    pub fn says(&mut self, task: usize, line: &str) {
        self.tasks[task].log.push(line.to_owned());
    }
}
