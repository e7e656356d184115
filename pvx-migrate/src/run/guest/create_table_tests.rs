//! The table of [`next`]: every state that a creation can be left in, and the way out of it.

use std::collections::BTreeMap;

use serde_json::json;

use super::{
    config,
    create::next,
    decision::{Finish, Next},
    order::Order,
    seen::{Guest, Id, Past, Seen, Tried},
};
use crate::{
    journal::guest_line::{Call, Deed},
    run::seen::End,
    state::Kind,
};

pub(super) const MARK: &str = "pvx run 0123456789abcdef";

pub(super) fn order(deed: Deed) -> Order {
    Order {
        vmid: 100,
        kind: Kind::Lxc,
        name: "g".into(),
        node: "a".into(),
        cluster: "c".into(),
        deed,
        state_at: "2026-11-22T00:00:10Z".parse().unwrap(),
        params: Vec::new(),
        resize: BTreeMap::new(),
        start: true,
        exists: false,
        stop: true,
        timeout_s: 60,
        purge: None,
        digest: Some("d".into()),
        repair_only: false,
    }
}

/// The guest by its configuration, on a node.
pub(super) fn guest(node: &str, config: serde_json::Value, running: bool) -> Guest {
    Guest {
        running,
        ..config::guest(100, Kind::Lxc, node, &config)
    }
}

pub(super) fn seen(id: Id) -> Seen {
    Seen {
        no_quorum: false,
        node_online: true,
        tasks_known: true,
        task: None,
        id,
    }
}

/// What was asked for once, and how its task ended.
pub(super) fn tried(end: Option<bool>) -> Tried {
    Tried {
        count: 1,
        open: true,
        end: end.map(|ok| End {
            ok,
            reason: "why".into(),
            ..End::default()
        }),
        ..Tried::default()
    }
}

pub(super) fn past<const N: usize>(calls: [(Call, Tried); N]) -> Past {
    let mut past = Past {
        quorum_wait_s: 600.0,
        ..Past::default()
    };
    for (call, tried) in calls {
        let disk = if call == Call::Resize { "scsi0" } else { "" };
        *past.at(call, disk) = tried;
    }
    past
}

pub(super) fn waited(waited_s: f64, past: Past) -> Past {
    Past { waited_s, ..past }
}

pub(super) fn word(next: &Next) -> String {
    match next {
        Next::Wait(_) => "wait".into(),
        Next::Follow(_) => "follow".into(),
        Next::Ask(call, disk) => format!("{call:?} {disk}").trim().to_lowercase(),
        Next::Finish(Finish::Made) => "made".into(),
        Next::Finish(Finish::Exists) => "exists".into(),
        Next::Finish(Finish::Gone) => "gone".into(),
        Next::Finish(Finish::Failed(code, _)) => format!("failed: {code}"),
        Next::Finish(Finish::Stuck(code, _)) => format!("stuck: {code}"),
    }
}

/// A look with a task that runs.
pub(super) fn task(seen: Seen) -> Seen {
    Seen {
        task: Some("UPID".into()),
        ..seen
    }
}

