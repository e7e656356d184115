//! Guests that stay where they are: why, what should be known of them, and whether their
//! node can be called empty of guests that run.

use super::{
    candidate::Candidate,
    policy::Policy,
    record::Blocker,
    refusal::{Code, Refusal},
    want::Want,
};
use crate::{cluster::Cluster, permission, state::Guest};

/// Why a guest is left by policy, if it is.
#[must_use]
pub fn reason(policy: &Policy, guest: &Guest, want: &Want) -> Option<String> {
    if let Some(reason) = &want.leave {
        return Some(reason.clone());
    }
    if want.blocked.is_some() {
        return None;
    }
    if guest.template {
        return Some("a template: nothing runs in it, and clones may rest on it".to_owned());
    }
    let stopped = !guest.is_running() && !guest.is_unknown();
    (stopped && !want.move_stopped && !policy.move_stopped)
        .then(|| "it doesn't run (--stopped move would take it along)".to_owned())
}

/// What should be known of a guest that is left: a lock or an HA error that an earlier move
/// may have left behind, and that nobody has asked its node whether it is off.
#[must_use]
pub fn warnings(
    cluster: &Cluster<'_>,
    policy: &Policy,
    guest: &Guest,
    want: &Want,
) -> Vec<Blocker> {
    if guest.template || want.leave.is_some() {
        return Vec::new();
    }
    let candidate = Candidate::new(cluster, policy, guest, want, Vec::new());
    let told = |refusal: &&Refusal| matches!(refusal.code, Code::Locked | Code::HaError);
    let told = candidate.blockers.iter().filter(told);
    let mut warnings: Vec<Blocker> = told.map(Refusal::blocker).collect();
    if !guest.is_surely_stopped() {
        let what =
            "that it is off is the overview's word, which may be old: its node was not asked";
        warnings.push(Refusal::new(Code::Unseen, what).blocker());
    }
    warnings
}

/// Why `node` may still have guests that run when the plan is done: sentences, none if
/// nothing speaks for it.
#[must_use]
pub fn doubts(cluster: &Cluster<'_>, node: &str, left: &[u32]) -> Vec<String> {
    let state = cluster.state;
    let mut doubts = Vec::new();
    let sees_all = state.permissions.as_ref();
    if !sees_all.is_some_and(|table| permission::has_on_all_guests(table, "VM.Audit")) {
        doubts.push(format!(
            "{node} may have guests that the token cannot see: it lacks VM.Audit on /vms, or on some of them"
        ));
    }
    match &state.hidden {
        None => doubts.push(format!(
            "{node} may have guests that the token cannot see: this state document, of an older version, does not tell; read it anew"
        )),
        Some(hidden) => {
            let there = hidden.iter().filter(|hidden| {
                let elsewhere = |at: &String| at != node;
                !hidden.node.as_ref().is_some_and(elsewhere)
            });
            doubts.extend(there.map(|hidden| {
                let (vmid, by) = (hidden.vmid, &hidden.by);
                let is = if hidden.node.is_some() { "has" } else { "may have" };
                format!("{node} {is} the guest {vmid}, which the token cannot see (by {by}): give it VM.Audit on /vms/{vmid}")
            }));
        }
    }
    let unsure = left.iter().filter(|vmid| {
        let guest = cluster.guest(**vmid);
        guest.is_some_and(|guest| !guest.is_running() && !guest.is_surely_stopped())
    });
    let unsure: Vec<String> = unsure.map(u32::to_string).collect();
    if !unsure.is_empty() {
        doubts.push(format!(
            "{node} may have guests that run: it was not asked whether these are off: {}",
            unsure.join(", ")
        ));
    }
    doubts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::table_fixture::{
        ct, decide, document, outcome, subject, vm, warnings as told, with,
    };
    use serde_json::{Value, json};

    #[test]
    fn what_is_known_of_a_guest_that_stays() {
        let off = |guest: Value, more: Value| {
            let off = json!({"status": "stopped", "current": {"status": "stopped"}});
            with(with(guest, off), more)
        };
        let config = || json!({"rootfs": "share:101/vm-101-disk-0.raw"});
        let error = || {
            vec![(
                "/ha/resources",
                json!([{"sid": "ct:101", "state": "started", "crm_state": "error"}]),
            )]
        };
        #[rustfmt::skip]
        let rows: Vec<(&str, Value, Vec<(&str, Value)>, &str, &str)> = vec![
            ("off, as its node says",     off(ct(config()), json!({})),                          vec![],  "leave", ""),
            ("off by the overview alone", with(ct(config()), json!({"status": "stopped"})),      vec![],  "leave", "unseen"),
            ("a template never runs",     with(ct(config()), json!({"status": "stopped", "template": true})), vec![], "leave", ""),
            ("lock of a broken move",     off(ct(config()), json!({"lock": "migrate"})),         vec![],  "leave", "locked"),
            ("... in its config alone",   off(ct(json!({"lock": "migrate"})), json!({})),        vec![],  "leave", "locked"),
            ("HA has given it up",        off(ct(config()), json!({})),                          error(), "leave", "ha-error"),
            ("a disk that can't move is no matter", off(vm(json!({"hostpci0": "01:00.0"})), json!({})), vec![], "leave", ""),
            ("off in the overview, and runs", with(ct(config()), json!({"status": "stopped", "current": {"status": "running"}})), vec![], "restart node3", ""),
        ];
        for (name, guest, changes, want, codes) in rows {
            let plan = decide(&guest, &changes, &Policy::default());
            let step = subject(&plan);
            assert_eq!(
                (&outcome(step)[..], &told(step)[..]),
                (want, codes),
                "{name}"
            );
        }
    }

    #[test]
    fn when_a_node_is_called_empty() {
        let of = |node: Value| json!([{"vmid": 500, "node": node, "by": "the HA resource ct:500"}]);
        let off = json!({"status": "stopped", "current": {"status": "stopped"}});
        let listed = json!({"status": "stopped"});
        #[rustfmt::skip]
        let rows: Vec<(&str, &Value, Vec<(&str, Value)>, &[&str])> = vec![
            ("all seen, all off",       &off,    vec![("/hidden", json!([]))],                 &[]),
            ("not asked (version 1)",   &off,    vec![],                                       &["does not tell"]),
            ("hidden here",             &off,    vec![("/hidden", of(json!("node2")))],        &["node2 has the guest 500"]),
            ("hidden somewhere",        &off,    vec![("/hidden", of(Value::Null))],           &["node2 may have the guest 500"]),
            ("hidden elsewhere",        &off,    vec![("/hidden", of(json!("node3")))],        &[]),
            ("off by the overview",     &listed, vec![("/hidden", json!([]))],                 &["these are off: 101"]),
            ("the token sees not all",  &off,    vec![("/hidden", json!([])), ("/permissions", json!({"/vms": {"VM.Audit": false}}))], &["it lacks VM.Audit"]),
        ];
        for (name, guest, changes, want) in rows {
            let state = document(guest, &changes);
            let got = doubts(&Cluster::new(&state), "node2", &[101]);
            assert_eq!(got.len(), want.len(), "{name}: {got:?}");
            for (got, want) in got.iter().zip(want) {
                assert!(got.contains(want), "{name}: {got}");
            }
        }
    }
}
