//! Whether a guest comes back with its node, and whether it can be talked to.

use serde_json::json;

use super::{
    context::Context,
    found::{Found, info, warning},
    guest::Audited,
};
use crate::{
    config::property::{Options, is_on},
    state::Kind,
};

/// What is amiss when its node starts, or a backup is made.
#[must_use]
pub fn findings(context: &Context<'_>, guest: &Audited<'_>) -> Vec<Found> {
    let runs = guest.guest.is_running() && !guest.guest.template;
    if guest.fields.is_none() || !runs {
        return Vec::new();
    }
    onboot(context, guest)
        .into_iter()
        .chain(agent(guest))
        .collect()
}

/// What HA looks after it starts, whatever `onboot` says.
fn onboot(context: &Context<'_>, guest: &Audited<'_>) -> Option<Found> {
    context.cluster.state.ha.as_ref()?; // told already
    if is_on(Some(&guest.text("onboot"))) || guest.managed.is_some() {
        return None;
    }
    let message = format!(
        "it runs, and {} will not start it when it starts itself",
        guest.guest.node
    );
    let evidence = json!({"onboot": guest.text("onboot"), "status": guest.guest.activity()});
    let names: Vec<&str> = guest
        .services
        .iter()
        .map(|service| &service.name[..])
        .collect();
    if names.is_empty() && guest.pairs.is_empty() {
        return Some(info("onboot-missing", message, evidence, &["state"]));
    }
    let whose = [names.join(", "), guest.pairs.join(", ")];
    let whose: Vec<&str> = whose
        .iter()
        .map(|name| &name[..])
        .filter(|name| !name.is_empty())
        .collect();
    let message = format!("{message} ({})", whose.join(", "));
    Some(warning(
        "onboot-missing",
        message,
        evidence,
        &["state", "site"],
    ))
}

/// `agent: 1` or `agent: enabled=1,...`
fn agent(guest: &Audited<'_>) -> Option<Found> {
    let text = guest.text("agent");
    let options = Options(&text);
    let enabled = options.get("enabled").or_else(|| options.first());
    if guest.guest.kind != Kind::Qemu || is_on(enabled) {
        return None;
    }
    let message = "it runs without the guest agent: backups freeze no file system in it, and nobody tells its addresses";
    Some(warning(
        "agent-missing",
        message,
        json!({"agent": text}),
        &["state"],
    ))
}
