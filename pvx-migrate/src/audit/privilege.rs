//! What a guest may do to its node: privileges, raw keys, processors without a limit.

use serde_json::{Value, json};

use super::{
    context::Context,
    found::{Found, info, warning},
    guest::Audited,
};
use crate::{
    config::property::{Options, is_numbered, is_on},
    state::Kind,
};

/// Features that Proxmox gives to privileged containers, or that are of use only there.
const OF_PRIVILEGED: [&str; 3] = ["mount", "mknod", "force_rw_sys"];

/// What a guest is allowed that it should not be.
#[must_use]
pub fn findings(context: &Context<'_>, guest: &Audited<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    if guest.fields.is_none() {
        return found;
    }
    if guest.is_container() {
        found.extend(privileged(guest));
        found.extend(limit(guest));
    }
    found.extend(raw_keys(guest));
    found.extend(unknown_role(context, guest));
    found
}

/// Proxmox has `unprivileged: 1` in the configuration of those that are; a privileged one has nothing.
fn is_privileged(guest: &Audited<'_>) -> bool {
    guest.is_container() && !is_on(Some(&guest.text("unprivileged")))
}

fn privileged(guest: &Audited<'_>) -> Option<Found> {
    let (name, role) = guest.role?;
    if !is_privileged(guest) {
        return None;
    }
    if !role.privileged {
        let message = format!("it is privileged, and the role {name} doesn't say so");
        let evidence = json!({"unprivileged": guest.text("unprivileged"), "role": name});
        return Some(warning("privileged", message, evidence, &["state", "site"]));
    }
    if needs_privilege(guest) {
        return None;
    }
    let why = role
        .why
        .as_ref()
        .map_or(String::new(), |why| format!(" ({why})"));
    let message = format!(
        "it is privileged as its role {name} allows{why}, and nothing in its configuration needs it: no device, no path of the node, no feature, no raw line"
    );
    let evidence = json!({"role": name, "why": role.why});
    Some(info(
        "privileged-unneeded",
        message,
        evidence,
        &["state", "site"],
    ))
}

/// Something in the configuration that an unprivileged container could not have, or not use.
fn needs_privilege(guest: &Audited<'_>) -> bool {
    let config = &guest.config;
    let features = guest.text("features");
    let features = Options(&features);
    let has = |name: &&str| features.get(name).is_some_and(|value| value != "0");
    !config.devices.is_empty()
        || !config.paths.is_empty()
        || !config.optional.is_empty()
        || !raw_lines(guest).is_empty()
        || OF_PRIVILEGED.iter().any(has)
        || guest
            .fields
            .iter()
            .flatten()
            .any(|(key, _)| is_numbered(key, "dev"))
}

/// The raw lines of a container: key and value.
fn raw_lines(guest: &Audited<'_>) -> Vec<(String, String)> {
    let lines = guest.fields.as_ref().and_then(|fields| fields.get("lxc"));
    let lines = lines.and_then(Value::as_array).into_iter().flatten();
    lines
        .map(|line| {
            let word = |at: usize| line[at].as_str().unwrap_or_default().to_owned();
            (word(0), word(1))
        })
        .collect()
}

fn raw_keys(guest: &Audited<'_>) -> Option<Found> {
    let (keys, evidence, whose) = match guest.guest.kind {
        Kind::Lxc => {
            let lines = raw_lines(guest);
            let keys: Vec<String> = lines.iter().map(|(key, _)| key.clone()).collect();
            (keys, json!({"lxc": lines}), "LXC")
        }
        Kind::Qemu => {
            let args = guest.config.args.clone();
            let keys = args.iter().map(|_| "args".to_owned()).collect();
            (keys, json!({"args": args}), "QEMU")
        }
    };
    let mut told: Vec<&String> = keys.iter().collect();
    told.dedup();
    let told: Vec<&str> = told.into_iter().map(|key| &key[..]).collect();
    let message = format!(
        "{} goes to {whose} as it is, past what Proxmox checks",
        told.join(", ")
    );
    (!keys.is_empty()).then(|| warning("raw-keys", message, evidence, &["state"]))
}

/// Memory has a limit always (512 MiB where none is named: pct.conf(5)); processors have not.
fn limit(guest: &Audited<'_>) -> Option<Found> {
    let is_set = |key: &str| {
        let value = guest.text(key);
        value.parse::<f64>().is_ok_and(|number| number > 0.0)
    };
    if is_set("cores") || is_set("cpulimit") || guest.guest.template {
        return None;
    }
    let message = "neither cores nor cpulimit is set: it may use all processors of its node";
    let evidence = json!({"cores": null, "cpulimit": null});
    Some(warning("no-limit", message, evidence, &["state"]))
}

fn unknown_role(context: &Context<'_>, guest: &Audited<'_>) -> Option<Found> {
    if guest.role.is_some() || context.site().roles.is_empty() || guest.guest.template {
        return None;
    }
    let privileged = match is_privileged(guest) {
        true => "; it is privileged, and whether it should be is not known",
        false => "",
    };
    let message = format!(
        "neither a service nor a tag says what it is for, so no rule of a role applies{privileged}"
    );
    let evidence = json!({"tags": guest.text("tags"), "privileged": is_privileged(guest)});
    Some(info("role-unknown", message, evidence, &["state", "site"]))
}
