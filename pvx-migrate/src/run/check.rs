//! The last look before a guest is touched: the plan was made a while ago.

use serde_json::Value;

use crate::{
    plan::record::Step,
    pve::{Failure, Pve},
};

/// Why a step is not taken: a code and a message.
pub type Refusal = (&'static str, String);

/// Whether the step can still be taken.
///
/// # Errors
///
/// Why not; nothing has been done.
pub fn check(pve: &Pve, step: &Step, to: &str) -> Result<(), Refusal> {
    let unread = |failure: Failure| ("unread", format!("not checked again: {failure}"));
    let status: Vec<Value> = pve.get("/cluster/status").map_err(unread)?;
    let quorate = status
        .iter()
        .find(|row| row["type"] == "cluster")
        .map(|row| row["quorate"] != 0);
    if quorate == Some(false) {
        return Err(("no-quorum", "the cluster has no quorum".to_owned()));
    }
    let online = status
        .iter()
        .any(|row| row["type"] == "node" && row["name"] == *to && row["online"] != 0);
    // A node that is no cluster has no such row, but then there is nowhere to go either.
    if !online {
        return Err(("target-offline", format!("{to} is not online")));
    }
    let guest = format!("/nodes/{}/{}/{}", step.from, step.kind.as_str(), step.vmid);
    let config: Value = pve.get(&format!("{guest}/config")).map_err(unread)?;
    if let (Some(planned), Some(now)) = (&step.digest, config["digest"].as_str())
        && planned != now
    {
        return Err((
            "changed",
            "its configuration is not the one this was planned with".to_owned(),
        ));
    }
    precondition(pve, &guest, to)?;
    space(pve, step, to)
}

/// PVE's own check; older ones have none for containers.
fn precondition(pve: &Pve, guest: &str, to: &str) -> Result<(), Refusal> {
    let answer: Value = match pve.get(&format!("{guest}/migrate?target={to}")) {
        Ok(answer) => answer,
        Err(failure) if failure.status() == Some(501) => return Ok(()),
        Err(failure) => return Err(("refused", failure.to_string())),
    };
    let refused = [
        &answer["not_allowed_nodes"][to],
        &answer["not-allowed-nodes"][to],
    ];
    let Some(refused) = refused.into_iter().find(|why| why.is_object()) else {
        return Ok(());
    };
    // What is missing there may be mapped to something else; the plan has looked at that.
    let blocking = refused.as_object().into_iter().flatten();
    let blocking = blocking.filter(|(name, _)| !name.starts_with("unavailable"));
    let blocking: Vec<String> = blocking
        .map(|(name, why)| format!("{name} {why}"))
        .collect();
    if blocking.is_empty() {
        return Ok(());
    }
    Err((
        "refused",
        format!("{to} is not allowed: {}", blocking.join(", ")),
    ))
}

/// Room for the disks: on the storages they go to, as far as the token sees them.
fn space(pve: &Pve, step: &Step, to: &str) -> Result<(), Refusal> {
    if !step.local_disks || step.bytes == 0 {
        return Ok(());
    }
    let Ok(rows) = pve.get::<Vec<Value>>(&format!("/nodes/{to}/storage?enabled=1")) else {
        return Ok(());
    };
    let targets: Vec<&str> = step.targetstorage.values().map(String::as_str).collect();
    for row in rows {
        let storage = row["storage"].as_str().unwrap_or_default();
        let free = row["avail"].as_u64();
        if targets.contains(&storage)
            && let Some(free) = free.filter(|free| *free < step.bytes)
        {
            return Err((
                "no-space",
                format!(
                    "{storage} on {to} has {free} bytes free, {} are to be copied",
                    step.bytes
                ),
            ));
        }
    }
    Ok(())
}
