//! What of a journal is to be undone: the guests that a drain moved, and nobody since.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context as _, anyhow};

use super::{
    refusal::{Code, Refusal},
    want::{Only, Want},
};
use crate::{
    cluster::Cluster,
    journal::event::{Event, Phase},
};

/// The events of a journal. A last line without its end was not synced, so what it
/// announces was not done: it doesn't count.
///
/// # Errors
///
/// The number of a line that is no event.
pub fn parse(text: &str) -> anyhow::Result<Vec<Event>> {
    let mut events = Vec::new();
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        if line.trim().is_empty() {
            continue;
        }
        match serde_json::from_str(line) {
            Ok(event) => events.push(event),
            Err(_) if !line.ends_with('\n') => break,
            Err(error) => return Err(error).with_context(|| format!("line {number}")),
        }
    }
    Ok(events)
}

/// What to ask for each guest of the journal, in the order in which they first occur.
///
/// # Errors
///
/// The journal is of another cluster.
pub fn wants(cluster: &Cluster<'_>, events: &[Event]) -> anyhow::Result<Vec<Want>> {
    let own = &cluster.state.cluster.name;
    if let Some(event) = events.iter().find(|event| event.cluster != *own) {
        return Err(anyhow!(
            "it is of the cluster {:?}, and the state is of {own:?}",
            event.cluster
        ));
    }
    let mut last: HashMap<u32, &Event> = HashMap::new();
    let mut order = Vec::new();
    for event in events {
        if last.insert(event.vmid, event).is_none() {
            order.push(event.vmid);
        }
    }
    let wants = order.iter().filter_map(|vmid| want(cluster, last[vmid]));
    Ok(wants.collect())
}

fn want(cluster: &Cluster<'_>, event: &Event) -> Option<Want> {
    let Event { vmid, from, to, .. } = event;
    let guest = cluster.guest(*vmid)?;
    let plain = Want {
        vmid: *vmid,
        returns: true,
        ..Want::default()
    };
    match event.phase {
        Phase::Returned => None,
        Phase::Verified if guest.node == *to => Some(Want {
            only: Some(Only {
                nodes: vec![from.clone()],
                because: format!("it goes back to {from}"),
            }),
            storage_map: Some(inverse(&event.targetstorage)),
            move_stopped: true,
            ..plain
        }),
        _ if guest.node == *from => None,
        Phase::Verified => Some(Want {
            leave: Some(format!(
                "somebody has moved it from {to} to {} since, so it stays",
                guest.node
            )),
            ..plain
        }),
        _ => {
            let what = format!(
                "its move from {from} to {to} has not come to an end: 'pvx-migrate run' with this journal goes on"
            );
            Some(Want {
                blocked: Some(Refusal::new(Code::Unverified, what)),
                ..plain
            })
        }
    }
}

fn inverse(map: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    map.iter()
        .map(|(from, to)| (to.clone(), from.clone()))
        .collect()
}