#[test]
fn ways() {
    use Call::{Create, Resize, Start};
    let o = || order(Deed::Create);
    let repair = || Order {
        repair_only: true,
        ..o()
    };
    let existed = || Order {
        exists: true,
        ..o()
    };
    let stays_off = || Order {
        start: false,
        ..o()
    };
    let grows = || Order {
        resize: [("scsi0".to_owned(), "32G".to_owned())].into(),
        ..o()
    };
    let taken =
        |config: serde_json::Value, running: bool| seen(Id::from(guest("a", config, running)));
    let ours = |running: bool| {
        taken(
            json!({"hostname": "g", "description": format!("x\n{MARK}\n")}),
            running,
        )
    };
    let with_disk = |size: &str| {
        taken(
            json!({"hostname": "g", "description": MARK, "scsi0": format!("s:v,size={size}")}),
            false,
        )
    };
    let locked = |lock: &str| {
        taken(
            json!({"hostname": "g", "description": MARK, "lock": lock}),
            false,
        )
    };
    let foreign = || {
        taken(
            json!({"hostname": "g", "description": "pvx run ffffffffffffffff"}),
            true,
        )
    };
    let unmarked = || taken(json!({"hostname": "g", "description": "x"}), true);
    let hand_made = || {
        taken(
            json!({"hostname": "g", "description": "pvx run of mine"}),
            true,
        )
    };
    let other = || taken(json!({"hostname": "h", "description": MARK}), true);
    let nameless = || taken(json!({"lock": "create"}), false);
    let moved = || {
        seen(Id::from(guest(
            "b",
            json!({"hostname": "g", "description": MARK}),
            true,
        )))
    };
    let vm = || {
        seen(Id::from(config::guest(
            100,
            Kind::Qemu,
            "a",
            &json!({"name": "g", "description": MARK}),
        )))
    };
    let silent = || {
        seen(Id::from(Guest {
            reached: false,
            ..guest("a", json!({}), false)
        }))
    };
    let free = || seen(Id::Free);
    let off = || Seen {
        node_online: false,
        ..free()
    };
    let blind = |seen: Seen| Seen {
        tasks_known: false,
        ..seen
    };
    let lost = || Seen {
        no_quorum: true,
        ..free()
    };
    let none = || past([]);
    let asked = || past([(Create, tried(None))]);
    let twice = || {
        past([(
            Create,
            Tried {
                count: 2,
                ..tried(None)
            },
        )])
    };
    let named = || {
        past([(
            Create,
            Tried {
                upid: Some("UPID".into()),
                ..tried(None)
            },
        )])
    };
    let refused = || {
        past([(
            Create,
            Tried {
                count: 1,
                refused: Some("no".into()),
                ..Tried::default()
            },
        )])
    };
    let ended = |ok: bool| past([(Create, tried(Some(ok)))]);
    let ended_named = || {
        past([(
            Create,
            Tried {
                named: true,
                ..tried(Some(true))
            },
        )])
    };
    let resized = |end: Option<bool>| past([(Create, tried(Some(true))), (Resize, tried(end))]);
    let started = |end: Option<bool>| past([(Create, tried(Some(true))), (Start, tried(end))]);
    let start_twice = || {
        past([(
            Start,
            Tried {
                count: 2,
                ..tried(None)
            },
        )])
    };
    let quorum = |past: Past| Past {
        quorum_s: 600.0,
        ..past
    };
    #[rustfmt::skip]
    let rows: &[(&str, Order, Seen, Past, &str)] = &[
        ("not begun",                        o(),         free(),              none(),                  "create"),
        ("its node is off",                  o(),         off(),               none(),                  "failed: node-offline"),
        ("no quorum",                        o(),         lost(),              none(),                  "wait"),
        ("no quorum for long",               o(),         lost(),              quorum(none()),          "failed: no-quorum"),
        ("no quorum for long, asked",        o(),         lost(),              quorum(asked()),         "failed: no-quorum"),
        ("no quorum, its task goes on",      o(),         task(lost()),        quorum(asked()),         "follow"),
        ("was there when planned",           existed(),   free(),              none(),                  "failed: changed"),
        ("only to be ended, never asked",    repair(),    free(),              none(),                  "failed: not-made"),
        ("refused",                          o(),         free(),              refused(),               "failed: refused"),

        ("asked, no task yet",               o(),         free(),              asked(),                 "wait"),
        ("asked, its task runs",             o(),         task(free()),        asked(),                 "follow"),
        ("asked, left no trace",             o(),         free(),              waited(11.0, asked()),   "create"),
        ("twice, left no trace",             o(),         free(),              waited(11.0, twice()),   "failed: not-made"),
        ("no trace, its node is off",        o(),         off(),               waited(11.0, asked()),   "failed: not-made"),
        ("no trace, planned as there",       existed(),   free(),              waited(11.0, asked()),   "failed: not-made"),
        ("no trace, no plan",                repair(),    free(),              waited(11.0, asked()),   "failed: not-made"),
        ("heard, and its task is gone",      o(),         free(),              waited(11.0, named()),   "failed: not-made"),
        ("its node tells no tasks",          o(),         blind(free()),       waited(11.0, asked()),   "wait"),
        ("for long",                         o(),         blind(free()),       waited(121.0, asked()),  "stuck: node-down"),
        ("its task failed",                  o(),         free(),              ended(false),            "failed: not-made"),
        ("made, the list is late",           o(),         free(),              ended(true),             "wait"),
        ("made, and removed by others",      o(),         free(),              waited(31.0, ended(true)), "stuck: gone"),

        ("somebody's, unseen",               o(),         seen(Id::Hidden),    none(),                  "failed: vmid-taken"),
        ("unseen, asked",                    o(),         seen(Id::Hidden),    asked(),                 "wait"),
        ("unseen, its task runs",            o(),         task(seen(Id::Hidden)), asked(),              "follow"),
        ("unseen, no trace of ours",         o(),         seen(Id::Hidden),    waited(61.0, asked()),   "failed: vmid-taken"),
        ("unseen, ours was cut off",         o(),         seen(Id::Hidden),    ended(false),            "stuck: stale-lock"),
        ("unseen for good, made",            o(),         seen(Id::Hidden),    waited(31.0, ended(true)), "stuck: unseen"),

        ("another name",                     o(),         other(),             none(),                  "failed: vmid-taken"),
        ("another name, after ours",         o(),         other(),             asked(),                 "failed: vmid-taken"),
        ("a VM, and a container was meant",  o(),         vm(),                none(),                  "failed: vmid-taken"),
        ("there already",                    o(),         foreign(),           none(),                  "exists"),
        ("there, as planned",                existed(),   foreign(),           none(),                  "exists"),
        ("two at once, the other one won",   o(),         foreign(),           refused(),               "exists"),
        ("the answer was lost, others won",  o(),         foreign(),           asked(),                 "exists"),
        ("others won, and our task is theirs", o(),       foreign(),           ended(true),             "exists"),
        ("made, and others made it again",   o(),         foreign(),           ended_named(),           "stuck: changed"),
        ("made, and its mark is gone",       o(),         unmarked(),          ended(true),             "stuck: changed"),
        ("no run's mark",                    o(),         hand_made(),         ended(true),             "stuck: changed"),
        ("its node does not answer",         o(),         silent(),            none(),                  "wait"),
        ("for long, nothing asked",          o(),         silent(),            waited(121.0, none()),   "failed: node-down"),
        ("for long, asked",                  o(),         silent(),            waited(121.0, asked()),  "stuck: node-down"),

        ("others make it now",               o(),         nameless(),          none(),                  "wait"),
        ("others have left it so",           o(),         nameless(),          waited(61.0, none()),    "failed: vmid-taken"),
        ("others left it so, asked",         o(),         nameless(),          waited(61.0, asked()),   "failed: vmid-taken"),
        ("being made by us",                 o(),         task(nameless()),    asked(),                 "follow"),
        ("the task has just ended",          o(),         nameless(),          ended(false),            "wait"),
        ("its worker was killed",            o(),         nameless(),          waited(21.0, ended(false)), "stuck: stale-lock"),
        ("its worker is not known",          o(),         nameless(),          waited(61.0, named()),   "stuck: stale-lock"),
        ("nor are the tasks",                o(),         blind(nameless()),   waited(61.0, asked()),   "stuck: stale-lock"),

        ("ours, cut off, being made",        o(),         task(locked("create")), asked(),              "follow"),
        ("ours, the lock goes in a moment",  o(),         locked("create"),    ended(true),             "wait"),
        ("ours, the lock stays",             o(),         locked("create"),    waited(21.0, ended(false)), "stuck: stale-lock"),
        ("ours, in a backup",                o(),         locked("backup"),    ended(true),             "wait"),
        ("ours, in a backup for long",       o(),         locked("backup"),    waited(601.0, ended(true)), "stuck: locked"),
        ("a part of it",                     o(),         ours(false),         ended(false),            "stuck: half-made"),
        ("moved since",                      o(),         moved(),             ended(true),             "stuck: elsewhere"),
        ("made, not started",                o(),         ours(false),         ended(true),             "start"),
        ("lost answer, but made",            o(),         ours(false),         asked(),                 "start"),
        ("made by an earlier run",           o(),         ours(false),         none(),                  "start"),
        ("no plan, but begun: goes on",      repair(),    ours(false),         asked(),                 "start"),
        ("made, stays off",                  stays_off(), ours(false),         ended(true),             "made"),
        ("made and started",                 o(),         ours(true),          started(Some(true)),     "made"),
        ("found running",                    o(),         ours(true),          none(),                  "made"),
        ("starting",                         o(),         task(ours(false)),   started(None),           "follow"),
        ("start: no task yet",               o(),         ours(false),         started(None),           "wait"),
        ("start: no trace",                  o(),         ours(false),         waited(11.0, started(None)), "start"),
        ("start: no trace, twice",           o(),         ours(false),         waited(11.0, start_twice()), "failed: start-failed"),
        ("start failed",                     o(),         ours(false),         started(Some(false)),    "failed: start-failed"),
        ("started, the status is late",      o(),         ours(false),         started(Some(true)),     "wait"),
        ("started, and fell down",           o(),         ours(false),         waited(11.0, started(Some(true))), "failed: start-failed"),

        ("its disk is to grow",              grows(),     with_disk("8G"),     ended(true),             "resize scsi0"),
        ("it has grown",                     grows(),     with_disk("32G"),    resized(Some(true)),     "start"),
        ("it is larger still",               grows(),     with_disk("1T"),     none(),                  "start"),
        ("growing",                          grows(),     task(with_disk("8G")), resized(None),         "follow"),
        ("it did not grow",                  grows(),     with_disk("8G"),     resized(Some(false)),    "failed: resize-failed"),
        ("its answer was lost",              grows(),     with_disk("8G"),     waited(11.0, resized(None)), "resize scsi0"),
        ("its size isn't told",              grows(),     ours(false),         resized(Some(true)),     "start"),
        ("a task without an end",            o(),         task(free()),        Past { overdue: true, ..asked() }, "stuck: no-progress"),
    ];
    for (name, order, seen, past, want) in rows {
        assert_eq!(word(&next(order, MARK, seen, past)), *want, "{name}");
    }
}

