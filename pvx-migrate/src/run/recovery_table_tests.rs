//! The table of [`next`]: every state that a move can be left in, and the way out of it.

use super::{
    decision::{Finish, Next},
    next::next,
    seen::{End, HaSeen, Intent, Past, Seen},
};
use crate::{plan::record::Action, state::Kind};

pub(super) fn intent() -> Intent {
    Intent {
        vmid: 100,
        kind: Kind::Lxc,
        from: "a".into(),
        to: "b".into(),
        was_running: true,
        was_paused: false,
        action: Action::Restart,
        ha: false,
        along: false,
        timeout_s: 60,
        quorum_wait_s: 600,
        repair_only: false,
    }
}

pub(super) fn seen(node: &str, running: bool) -> Seen {
    Seen {
        node: Some(node.into()),
        reached: true,
        running,
        ..Seen::default()
    }
}

pub(super) fn asked() -> Past {
    Past {
        asked: true,
        requests: 1,
        ..Past::default()
    }
}

pub(super) fn ended(ok: bool, told_to_stop: bool) -> Past {
    let reason = "why".into();
    Past {
        end: Some(End {
            ok,
            told_to_stop,
            reason,
            begun: Vec::new(),
        }),
        ..asked()
    }
}

/// What comes next, in a word or two.
pub(super) fn word(next: &Next) -> String {
    match next {
        Next::Wait(_) => "wait".into(),
        Next::Follow(_) => "follow".into(),
        Next::Move => "move".into(),
        Next::Shutdown => "shut down".into(),
        Next::MoveStopped => "move, stopped".into(),
        Next::MoveBack => "move back".into(),
        Next::Start(node) => format!("start on {node}"),
        Next::Resume => "resume".into(),
        Next::Finish(Finish::Arrived) => "arrived".into(),
        Next::Finish(Finish::Stayed(code, _)) => format!("stayed: {code}"),
        Next::Finish(Finish::Help(code, _)) => format!("help: {code}"),
    }
}

