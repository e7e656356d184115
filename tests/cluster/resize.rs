//! `PUT .../resize`: a task, in which alone everything is refused.

use crate::{
    api::{Answer, Call},
    disks::size,
    task::Job,
    volume::{Volume, bytes},
    world::World,
};

#[derive(Clone, Debug)]
pub struct Resize {
    disk: String,
    size: String,
    digest: String,
}

impl World {
    pub fn resize(&mut self, call: &Call) -> Answer {
        let resize = Resize {
            disk: call.text("disk"),
            size: call.text("size"),
            digest: call.text("digest"),
        };
        self.spawn(
            &call.text("node"),
            "resize",
            call.vmid(),
            call.token,
            Job::Resize(resize),
        )
    }

    pub fn resized(&mut self, task: usize, resize: &Resize) {
        if !self.enter(task, "resize") {
            return;
        }
        match self.grow(task, resize) {
            Ok(()) => self.end(task, "OK"),
            Err(why) => self.end(task, &why),
        }
    }

    fn grow(&mut self, task: usize, resize: &Resize) -> Result<(), String> {
        let vmid = self.tasks[task].vmid;
        let guest = self.guest(vmid);
        let what = if guest.ct { "CT" } else { "VM" };
        if let Some(lock) = &guest.lock {
            return Err(format!("{what} is locked ({lock})"));
        }
        if !resize.digest.is_empty() && resize.digest != guest.digest() {
            return Err("checksum mismatch (file change by other user?)".into());
        }
        let key = &resize.disk;
        let value = guest.text(key);
        if value.is_empty() {
            return Err(format!("disk '{key}' does not exist"));
        }
        let volume = Volume::of(key, &value);
        if volume.volid.ends_with(".subvol") {
            return Err("can't resize this image format".into());
        }
        let wanted = match resize.size.strip_prefix('+') {
            Some(more) => volume.bytes + bytes(more),
            None => bytes(&resize.size),
        };
        if wanted < volume.bytes {
            return Err("shrinking disks is not supported".into());
        }
        if let Some(fault) = self.fault("resize-fails", vmid, None) {
            return Err(fault["exit"]
                .as_str()
                .unwrap_or("it was to fail")
                .to_owned());
        }
        if wanted == volume.bytes {
            return Ok(());
        }
        let storage = volume.storage.clone().unwrap_or_default();
        let node = self.tasks[task].node.clone();
        let thick = self.storages.get(&storage).is_some_and(|s| s.kind == "lvm");
        if thick && self.room(&storage, &node) < wanted - volume.bytes {
            return Err("command '/sbin/lvextend' failed: exit code 5".into());
        }
        let old: Vec<&str> = value
            .split(',')
            .filter(|part| !part.starts_with("size="))
            .collect();
        let value = format!("{},size={}", old.join(","), size(wanted));
        self.says(task, "Image resized.");
        self.change(vmid, "resized", |g| {
            drop(g.config.insert(key.clone(), value.into()))
        });
        Ok(())
    }
}