/// Whatever is seen: a creation is asked for only where the ID is free, and nothing is asked of a guest
/// that does not bear the mark, whatever was asked for before.
#[test]
fn what_is_not_ours_is_not_touched() {
    let guests = [
        json!({"hostname": "g"}),
        json!({"hostname": "g", "description": "pvx run ffffffffffffffff"}),
        json!({"hostname": "h", "description": MARK}),
        json!({"lock": "create"}),
        json!({}),
    ];
    let tries = || [None, Some(None), Some(Some(true)), Some(Some(false))];
    for config in guests {
        for create in tries() {
            for start in tries() {
                let mut past = past([]);
                for (call, end) in [(Call::Create, create), (Call::Start, start)] {
                    if let Some(end) = end {
                        *past.at(call, "") = tried(end);
                    }
                }
                for waited_s in [0.0, 11.0, 31.0, 61.0, 1e6] {
                    let past = waited(waited_s, past.clone());
                    let seen = seen(Id::from(guest("a", config.clone(), false)));
                    let next = next(&order(Deed::Create), MARK, &seen, &past);
                    assert!(
                        !matches!(next, Next::Ask(..)),
                        "{config} {past:?}: {next:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn what_is_left_is_told_with_its_commands() {
    let seen = seen(Id::from(guest("a", json!({"lock": "create"}), false)));
    let past = waited(21.0, past([(Call::Create, tried(Some(false)))]));
    let Next::Finish(Finish::Stuck(_, why)) = next(&order(Deed::Create), MARK, &seen, &past) else {
        panic!("it is stuck");
    };
    assert!(
        why.contains("on a: pct unlock 100 && pct destroy 100"),
        "{why}"
    );
}
