//! What to do next with a guest that the HA manager has: nothing but the manager's own word counts,
//! and that only when it stays.

use std::time::Duration;

use vmid::span;

use super::{
    decision::{Finish, Next, REQUESTS, help, stayed},
    seen::{HaSeen, Intent, Past, Seen},
};

/// For the HA manager to take up a request: its rounds are 10 s apart.
const HA_TAKES_S: f64 = 60.0;
/// For the HA manager to start what it has moved, or has given up moving.
const HA_STARTS_S: f64 = 180.0;
/// For the HA manager in a state that it should leave by itself, without any change.
const HA_BUSY_S: f64 = 600.0;
/// Two rounds of the HA manager in which it leaves a guest where it is.
const HA_SETTLED_S: f64 = 20.0;

/// The next thing to do.
pub(super) fn next(intent: &Intent, seen: &Seen, past: &Past, node: &str, ha: &HaSeen) -> Next {
    let (vmid, to) = (intent.vmid, &intent.to);
    let sid = format!("{}:{vmid}", intent.kind.ha_type());
    if ha.state == "error" {
        let why = format!(
            "the HA manager has {sid} in the state error; when the cause is gone: ha-manager set {sid} --state disabled && ha-manager set {sid} --state started"
        );
        return if past.asked || intent.was_running && !seen.running {
            help("ha-error", why)
        } else {
            stayed("ha-error", why)
        };
    }
    let down = intent.was_running && !seen.running;
    let stopped = || {
        help(
            "stopped",
            format!(
                "it ran, is stopped on {node}, and the HA manager does not start it; see: ha-manager status; then: ha-manager set {sid} --state started"
            ),
        )
    };
    if !past.asked {
        return if intent.repair_only && down {
            stopped()
        } else if intent.repair_only {
            stayed("not-moved", "nothing had been asked of the HA manager")
        } else if node != intent.from && !down {
            if node == to {
                settle(past, &sid)
            } else {
                stayed("elsewhere", format!("it is on {node}, and stays there"))
            }
        } else if seen.running != intent.was_running {
            stayed(
                "changed",
                "its state is not that of the plan any more; nothing was done",
            )
        } else {
            Next::Move
        };
    }
    if ha.state != "started" && ha.state != "stopped" {
        let at_it = format!("has {sid} in the state {:?}", ha.state);
        return busy(past, "the HA manager is at it", &sid, &at_it);
    }
    if down {
        return if past.waited_s < HA_STARTS_S {
            Next::Wait("the HA manager is to start it")
        } else {
            stopped()
        };
    }
    if seen.paused && intent.was_running {
        return match past.resumes {
            0 | 1 => Next::Resume,
            _ => help(
                "paused",
                format!("it is on {node}, paused, and does not go on; on {node}: qm resume {vmid}"),
            ),
        };
    }
    if node == to && ha.node == *to {
        return settle(past, &sid);
    }
    if node == to {
        let elsewhere = format!("has {sid} on {}, and it is on {to}", ha.node);
        return busy(
            past,
            "the HA manager has yet to see it there",
            &sid,
            &elsewhere,
        );
    }
    if past.waited_s < HA_TAKES_S && !past.arrived && past.end.as_ref().is_none_or(|end| end.ok) {
        return Next::Wait("the HA manager has yet to take it up");
    }
    if past.arrived {
        return stayed(
            "ha-moved-back",
            format!(
                "the HA manager moved it to {to} and away again, to {node}: failback, or a rule prefers {node}"
            ),
        );
    }
    if node != intent.from {
        return stayed(
            "elsewhere",
            format!("the HA manager has it on {node}, where it stays"),
        );
    }
    if let Some(why) = &past.no_stop {
        return stayed(
            "not-moved",
            format!(
                "the HA manager told it to shut down for the move, and it did not stop in its time ({why}); it is on {node} as before"
            ),
        );
    }
    let lost = past.end.is_none() && past.trouble.is_none() && !past.named;
    if lost && past.requests < REQUESTS && !intent.repair_only && !intent.along {
        return Next::Move;
    }
    match (&past.end, &past.trouble) {
        (Some(end), _) if !end.ok => stayed("not-moved", end.reason.clone()),
        (_, Some(why)) => stayed(
            "ha-refused",
            format!("the HA manager did not move it: {why}"),
        ),
        _ if lost && let Some(answer) = &past.answer => stayed(
            "not-moved",
            format!(
                "the move was asked for ({answer}), and the HA manager left no trace of it; it is on {node} as before"
            ),
        ),
        _ => stayed(
            "ha-refused",
            format!(
                "the HA manager did not move it within {} and says no reason: a rule keeps it from {to}, {to} is in maintenance, or the manager is busy",
                span::shown(Duration::from_secs_f64(HA_TAKES_S))
            ),
        ),
    }
}

fn settle(past: &Past, sid: &str) -> Next {
    if past.settled_s >= HA_SETTLED_S {
        Next::Finish(Finish::Arrived)
    } else {
        let until = "until the HA manager has left it there for two rounds";
        busy(past, until, sid, &format!("does not settle {sid}"))
    }
}

/// Waits for the HA manager, as long as something may yet change.
fn busy(past: &Past, until: &'static str, sid: &str, what: &str) -> Next {
    if past.waited_s < HA_BUSY_S {
        return Next::Wait(until);
    }
    let span = span::shown(Duration::from_secs_f64(HA_BUSY_S));
    help(
        "ha-busy",
        format!(
            "the HA manager {what}, without a change for {span}; see: ha-manager status; when {sid} is started there, run again with this journal"
        ),
    )
}
