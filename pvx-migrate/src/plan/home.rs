//! What of a journal is to be undone: the guests that a drain moved, and nobody since.

use std::collections::{BTreeSet, HashMap};

use anyhow::anyhow;

use super::{
    origin,
    refusal::{Code, Refusal},
    want::{Only, Want},
};
use crate::{
    cluster::Cluster,
    journal::event::{Event, Phase},
};

/// What to ask for each guest of the journal, in the order in which they first occur.
///
/// # Errors
///
/// The journal is of another cluster.
pub fn wants(cluster: &Cluster<'_>, events: &[Event]) -> anyhow::Result<Vec<Want>> {
    is_of(cluster, events)?;
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

/// The nodes that were drained and of which a guest has not returned.
///
/// # Errors
///
/// The journal is of another cluster.
pub fn drained(cluster: &Cluster<'_>, events: &[Event]) -> anyhow::Result<BTreeSet<String>> {
    is_of(cluster, events)?;
    let last: HashMap<u32, &Event> = events.iter().map(|event| (event.vmid, event)).collect();
    // One whose return failed is as it was after the drain.
    let away = last.into_values().filter(|event| {
        event.phase == Phase::Verified || event.returns && event.phase != Phase::Returned
    });
    let away = away.filter(|event| {
        let guest = cluster.guest(event.vmid);
        guest.is_some_and(|guest| guest.node != event.from)
    });
    Ok(away.map(|event| event.from.clone()).collect())
}

fn is_of(cluster: &Cluster<'_>, events: &[Event]) -> anyhow::Result<()> {
    let own = &cluster.state.cluster.name;
    match events.iter().find(|event| event.cluster != *own) {
        Some(event) => Err(anyhow!(
            "it is of the cluster {:?}, and the state is of {own:?}",
            event.cluster
        )),
        None => Ok(()),
    }
}

fn want(cluster: &Cluster<'_>, event: &Event) -> Option<Want> {
    let Event { vmid, from, to, .. } = event;
    let guest = cluster.guest(*vmid)?;
    let plain = Want {
        vmid: *vmid,
        returns: true,
        ..Want::default()
    };
    let origins = origin::of(guest, event);
    match event.phase {
        Phase::Returned | Phase::Planned => None,
        // Of what failed and is there after all, a task came late or somebody has moved it: it
        // is where this drain wanted it, or where its return has left it.
        Phase::Verified | Phase::Failed if guest.node == *to => Some(Want {
            only: Some(Only {
                nodes: vec![from.clone()],
                because: format!("it goes back to {from}"),
            }),
            storage_map: Some(origin::map(cluster, guest, &origins)),
            origins,
            move_stopped: true,
            ..plain
        }),
        _ if guest.node == *from => None,
        Phase::Verified | Phase::Failed => Some(Want {
            leave: Some(format!(
                "somebody has moved it from {to} to {} since, so it stays",
                guest.node
            )),
            ..plain
        }),
        Phase::Requested | Phase::Task | Phase::Stuck => {
            let what = format!(
                "its move from {from} to {to} has not come to an end; first: pvx-migrate run --journal JOURNAL </dev/null"
            );
            Some(Want {
                blocked: Some(Refusal::new(Code::Unverified, what)),
                ..plain
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{journal::line::parse, plan, plan::policy::Policy, state::State};

    const STATE: &str = r#"{"version":1,"at":"2026-11-22T00:00:00Z","cluster":{"name":"x","pve":"9.1","quorate":true},
        "nodes":[{"node":"a","online":true,"maxmem":9999999999,"pve":"9.1"},{"node":"b","online":true,"maxmem":9999999999,"pve":"9.1"},
            {"node":"c","online":true,"maxmem":9999999999,"pve":"9.1"}],
        "storages":[{"storage":"s","type":"lvmthin","content":["images","rootdir"],"nodes":{"a":{"free":99999999999,"total":1},"b":{"free":99999999999,"total":1}}},
            {"storage":"t","type":"lvmthin","content":["images","rootdir"],"nodes":{"a":{"free":99999999999,"total":1},"b":{"free":99999999999,"total":1}}}],
        "guests":[{"vmid":1,"type":"lxc","name":"one","node":"NODE","status":"STATUS","snapshots":SNAPSHOTS,"config":{"rootfs":"t:vm-1-disk-0,size=1G"}}],
        "ha":{"resources":[],"rules":[]},"replication":[],"tasks":[]}"#;

    fn event(phase: &str, more: &str) -> String {
        format!(
            r#"{{"at":"2026-11-22T00:00:00Z","cluster":"x","vmid":1,"type":"lxc","name":"one","from":"a","to":"b","was_running":true,"phase":"{phase}"{more}}}"#
        ) + "\n"
    }

    fn events(journal: &str) -> Vec<Event> {
        let lines = parse(journal.as_bytes()).unwrap().lines;
        lines.into_iter().map(|line| line.event).collect()
    }

    #[test]
    fn who_goes_home() {
        let verified = event("verified", "");
        let mapped = event("verified", r#","targetstorage":{"s":"t"}"#);
        #[rustfmt::skip]
        let cases: &[(&str, &str, &str, &str, &str, &str)] = &[
            // name, journal, node, status, snapshots, outcome
            ("verified",                        &verified,                                             "b", "running", "[]",    "restart a {}"),
            ("stopped since: stays stopped",    &verified,                                             "b", "stopped", "[]",    "offline a {}"),
            ("to the storage it came from",     &mapped,                                               "b", "running", "[]",    r#"restart a {"t": "s"}"#),
            ("something is against it now",     &verified,                                             "b", "running", r#"["x"]"#, "blocked snapshots {}"),
            ("moved by somebody since",         &verified,                                             "c", "running", "[]",    "leave {}"),
            ("brought home by somebody",        &verified,                                             "a", "running", "[]",    ""),
            ("returned already",                &(verified.clone() + &event("returned", "")),          "a", "running", "[]",    ""),
            ("returned, and moved since",       &(verified.clone() + &event("returned", "")),          "b", "running", "[]",    ""),
            ("drained a second time",           &(event("returned", "") + &verified),                  "b", "running", "[]",    "restart a {}"),
            ("failed, and there after all",     &event("failed", ""),                                  "b", "running", "[]",    "restart a {}"),
            ("its return failed",               &event("failed", r#","returns":true"#),                "b", "running", "[]",    "restart a {}"),
            ("failed, and moved by somebody",   &event("failed", ""),                                  "c", "running", "[]",    "leave {}"),
            ("failed, and not gone",            &event("failed", ""),                                  "a", "running", "[]",    ""),
            ("a person was to act, and there",  &event("stuck", ""),                                   "b", "running", "[]",    "blocked unverified {}"),
            ("requested, and there",            &event("requested", ""),                               "b", "running", "[]",    "blocked unverified {}"),
            ("requested, and not gone",         &event("requested", ""),                               "a", "running", "[]",    ""),
            ("the last line is torn",           &(verified.clone() + r#"{"at":"2026"#),                "b", "running", "[]",    "restart a {}"),
            ("empty",                           "\n",                                                  "b", "running", "[]",    ""),
        ];
        for (name, journal, node, status, snapshots, want) in cases {
            let text = STATE.replace("NODE", node).replace("STATUS", status);
            let state: State = serde_json::from_str(&text.replace("SNAPSHOTS", snapshots)).unwrap();
            let cluster = Cluster::new(&state);
            let wants = wants(&cluster, &events(journal)).unwrap();
            let plan = plan::plan(&cluster, &Policy::default(), &wants, true);
            let words = plan.steps.iter().map(|step| {
                assert!(step.returns, "{name}");
                let action = serde_json::to_value(step.action).unwrap();
                let mut words = vec![action.as_str().unwrap().to_owned()];
                words.extend(step.to.clone());
                words.extend(step.blockers.iter().map(|blocker| blocker.code.clone()));
                words.push(format!("{:?}", step.targetstorage));
                words.join(" ")
            });
            assert_eq!(words.collect::<Vec<_>>().join("; "), *want, "{name}");
        }
    }

    #[test]
    fn which_nodes_are_drained() {
        let verified = event("verified", "");
        #[rustfmt::skip]
        let cases: &[(&str, String, &str, &[&str])] = &[
            ("drained",              verified.clone(),                                     "b", &["a"]),
            ("returned",             verified.clone() + &event("returned", ""),            "a", &[]),
            ("its return failed",    event("failed", r#","returns":true"#),                "b", &["a"]),
            ("it never left",        event("failed", ""),                                  "a", &[]),
            ("brought home by hand", verified.clone(),                                     "a", &[]),
            ("moved on by hand",     verified,                                             "c", &["a"]),
        ];
        for (name, journal, node, want) in cases {
            let text = STATE.replace("NODE", node).replace("STATUS", "running");
            let state: State = serde_json::from_str(&text.replace("SNAPSHOTS", "[]")).unwrap();
            let drained = drained(&Cluster::new(&state), &events(journal)).unwrap();
            assert_eq!(drained.iter().collect::<Vec<_>>(), *want, "{name}");
        }
    }

    #[test]
    fn a_journal_of_another_cluster() {
        let text = STATE.replace("NODE", "b").replace("STATUS", "running");
        let state: State = serde_json::from_str(&text.replace("SNAPSHOTS", "[]")).unwrap();
        let foreign = event("verified", "").replace(r#""x""#, r#""y""#);
        let error = wants(&Cluster::new(&state), &events(&foreign)).unwrap_err();
        assert!(error.to_string().contains(r#""y""#), "{error}");
    }
}
