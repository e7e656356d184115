//! The table of [`next`] for what the cluster itself lacks: quorum, answers, and the words of those
//! that failed. What is told must be doable without what is missing.

use super::{
    decision::{Finish, Next},
    next::next,
    recovery_table_tests::{asked, ended, intent, seen, word},
    seen::{HaSeen, Intent, Past, Seen},
};
use crate::{plan::record::Action, state::Kind};

fn lost(seen: Seen) -> Seen {
    Seen {
        no_quorum: true,
        ..seen
    }
}

/// Waited for quorum as long as one does.
fn waited(past: Past) -> Past {
    Past {
        quorum_s: 600.0,
        ..past
    }
}

#[test]
fn without_quorum() {
    let task = |seen: Seen| Seen {
        task: Some(("UPID".into(), "vzmigrate".into())),
        ..seen
    };
    let lock = |seen: Seen| Seen {
        lock: Some("migrate".into()),
        ..seen
    };
    let refused = |past: Past| Past {
        no_quorum: true,
        ..past
    };
    let silent = || Seen {
        reached: false,
        ..seen("a", false)
    };
    let long = |past: Past| Past {
        waited_s: 1e6,
        ..past
    };
    #[rustfmt::skip]
    let rows: &[(&str, Seen, Past, &str)] = &[
        ("before the first request",      lost(seen("a", true)),  Past::default(), "wait"),
        ("too long before it",            lost(seen("a", true)),  waited(Past::default()), "stayed: no-quorum"),
        ("its task goes on",              task(lost(seen("a", false))), waited(asked()), "follow"),
        ("its task failed, it is down",   lost(seen("a", false)), long(ended(false, false)), "wait"),
        ("and quorum is back",            seen("a", false),       waited(ended(false, false)), "start on a"),
        ("too long, it is down",          lost(seen("a", false)), waited(ended(false, false)), "help: no-quorum"),
        ("too long, it runs",             lost(seen("a", true)),  waited(ended(false, false)), "stayed: no-quorum"),
        ("a lock that can't be removed",  lock(lost(seen("a", false))), long(asked()), "wait"),
        ("its node seems silent",         lost(silent()),         long(asked()), "wait"),
        ("down on the target",            lost(seen("b", false)), long(asked()), "wait"),
        ("there, and well",               lost(seen("b", true)),  asked(), "wait"),
        ("the source alone has none",     seen("a", false),       refused(ended(false, false)), "start on a"),
        ("and has none for long",         seen("a", false),       refused(waited(ended(false, false))), "help: no-quorum"),
        ("nor for the first request",     seen("a", true),        refused(waited(Past::default())), "stayed: no-quorum"),
    ];
    for (name, seen, past, want) in rows {
        let next = next(&intent(), seen, past);
        assert_eq!(word(&next), *want, "{name}");
        if let Next::Finish(Finish::Help(_, why) | Finish::Stayed(_, why)) = &next {
            for needs_quorum in ["pct start", "pct unlock", "qm start", "ha-manager"] {
                assert!(!why.contains(needs_quorum), "{name}: {why}");
            }
        }
    }
}

#[test]
fn requests_that_may_have_been_heard() {
    let vm = || Intent {
        kind: Kind::Qemu,
        action: Action::Shutdown,
        ..intent()
    };
    let answered = |past: Past| Past {
        waited_s: 11.0,
        answer: Some("status 504 and nothing else".into()),
        ..past
    };
    let twice = || Past {
        requests: 2,
        ..asked()
    };
    let shutdowns = |asked_for: u32| Past {
        shutdown_requests: asked_for,
        ..Past::default()
    };
    #[rustfmt::skip]
    let rows: &[(&str, Intent, Seen, Past, &str, &str)] = &[
        ("once",               intent(), seen("a", true),  answered(asked()), "move", ""),
        ("twice",              intent(), seen("a", true),  answered(twice()), "stayed: not-moved", "status 504"),
        ("twice, and stopped", intent(), seen("a", false), answered(twice()), "start on a", ""),
        ("a shutdown, once",   vm(),     seen("a", true),  answered(shutdowns(1)), "shut down", ""),
        ("a shutdown, twice",  vm(),     seen("a", true),  answered(shutdowns(2)), "stayed: not-moved", "status 504"),
    ];
    for (name, intent, seen, past, want, says) in rows {
        let next = next(intent, seen, past);
        assert_eq!(word(&next), *want, "{name}");
        assert!(format!("{next:?}").contains(says), "{name}: {next:?}");
    }
}

#[test]
fn reasons_are_told() {
    let told = |reason: &str| Some(reason.to_owned());
    let managed = |seen: Seen| Seen {
        ha: Some(HaSeen {
            node: "a".into(),
            state: "started".into(),
        }),
        ..seen
    };
    let by_ha = || Intent {
        ha: true,
        action: Action::Ha,
        ..intent()
    };
    let long = |past: Past| Past {
        waited_s: 61.0,
        ..past
    };
    let back = Past {
        moves_back: 1,
        no_start: told("the hookscript is missing"),
        ..asked()
    };
    let down = Past {
        starts_there: 1,
        moves_back: 2,
        no_start: told("the hookscript is missing"),
        ..ended(false, false)
    };
    let no_stop = Past {
        no_stop: told("container did not stop"),
        ..long(asked())
    };
    let refused = Past {
        trouble: told("in negative affinity with ct:301"),
        ..long(asked())
    };
    let hung = Past {
        overdue: 2,
        ..asked()
    };
    let task = |seen: Seen| Seen {
        task: Some((
            "UPID:a:1:2:3:vzmigrate:100:p@pve!t:".into(),
            "vzmigrate".into(),
        )),
        ..seen
    };
    let ended_by_us = Past {
        ended_task: true,
        ..ended(false, false)
    };
    #[rustfmt::skip]
    let rows: &[(&str, Intent, Seen, Past, &str)] = &[
        ("its target was gone",   intent(), seen("a", true),          ended_by_us, "not-moved: b went offline in the middle of the copy, so its task was ended (why)"),
        ("moved back",            intent(), seen("a", true),          back, "start-failed: it did not start on b, and was moved back: the hookscript is missing"),
        ("not moved back",        intent(), seen("b", false),         down, "stopped: it is on b and does not start there (the hookscript is missing), nor could it be moved back; on b: pct start 100"),
        ("hung under HA",         by_ha(),  managed(seen("a", true)), no_stop, "not-moved: the HA manager told it to shut down for the move, and it did not stop in its time (container did not stop); it is on a as before"),
        ("HA's own words",        by_ha(),  managed(seen("a", true)), refused, "ha-refused: the HA manager did not move it: in negative affinity with ct:301"),
        ("a task without an end", intent(), task(seen("a", false)),   hung, "no-progress: UPID:a:1:2:3:vzmigrate:100:p@pve!t: goes on without an end, and its end could leave 100 stopped: see its log; to end it, on a: pvesh delete '/nodes/a/tasks/UPID:a:1:2:3:vzmigrate:100:p@pve!t:'; then run again with this journal, which starts what is stopped"),
    ];
    for (name, intent, seen, past, want) in rows {
        let got = match next(intent, seen, past) {
            Next::Finish(Finish::Help(code, why) | Finish::Stayed(code, why)) => {
                format!("{code}: {why}")
            }
            next => format!("{next:?}"),
        };
        assert_eq!(got, *want, "{name}");
    }
}
