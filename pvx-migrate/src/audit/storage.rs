//! Where a guest's volumes are, and where the site wants them.

use serde_json::json;

use super::{
    context::Context,
    found::{Found, warning},
    guest::Audited,
};
use crate::config::Volume;

/// What is wrong with the storages of a guest's volumes.
#[must_use]
pub fn findings(context: &Context<'_>, guest: &Audited<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    found.extend(kept_out(context, guest));
    found.extend(wrong_pool(context, guest));
    found.extend(database(context, guest));
    found.extend(unused(guest));
    found
}

/// Volumes of a drive or a mount point: not those that are left over.
fn in_use<'a>(guest: &'a Audited<'_>) -> impl Iterator<Item = &'a Volume> {
    let all = guest.config.volumes.iter();
    all.filter(|volume| !is_unused(volume))
}

fn is_unused(volume: &Volume) -> bool {
    volume.key.starts_with("unused")
}

/// A drive that Proxmox makes anew from the configuration at each start.
fn is_generated(volume: &Volume) -> bool {
    volume.name.contains("cloudinit")
}

/// On a storage that the site keeps from guests; disks, cloud-init drives and images told apart.
fn kept_out<'a>(context: &'a Context<'_>, guest: &'a Audited<'_>) -> impl Iterator<Item = Found> {
    let site = context.site();
    let disks = in_use(guest).map(|volume| {
        let what = match is_generated(volume) {
            true => "cloud-init drive",
            false => "disk",
        };
        (&volume.key, volume.storage.clone(), volume.volid(), what)
    });
    let images = guest.config.images.iter();
    let images = images.filter_map(|(key, image)| {
        let (storage, _) = image.split_once(':')?;
        Some((key, storage.to_owned(), image.clone(), "image"))
    });
    let all = disks.chain(images);
    let kept = all.filter(|(_, storage, _, _)| site.keeps_out(storage));
    kept.map(|(key, storage, volume, what)| {
        let more = match what {
            "image" => ": eject it when it is not needed, it ties the VM to the node",
            "cloud-init drive" => ": it belongs on the storage of the disks",
            _ => "",
        };
        let message =
            format!("{key}: the {what} {volume} is on {storage}, which is not for guests{more}");
        let evidence = json!({"key": key, "volume": volume, "storage": storage, "what": what});
        warning("local-storage", message, evidence, &["state", "site"])
    })
}

/// On a storage that the site doesn't have its node use.
fn wrong_pool<'a>(context: &'a Context<'_>, guest: &'a Audited<'_>) -> impl Iterator<Item = Found> {
    let node = context.site_node(&guest.guest.node);
    let pools = node.map_or(&[][..], |node| &node.storages[..]);
    let strange = in_use(guest).filter(move |volume| {
        !pools.is_empty()
            && !pools.contains(&volume.storage)
            && !context.site().keeps_out(&volume.storage)
    });
    strange.map(move |volume| {
        let (key, storage, node) = (&volume.key, &volume.storage, &guest.guest.node);
        let message = format!(
            "{key}: {} is on {storage}; on {node} guests are on {}",
            volume.volid(),
            pools.join(", ")
        );
        let evidence =
            json!({"key": key, "volume": volume.volid(), "storage": storage, "wanted": pools});
        warning("wrong-pool", message, evidence, &["state", "site"])
    })
}

/// The volumes of a database, by the type of their storage.
fn database<'a>(context: &'a Context<'_>, guest: &'a Audited<'_>) -> impl Iterator<Item = Found> {
    let types = &context.site().database_storage_types;
    let role = guest
        .role
        .filter(|(_, role)| role.database && !types.is_empty());
    let volumes = in_use(guest).filter(move |volume| role.is_some() && !is_generated(volume));
    volumes.filter_map(move |volume| {
        let storage = context.cluster.storage(&volume.storage)?;
        let kind = &storage.kind;
        let (role, _) = role?;
        if types.contains(kind) || context.site().keeps_out(&storage.storage) {
            return None;
        }
        let message = format!(
            "{}: {} is of type {kind}, and databases ({role}) are on {}",
            volume.key,
            storage.storage,
            types.join(", ")
        );
        let evidence =
            json!({"key": volume.key, "storage": storage.storage, "type": kind, "wanted": types});
        Some(warning(
            "database-storage",
            message,
            evidence,
            &["state", "site"],
        ))
    })
}

/// What no drive has any more.
fn unused(guest: &Audited<'_>) -> impl Iterator<Item = Found> {
    let all = guest.config.volumes.iter();
    let unused = all.filter(|volume| is_unused(volume));
    unused.map(|volume| {
        let (key, volid) = (&volume.key, volume.volid());
        let message =
            format!("{key}: {volid} is in no drive and takes its space: attach it, or remove it");
        let evidence = json!({"key": key, "volume": volid, "size": volume.size});
        warning("unused-volume", message, evidence, &["state"])
    })
}