#[test]
fn ways() {
    let waited = |seconds: f64, past: Past| Past {
        waited_s: seconds,
        ..past
    };
    let lock = |lock: &str, seen: Seen| Seen {
        lock: Some(lock.into()),
        ..seen
    };
    let task = |seen: Seen| Seen {
        task: Some(("UPID".into(), "vzmigrate".into())),
        ..seen
    };
    let gone = || Seen {
        node: None,
        ..seen("a", true)
    };
    let down = || Seen {
        reached: false,
        ..seen("a", false)
    };
    let paused = |node: &str| Seen {
        paused: true,
        ..seen(node, true)
    };
    let off = || Intent {
        was_running: false,
        action: Action::Offline,
        ..intent()
    };
    let vm = || Intent {
        kind: Kind::Qemu,
        action: Action::Shutdown,
        ..intent()
    };
    let repair = || Intent {
        repair_only: true,
        ..intent()
    };
    let back = |times: u32, past: Past| Past {
        moves_back: times,
        ..past
    };
    let there = |starts: u32| Past {
        starts_there: starts,
        ..asked()
    };
    let here = |starts: u32, past: Past| Past {
        starts_here: starts,
        ..past
    };
    let resumed = |times: u32| Past {
        resumes: times,
        ..asked()
    };
    let shut = |past: Past| Past {
        shutdowns: 1,
        ..past
    };
    let managed = |seen: Seen| Seen {
        ha: Some(HaSeen::default()),
        ..seen
    };
    #[rustfmt::skip]
    let rows: &[(&str, Intent, Seen, Past, &str)] = &[
        ("not begun",                        intent(), seen("a", true),  Past::default(), "move"),
        ("a VM to be shut down",             vm(),     seen("a", true),  Past::default(), "shut down"),
        ("stopped, and was",                 off(),    seen("a", false), Past::default(), "move"),
        ("stopped since the plan",           intent(), seen("a", false), Past::default(), "stayed: changed"),
        ("started since the plan",           off(),    seen("a", true),  Past::default(), "stayed: changed"),
        ("there already",                    intent(), seen("b", true),  Past::default(), "arrived"),
        ("HA has it, unplanned",             intent(), managed(seen("a", true)), Past::default(), "stayed: changed"),
        ("somebody's task",                  intent(), task(seen("a", true)), Past::default(), "follow"),
        ("in no list yet",                   intent(), gone(), Past::default(), "wait"),
        ("in no list",                       intent(), gone(), waited(31.0, Past::default()), "help: gone"),
        ("in no list, no plan",              repair(), gone(), waited(31.0, asked()), "stayed: gone"),
        ("its node is silent",               intent(), down(), asked(), "wait"),
        ("its node is down",                 intent(), down(), waited(121.0, asked()), "help: node-down"),
        ("a backup",                         intent(), lock("backup", seen("a", true)), Past::default(), "wait"),
        ("a long backup",                    intent(), lock("backup", seen("a", true)), waited(601.0, Past::default()), "stayed: locked"),
        ("a long backup, stopped",           intent(), lock("backup", seen("a", false)), waited(601.0, asked()), "help: locked"),
        ("lock migrate, the task just ended",intent(), lock("migrate", seen("a", false)), asked(), "wait"),
        ("lock migrate, no task",            intent(), lock("migrate", seen("a", false)), waited(21.0, asked()), "help: stale-lock"),
        ("lock migrate, runs",               intent(), lock("migrate", seen("a", true)), waited(21.0, asked()), "help: stale-lock"),

        ("requested, no task yet",           intent(), seen("a", true), asked(), "wait"),
        ("requested, left no trace",         intent(), seen("a", true), waited(11.0, asked()), "move"),
        ("twice, left no trace",             intent(), seen("a", true), waited(11.0, Past { requests: 2, ..asked() }), "stayed: not-moved"),
        ("heard, and its task is gone",      intent(), seen("a", true), waited(11.0, Past { named: true, ..asked() }), "stayed: not-moved"),
        ("no trace, no plan",                repair(), seen("a", true), waited(11.0, asked()), "stayed: not-moved"),
        ("no trace, stopped",                intent(), seen("a", false), waited(11.0, asked()), "start on a"),
        ("no trace, no plan, stopped",       repair(), seen("a", false), waited(11.0, asked()), "start on a"),
        ("never asked, no plan, stopped",    repair(), seen("a", false), Past::default(), "start on a"),
        ("never asked, no plan",             repair(), seen("a", true), Past::default(), "stayed: not-moved"),
        ("rolled back",                      intent(), seen("a", true), ended(false, false), "stayed: not-moved"),
        ("did not stop yet",                 intent(), seen("a", true), ended(false, true), "wait"),
        ("never stopped",                    intent(), seen("a", true), waited(301.0, ended(false, true)), "help: did-not-stop"),
        ("stopped after all",                intent(), seen("a", false), ended(false, true), "start on a"),
        ("stopped and started again",        intent(), seen("a", true), here(1, ended(false, true)), "stayed: not-moved"),
        ("does not start again",             intent(), seen("a", false), here(2, ended(false, true)), "help: stopped"),
        ("done, the list is late",           intent(), seen("a", true), ended(true, false), "wait"),
        ("done, but brought back by others", intent(), seen("a", true), waited(31.0, ended(true, false)), "stayed: not-moved"),

        ("arrived",                          intent(), seen("b", true), ended(true, false), "arrived"),
        ("arrived, was stopped",             off(),    seen("b", false), ended(true, false), "arrived"),
        ("PVE's start failed",               intent(), seen("b", false), ended(false, false), "start on b"),
        ("ours, too",                        intent(), seen("b", false), there(1), "move back"),
        ("moved stopped: two starts",        vm(),     seen("b", false), there(1), "start on b"),
        ("moved stopped: both failed",       vm(),     seen("b", false), there(2), "move back"),
        ("moving back, no task yet",         intent(), seen("b", false), back(1, there(1)), "wait"),
        ("moving back left no trace",        intent(), seen("b", false), waited(11.0, back(1, there(1))), "move back"),
        ("moving back, its task is gone",    intent(), seen("b", false), waited(11.0, Past { named: true, ..back(1, there(1)) }), "help: stopped"),
        ("moving back failed",               intent(), seen("b", false), back(1, Past { starts_there: 1, ..ended(false, false) }), "help: stopped"),
        ("is back, stopped",                 intent(), seen("a", false), back(1, asked()), "start on a"),
        ("is back, does not start",          intent(), seen("a", false), here(2, back(1, asked())), "help: stopped"),
        ("is back",                          intent(), seen("a", true), here(1, back(1, asked())), "stayed: start-failed"),
        ("paused there",                     vm(),     paused("b"), asked(), "resume"),
        ("paused there, for good",           vm(),     paused("b"), resumed(2), "help: paused"),
        ("paused here, after ours",          vm(),     paused("a"), asked(), "resume"),
        ("paused here, before",              vm(),     paused("a"), Past::default(), "help: paused"),
        ("elsewhere",                        intent(), seen("c", true), asked(), "stayed: elsewhere"),
        ("elsewhere, stopped",               intent(), seen("c", false), asked(), "help: elsewhere"),
        ("elsewhere, was stopped",           off(),    seen("c", false), asked(), "stayed: elsewhere"),

        ("shut down by us",                  vm(),     seen("a", false), shut(Past::default()), "move, stopped"),
        ("shut down by us, no plan",         Intent { repair_only: true, ..vm() }, seen("a", false), shut(Past::default()), "start on a"),
        ("shutting down",                    vm(),     seen("a", true), shut(Past::default()), "wait"),
        ("does not shut down",               vm(),     seen("a", true), waited(301.0, shut(Past::default())), "help: did-not-stop"),
        ("shut down, the move left no trace",vm(),     seen("a", false), waited(11.0, shut(asked())), "move, stopped"),
        ("shut down, the move failed",       vm(),     seen("a", false), shut(ended(false, false)), "start on a"),
        ("a task without an end",            intent(), task(seen("a", false)), Past { overdue: 2, ..asked() }, "help: no-progress"),
    ];
    for (name, intent, seen, past, want) in rows {
        assert_eq!(word(&next(intent, seen, past)), *want, "{name}");
    }
}

