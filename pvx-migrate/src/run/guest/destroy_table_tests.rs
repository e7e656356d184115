//! The table of [`next`]: every state that a removal can be left in, and the way out of it.

use serde_json::{Value, json};

use super::{
    config,
    create_table_tests::{guest, order, past, seen, task, tried, waited, word},
    decision::Next,
    destroy::next,
    order::Order,
    seen::{Guest, Id, Past, Seen, Tried},
};
use crate::{
    journal::guest_line::{Call, Deed},
    state::Kind,
};

const MARK: &str = "pvx destroys 0123456789abcdef";

#[test]
fn ways() {
    use Call::{Destroy, Mark, Shutdown};
    let o = || order(Deed::Destroy);
    let repair = || Order {
        repair_only: true,
        ..o()
    };
    let must_be_off = || Order { stop: false, ..o() };
    let taken = |config: Value, running: bool| seen(Id::from(guest("a", config, running)));
    let there = |running: bool| taken(json!({"hostname": "g", "description": "x"}), running);
    let marked = |running: bool| {
        taken(
            json!({"hostname": "g", "description": format!("x\n{MARK}\n")}),
            running,
        )
    };
    let locked = || taken(json!({"hostname": "g", "lock": "backup"}), false);
    let other = || taken(json!({"hostname": "h", "description": MARK}), false);
    let nameless = || taken(json!({"lock": "create"}), false);
    let moved = || seen(Id::from(guest("b", json!({"hostname": "g"}), false)));
    let vm = || {
        seen(Id::from(config::guest(
            100,
            Kind::Qemu,
            "a",
            &json!({"name": "g"}),
        )))
    };
    let silent = || {
        seen(Id::from(Guest {
            reached: false,
            ..guest("a", json!({}), false)
        }))
    };
    let free = || seen(Id::Free);
    let blind = |seen: Seen| Seen {
        tasks_known: false,
        ..seen
    };
    let lost = || Seen {
        no_quorum: true,
        ..there(false)
    };
    let none = || past([]);
    let stop = |end: Option<bool>| past([(Shutdown, tried(end))]);
    let stop_twice = || {
        past([(
            Shutdown,
            Tried {
                count: 2,
                ..tried(None)
            },
        )])
    };
    let no_stop = || {
        past([(
            Shutdown,
            Tried {
                count: 1,
                refused: Some("no".into()),
                ..Tried::default()
            },
        )])
    };
    let mark = |end: Option<bool>| past([(Mark, tried(end))]);
    let mark_twice = || {
        past([(
            Mark,
            Tried {
                count: 2,
                ..tried(None)
            },
        )])
    };
    let no_mark = || {
        past([(
            Mark,
            Tried {
                count: 1,
                refused: Some("no".into()),
                ..Tried::default()
            },
        )])
    };
    let asked = || past([(Destroy, tried(None))]);
    let twice = || {
        past([(
            Destroy,
            Tried {
                count: 2,
                ..tried(None)
            },
        )])
    };
    let named = || {
        past([(
            Destroy,
            Tried {
                upid: Some("UPID".into()),
                ..tried(None)
            },
        )])
    };
    let refused = || {
        past([(
            Destroy,
            Tried {
                count: 1,
                refused: Some("no".into()),
                ..Tried::default()
            },
        )])
    };
    let marked_again = || past([(Destroy, tried(None)), (Mark, tried(Some(true)))]);
    let ended = |ok: bool| past([(Destroy, tried(Some(ok)))]);
    let quorum = |past: Past| Past {
        quorum_s: 600.0,
        ..past
    };
    #[rustfmt::skip]
    let rows: &[(&str, Order, Seen, Past, &str)] = &[
        ("not begun, off",                   o(),           there(false),        none(),                 "mark"),
        ("not begun, running",               o(),           there(true),         none(),                 "shutdown"),
        ("running, to be off",               must_be_off(), there(true),         none(),                 "failed: running"),
        ("gone already",                     o(),           free(),              none(),                 "gone"),
        ("unseen",                           o(),           seen(Id::Hidden),    none(),                 "failed: unseen"),
        ("another name",                     o(),           other(),             none(),                 "failed: changed"),
        ("somebody makes one of that ID",    o(),           nameless(),          none(),                 "failed: changed"),
        ("a VM, and a container was meant",  o(),           vm(),                none(),                 "failed: changed"),
        ("moved since the plan",             o(),           moved(),             none(),                 "failed: changed"),
        ("a backup",                         o(),           locked(),            none(),                 "wait"),
        ("a backup for long",                o(),           locked(),            waited(601.0, none()),  "failed: locked"),
        ("somebody's task",                  o(),           task(there(true)),   none(),                 "follow"),
        ("its node does not answer",         o(),           silent(),            none(),                 "wait"),
        ("for long",                         o(),           silent(),            waited(121.0, none()),  "failed: node-down"),
        ("for long, asked",                  o(),           silent(),            waited(121.0, asked()), "stuck: node-down"),
        ("no quorum",                        o(),           lost(),              none(),                 "wait"),
        ("no quorum for long",               o(),           lost(),              quorum(none()),         "failed: no-quorum"),
        ("no plan",                          repair(),      there(true),         none(),                 "failed: not-destroyed"),

        ("shutting down",                    o(),           task(there(true)),   stop(None),             "follow"),
        ("shutdown: no task yet",            o(),           there(true),         stop(None),             "wait"),
        ("shutdown: no trace",               o(),           there(true),         waited(11.0, stop(None)), "shutdown"),
        ("shutdown: no trace, twice",        o(),           there(true),         waited(11.0, stop_twice()), "failed: did-not-stop"),
        ("did not stop",                     o(),           there(true),         stop(Some(false)),      "failed: did-not-stop"),
        ("the HA manager stops it",          o(),           there(true),         waited(100.0, stop(Some(true))), "wait"),
        ("the HA manager doesn't",           o(),           there(true),         waited(121.0, stop(Some(true))), "failed: did-not-stop"),
        ("must not be shut down",            o(),           there(true),         no_stop(),              "failed: did-not-stop"),
        ("stopped",                          o(),           there(false),        stop(Some(true)),       "mark"),
        ("stopped, no plan",                 repair(),      there(false),        stop(Some(true)),       "failed: not-destroyed"),

        ("marked",                           o(),           marked(false),       mark(Some(true)),       "destroy"),
        ("marked, the run was cut off",      o(),           marked(false),       mark(None),             "mark"),
        ("marked by an earlier try",         o(),           marked(false),       none(),                 "mark"),
        ("marked, the answer lost twice",    o(),           marked(false),       waited(11.0, mark_twice()), "failed: changed"),
        ("marked by it, changed meanwhile",  o(),           marked(false),       no_mark(),              "failed: changed"),
        ("marked, no plan",                  repair(),      marked(false),       mark(Some(true)),       "failed: not-destroyed"),
        ("marked, and started since",        must_be_off(), marked(true),        mark(Some(true)),       "failed: running"),
        ("marked, and renamed since",        o(),           other(),             mark(Some(true)),       "failed: changed"),
        ("the mark's answer was lost",       o(),           there(false),        waited(11.0, mark(None)), "mark"),
        ("twice",                            o(),           there(false),        waited(11.0, mark_twice()), "failed: changed"),
        ("somebody else changed it",         o(),           there(false),        no_mark(),              "failed: changed"),

        ("asked, its task runs",             o(),           task(marked(false)), asked(),                "follow"),
        ("asked, its task runs, ID free",    o(),           task(free()),        asked(),                "follow"),
        ("asked, and gone",                  o(),           free(),              asked(),                "gone"),
        ("asked, gone, no plan",             repair(),      free(),              asked(),                "gone"),
        ("done, the list is late",           o(),           marked(false),       ended(true),            "wait"),
        ("done, and there for good",         o(),           marked(false),       waited(31.0, ended(true)), "stuck: changed"),
        ("its task failed",                  o(),           marked(false),       ended(false),           "failed: not-destroyed"),
        ("its task failed, another was faster", o(),        free(),              ended(false),           "gone"),
        ("refused",                          o(),           marked(false),       refused(),              "failed: refused"),
        ("asked, no task yet",               o(),           marked(false),       asked(),                "wait"),
        ("asked, no trace, marked",          o(),           marked(false),       waited(11.0, asked()),  "mark"),
        ("marked once more",                 o(),           marked(false),       marked_again(),         "destroy"),
        ("marked once more, and it is off",  o(),           there(false),        waited(11.0, marked_again()), "stuck: changed"),
        ("no trace, twice",                  o(),           marked(false),       waited(11.0, twice()),  "failed: not-destroyed"),
        ("no trace, no plan",                repair(),      marked(false),       waited(11.0, asked()),  "failed: not-destroyed"),
        ("no trace, not marked: a new guest", o(),          there(false),        waited(11.0, asked()),  "stuck: changed"),
        ("no trace, started since",          o(),           marked(true),        waited(11.0, asked()),  "failed: changed"),
        ("heard, its task is gone",          o(),           marked(false),       waited(11.0, named()),  "stuck: changed"),
        ("its node tells no tasks",          o(),           blind(marked(false)), waited(11.0, asked()), "wait"),
        ("for long",                         o(),           blind(marked(false)), waited(121.0, asked()), "stuck: node-down"),
        ("done, and a new guest has the ID", o(),           other(),             ended(true),            "gone"),
        ("asked, and a new guest has the ID", o(),          other(),             waited(11.0, asked()),  "stuck: changed"),
        ("asked, one unseen has the ID",     o(),           seen(Id::Hidden),    waited(11.0, asked()),  "stuck: unseen"),
        ("a task without an end",            o(),           task(marked(false)), Past { overdue: true, ..asked() }, "stuck: no-progress"),
    ];
    for (name, order, seen, past, want) in rows {
        assert_eq!(word(&next(order, MARK, seen, past)), *want, "{name}");
    }
}

