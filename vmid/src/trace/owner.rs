//! Whose a thing is, by its name: `vm:101`, `101-0`, `subvol-101-disk-0`, `ct/101`. An ID is
//! always the whole number: 3006 is not in 30066.

use crate::scheme;

/// A guest's ID; none where the text is something else, or more.
#[must_use]
pub fn id(text: &str) -> Option<u64> {
    let plain = !text.starts_with('0');
    let id = scheme::decimal(text).filter(|_| plain)?;
    scheme::GUEST_IDS.contains(&id).then_some(id)
}

/// The guest of an HA resource: `vm:101`, `ct:101`.
#[must_use]
pub fn of_resource(sid: &str) -> Option<u64> {
    let (kind, number) = sid.trim().split_once(':')?;
    ["vm", "ct"].contains(&kind).then(|| id(number))?
}

/// The guest of a replication job: `101-0`.
#[must_use]
pub fn of_job(job: &str) -> Option<u64> {
    let (guest, number) = job.split_once('-')?;
    scheme::decimal(number)?;
    id(guest)
}

/// The guest of a path of the access tree: `/vms/101`.
#[must_use]
pub fn of_path(path: &str) -> Option<u64> {
    id(path.strip_prefix("/vms/")?)
}

/// The owner of a volume, by its ID: `tank:subvol-101-disk-0`, `local:101/vm-101-disk-0.qcow2`,
/// `nfs:backup/vzdump-lxc-101-2026_11_26-02_00_00.tar.zst`, `pbs:backup/ct/101/2026-11-26T02:00:00Z`.
/// A linked clone (`tank:base-100-disk-0/vm-101-disk-0`) is its last name's.
#[must_use]
pub fn of_volume(volid: &str) -> Option<u64> {
    let (_, name) = volid.split_once(':')?;
    if let Some(backup) = name.strip_prefix("backup/") {
        let mut parts = backup.split('/');
        return match (parts.next()?, parts.next()) {
            ("vm" | "ct", Some(number)) => id(number),
            (file, None) => of_dump(file),
            _ => None,
        };
    }
    of_file(name.rsplit('/').next()?)
}

/// The guest of a disk, by the name that Proxmox gives it.
#[must_use]
pub fn of_file(file: &str) -> Option<u64> {
    const OF_GUESTS: [&str; 4] = ["vm-", "subvol-", "base-", "basevol-"];
    let mut rest = OF_GUESTS.iter().filter_map(|kind| file.strip_prefix(kind));
    id(rest.next()?.split('-').next()?)
}

/// The guest of a file of vzdump.
fn of_dump(file: &str) -> Option<u64> {
    let mut parts = file.strip_prefix("vzdump-")?.split('-');
    let kind = parts.next()?;
    let number = parts.next()?;
    parts.next()?; // the time: without it the number is no ID
    ["qemu", "lxc", "openvz"]
        .contains(&kind)
        .then(|| id(number))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn whose_a_volume_is() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, Option<u64>)] = &[
            ("a container's",           "tank:subvol-30066-disk-0", Some(30066)),
            ("a VM's",                  "tank:vm-30066-disk-1", Some(30066)),
            ("in a folder",             "local:30066/vm-30066-disk-0.qcow2", Some(30066)),
            ("cloud-init",              "tank:vm-30066-cloudinit", Some(30066)),
            ("of memory",               "tank:vm-30066-state-before", Some(30066)),
            ("a template's",            "tank:base-9000-disk-0", Some(9000)),
            ("a linked clone",          "tank:base-9000-disk-0/vm-30066-disk-0", Some(30066)),
            ("one in folders",          "rmk:920/base-920-disk-0.qcow2/927/vm-927-disk-0.qcow2", Some(927)),
            ("a container's template",  "tank:basevol-9000-disk-0", Some(9000)),
            ("a dump",                  "nfs:backup/vzdump-lxc-30066-2026_11_26-02_00_00.tar.zst", Some(30066)),
            ("a VM's dump",             "nfs:backup/vzdump-qemu-101-2026_11_26-02_00_00.vma.zst", Some(101)),
            ("in PBS",                  "pbs:backup/ct/30066/2026-11-26T02:00:00Z", Some(30066)),
            ("a host's, in PBS",        "pbs:backup/host/30066/2026-11-26T02:00:00Z", None),
            ("an image",                "local:iso/debian-30066.iso", None),
            ("no dump",                 "nfs:backup/vzdump-lxc-30066", None),
            ("no ID",                   "tank:vm-disk-0", None),
            ("too small",               "tank:vm-99-disk-0", None),
            ("zeros",                   "tank:vm-030066-disk-0", None),
            ("no storage",              "vm-30066-disk-0", None),
            ("nothing",                 "", None),
        ];
        for (name, volid, want) in cases {
            assert_eq!(of_volume(volid), *want, "{name}");
        }
    }

    #[test]
    fn whose_the_others_are() {
        assert_eq!(of_resource("ct:30066"), Some(30066));
        assert_eq!(of_resource("ct:3006"), Some(3006));
        assert_eq!(of_resource("fs:30066"), None);
        assert_eq!(of_resource("ct:30066:x"), None);
        assert_eq!(of_job("30066-0"), Some(30066));
        assert_eq!(of_job("30066"), None);
        assert_eq!(of_job("30066-x"), None);
        assert_eq!(of_path("/vms/30066"), Some(30066));
        assert_eq!(of_path("/vms"), None);
        assert_eq!(of_path("/vms/30066/x"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "\\PC{0,40}") {
            for read in [of_volume, of_resource, of_job, of_path] {
                if let Some(id) = read(&text) {
                    prop_assert!(text.contains(&id.to_string()));
                }
            }
        }
    }
}