#[test]
fn ways_of_the_ha_manager() {
    let intent = || Intent {
        ha: true,
        action: Action::Ha,
        ..intent()
    };
    let ha = |node: &str, state: &str, seen: Seen| Seen {
        ha: Some(HaSeen {
            node: node.into(),
            state: state.into(),
        }),
        ..seen
    };
    let waited = |seconds: f64| Past {
        waited_s: seconds,
        ..asked()
    };
    let arrived = |past: Past| Past {
        arrived: true,
        ..past
    };
    let named = |past: Past| Past {
        named: true,
        ..past
    };
    let lost = |requests: u32, past: Past| Past {
        requests,
        answer: Some("status 504 and nothing else".into()),
        ..past
    };
    let repair = || Intent {
        repair_only: true,
        ..intent()
    };
    let along = || Intent {
        along: true,
        ..intent()
    };
    #[rustfmt::skip]
    let rows: &[(&str, Intent, Seen, Past, &str)] = &[
        ("not begun",                    intent(), ha("a", "started", seen("a", true)),  Past::default(), "move"),
        ("HA has it no more",            intent(), seen("a", true),  Past::default(), "stayed: changed"),
        ("in error",                     intent(), ha("a", "error", seen("a", true)),    Past::default(), "stayed: ha-error"),
        ("in error, and down",           intent(), ha("a", "error", seen("a", false)),   asked(), "help: ha-error"),
        ("queued",                       intent(), ha("a", "started", seen("a", true)),  asked(), "wait"),
        ("at it",                        intent(), ha("a", "migrate", seen("a", true)),  waited(599.0), "wait"),
        ("at it for ever",               intent(), ha("a", "migrate", seen("a", true)),  waited(601.0), "help: ha-busy"),
        ("a word not known here",        intent(), ha("b", "freeze", seen("b", false)),  waited(601.0), "help: ha-busy"),
        ("refused without a word",       intent(), ha("a", "started", seen("a", true)),  named(waited(61.0)), "stayed: ha-refused"),
        ("not taken, asked once",        intent(), ha("a", "started", seen("a", true)),  waited(61.0), "move"),
        ("not taken, asked twice",       intent(), ha("a", "started", seen("a", true)),  lost(2, waited(61.0)), "stayed: not-moved"),
        ("not taken, cut off, no plan",  repair(), ha("a", "started", seen("a", true)),  lost(0, waited(61.0)), "stayed: not-moved"),
        ("along, and stays",             along(),  ha("a", "started", seen("a", true)),  waited(61.0), "stayed: ha-refused"),
        ("the move failed",              intent(), ha("a", "started", seen("a", true)),  ended(false, false), "stayed: not-moved"),
        ("down, HA is to start it",      intent(), ha("b", "started", seen("b", false)), asked(), "wait"),
        ("down, HA does not start it",   intent(), ha("b", "started", seen("b", false)), waited(181.0), "help: stopped"),
        ("there, for a moment",          intent(), ha("b", "started", seen("b", true)),  asked(), "wait"),
        ("there, HA thinks otherwise",   intent(), ha("a", "started", seen("b", true)),  arrived(asked()), "wait"),
        ("and goes on to think so",      intent(), ha("a", "started", seen("b", true)),  arrived(waited(601.0)), "help: ha-busy"),
        ("there unasked, never settled", intent(), ha("a", "started", seen("b", true)),  Past { waited_s: 601.0, ..Past::default() }, "help: ha-busy"),
        ("there unasked, and down",      intent(), ha("b", "started", seen("b", false)), Past::default(), "stayed: changed"),
        ("unasked, no plan, and down",   repair(), ha("a", "started", seen("a", false)), Past::default(), "help: stopped"),
        ("there for two rounds",         intent(), ha("b", "started", seen("b", true)),  Past { settled_s: 20.0, ..asked() }, "arrived"),
        ("there, paused",                intent(), ha("b", "started", Seen { paused: true, ..seen("b", true) }), asked(), "resume"),
        ("taken back",                   intent(), ha("a", "started", seen("a", true)),  arrived(asked()), "stayed: ha-moved-back"),
        ("on a third node",              intent(), ha("c", "started", seen("c", true)),  waited(61.0), "stayed: elsewhere"),
    ];
    for (name, intent, seen, past, want) in rows {
        assert_eq!(word(&next(intent, seen, past)), *want, "{name}");
    }
}

/// Whatever is seen, a guest that ran is not given up while it is stopped and its node answers,
/// without a message that says what to do.
#[test]
fn nothing_that_ran_is_given_up_stopped() {
    for node in ["a", "b", "c"] {
        for starts_here in 0..3 {
            for starts_there in 0..3 {
                for moves_back in 0..3 {
                    for end in [
                        None,
                        Some((true, false)),
                        Some((false, false)),
                        Some((false, true)),
                    ] {
                        for action in [Action::Restart, Action::Shutdown, Action::Live] {
                            let past = end.map_or_else(asked, |(ok, told)| ended(ok, told));
                            let past = Past {
                                starts_here,
                                starts_there,
                                moves_back,
                                waited_s: 1e6,
                                ..past
                            };
                            let intent = Intent { action, ..intent() };
                            let next = next(&intent, &seen(node, false), &past);
                            let given_up =
                                matches!(next, Next::Finish(Finish::Arrived | Finish::Stayed(..)));
                            assert!(!given_up, "{node} {past:?}: {next:?}");
                        }
                    }
                }
            }
        }
    }
}