/// Whatever is seen and was done before: nothing is asked of a guest that is not the named one, and a
/// removal only of one that is off, unlocked, and bears this run's mark, written since the last request.
#[test]
fn only_what_was_named_and_marked_is_destroyed() {
    let configs = [
        json!({"hostname": "g"}),
        json!({"hostname": "g", "description": MARK}),
        json!({"hostname": "g", "description": "pvx destroys ffffffffffffffff"}),
        json!({"hostname": "h", "description": MARK}),
        json!({"hostname": "g", "description": MARK, "lock": "backup"}),
        json!({"lock": "create"}),
    ];
    let tries = || [None, Some(None), Some(Some(true)), Some(Some(false))];
    for config in configs {
        for (node, running) in [("a", false), ("a", true), ("b", false)] {
            for (mark, destroy) in tries()
                .into_iter()
                .flat_map(|one| tries().map(|two| (one, two)))
            {
                let mut past = past([]);
                for (call, end) in [(Call::Mark, mark), (Call::Destroy, destroy)] {
                    if let Some(end) = end {
                        *past.at(call, "") = tried(end);
                    }
                }
                for waited_s in [0.0, 11.0, 31.0, 121.0, 1e6] {
                    let past = waited(waited_s, past.clone());
                    let seen = seen(Id::from(guest(node, config.clone(), running)));
                    let next = next(&order(Deed::Destroy), MARK, &seen, &past);
                    let Next::Ask(call, _) = &next else {
                        continue;
                    };
                    let what = format!("{config} on {node} {past:?}: {next:?}");
                    assert!(
                        config["hostname"] == "g" && node == "a" && config["lock"].is_null(),
                        "{what}"
                    );
                    let may = !running && config["description"] == MARK && mark == Some(Some(true));
                    assert!(*call != Call::Destroy || may, "{what}");
                }
            }
        }
    }
}
