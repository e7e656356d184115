//! What a look concludes, and what a run that was told to stop still begins, by what a server on
//! loopback answers.

use std::{sync::atomic::Ordering, time::Duration};

use serde_json::{Value, json};
use vmid::http::Options;

use super::{
    clock::{Clock, Interrupts},
    decision::Next,
    look::{Look, look},
    moving::{Move, Mover},
    progress::Board,
    recovery_table_tests::intent,
};
use crate::{
    journal::line::Line,
    plan::record::Step,
    pve::{Environment, Pve},
    read::test_server::{Answers, serve},
};

const LISTS: [&str; 2] = [
    "/nodes/a/tasks?source=all&limit=50&vmid=100",
    "/nodes/b/tasks?source=all&limit=50&vmid=100",
];

/// A cluster of a, b and c with the container 100 on `node`.
fn cluster(node: &str, lock: Option<&str>, online: [bool; 2], quorate: bool) -> Answers {
    let member = |name: &str, online: bool| json!({"type": "node", "name": name, "online": u8::from(online)});
    let status = json!([{"type": "cluster", "name": "c", "quorate": u8::from(quorate)},
        member("a", online[0]), member("b", online[1]), member("c", true)]);
    let row = json!({"type": "lxc", "vmid": 100, "node": node});
    let mut answers: Answers = [
        ("/cluster/status".to_owned(), status),
        ("/cluster/resources?type=vm".to_owned(), json!([row])),
        (
            format!("/nodes/{node}/lxc/100/status/current"),
            json!({"status": "running", "lock": lock}),
        ),
    ]
    .map(|(path, data)| (path, (200, data)))
    .into();
    for path in LISTS {
        answers.insert(path.to_owned(), (200, json!([])));
    }
    answers
}

fn pve(answers: Answers) -> Pve {
    let environment = Environment {
        endpoint: Some(serve(answers).0),
        token: Some("t@pve!x=s".to_owned()),
        ..Environment::default()
    };
    let options = Options {
        ca_cert: None,
        fingerprint: None,
        insecure: false,
        timeout: Duration::from_secs(30),
        verbose: false,
    };
    Pve::new(&environment, &options).unwrap()
}

#[test]
fn a_list_of_tasks_that_is_not_seen() {
    const UP: [bool; 2] = [true, true];
    const SOURCE_DOWN: [bool; 2] = [false, true];
    #[rustfmt::skip]
    let cases: &[(&str, &str, Option<&str>, [bool; 2], &[usize], bool)] = &[
        // name, node, lock, online, lists not seen, whether anything is concluded
        ("all seen",                          "a", None,            UP,          &[],     true),
        ("here, the source's is not",         "a", None,            UP,          &[0],    false),
        ("here, the target's is not",         "a", None,            UP,          &[1],    true),
        ("locked, the source's is not",       "a", Some("migrate"), UP,          &[0],    false),
        ("there, the source's is not",        "b", None,            UP,          &[0],    true),
        ("there, the target's is not",        "b", None,            UP,          &[1],    false),
        ("there and locked",                  "b", Some("migrate"), UP,          &[0],    false),
        ("there and locked, the source down", "b", Some("migrate"), SOURCE_DOWN, &[0],    true),
        ("HA has it elsewhere, source down",  "c", None,            SOURCE_DOWN, &[0],    true),
    ];
    for (name, node, lock, online, unseen, want) in cases {
        let mut answers = cluster(node, *lock, *online, true);
        for at in *unseen {
            answers.insert(LISTS[*at].to_owned(), (595, json!("no route to host")));
        }
        let Look { seen, .. } = look(&pve(answers), &intent()).unwrap();
        assert_eq!(seen.node.as_deref(), Some(*node), "{name}");
        assert_eq!(seen.reached, *want, "{name}");
    }
}

fn step() -> Step {
    let value = json!({"vmid": 100, "type": "lxc", "name": "g", "from": "a", "to": "b", "after": [],
        "action": "restart", "reason": "", "refused": [], "blockers": [], "downtime_s": 1, "duration_s": 1,
        "estimate": "", "bytes": 0, "was_running": true, "ha": null, "local_disks": false,
        "cluster": "c", "state_at": "2026-11-22T00:00:10Z"});
    serde_json::from_value(value).unwrap()
}

/// What waits when somebody asks to stop is not begun when it could be, nor waited for.
#[test]
fn nothing_new_is_begun() {
    for (name, quorate, lock) in [
        ("it could begin", true, None),
        ("no quorum", false, None),
        ("locked", true, Some("backup")),
    ] {
        let clock = Clock {
            interrupts: Interrupts::default(),
            speed: 1000.0,
        };
        clock.interrupts.0.store(1, Ordering::Relaxed);
        let mover = Mover {
            pve: &pve(cluster("a", lock, [true, true], quorate)),
            journal: None,
            clock: &clock,
            board: &Board::default(),
            quorum_wait: Duration::from_secs(600),
        };
        let report = mover.drive(&step(), None, false).unwrap();
        assert_eq!(report.error.unwrap().0, "not-begun", "{name}");
    }
}

#[test]
fn what_would_begin_and_what_goes_on() {
    let step = step();
    let line = |request: Value| -> Line {
        let value = json!({"at": "2026-11-22T00:00:12Z", "cluster": "c", "vmid": 100, "type": "lxc", "name": "g",
            "from": "a", "to": "b", "was_running": true, "phase": "requested", "request": request});
        serde_json::from_value(value).unwrap()
    };
    let migrate = line(json!({"call": "migrate", "on": "a", "to": "b"}));
    let shutdown = line(json!({"call": "shutdown", "on": "a"}));
    let (moves, waits, starts) = (Next::Move, Next::Wait(""), Next::Start("a".into()));
    #[rustfmt::skip]
    let cases: &[(&str, Option<&Line>, &Next, bool)] = &[
        ("its first request",      None,            &moves,  true),
        ("waits for it",           None,            &waits,  true),
        ("asked for, and again",   Some(&migrate),  &moves,  false),
        ("asked for, and waits",   Some(&migrate),  &waits,  false),
        ("told to shut down",      Some(&shutdown), &moves,  false),
        ("shutting down",          Some(&shutdown), &waits,  false),
        ("stopped",                Some(&migrate),  &starts, false),
    ];
    for (name, last, next, want) in cases {
        let now = jiff::Timestamp::UNIX_EPOCH;
        let wait = Duration::from_secs(600);
        let mut this = Move::new(&step, "b".into(), *last, false, now, wait);
        assert_eq!(this.would_begin(next), *want, "{name}");
        // What an earlier run wrote stays open, too.
        this.past.asked = false;
        let told = ("not-begun", String::new());
        assert!(!this.ends(Some(&told)), "{name}");
    }
}
