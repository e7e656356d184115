//! Each kind of fault once, with a run that is killed at each line of its journal.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::{
    kills::{FAST, kill_at, settled},
    sim::{Sim, cluster, container, four_at_once, machine, step, with},
};

/// A guest, what goes wrong with its move, and the line at which its run is killed.
struct Kill {
    name: &'static str,
    guest: Value,
    fault: Value,
    /// Members of the plan's step.
    step: Value,
    line: usize,
}

/// Each kind of fault once, with every line that a journal of it could have.
fn kinds() -> Vec<Kill> {
    let ct = || container(100, "a");
    let large = || {
        with(
            ct(),
            json!({"config": {"rootfs": "thin:vm-100-disk-0,size=200G"}}),
        )
    };
    let vm = || machine(100, "a");
    let reply = |verb: &str, more: Value| {
        with(
            json!({"fault": "reply", "match": format!("POST *{verb}"), "acts": true}),
            more,
        )
    };
    let power = || json!({"fault": "node-down", "node": "b", "when": {"task": "vzmigrate", "phase": "copying"}});
    let flap = || {
        let lost =
            json!({"fault": "no-quorum", "when": {"task": "vzmigrate", "phase": "shutdown"}});
        json!([lost, {"fault": "quorum", "when": {"at": 200}}])
    };
    let shutdown = || json!({"action": "shutdown"});
    #[rustfmt::skip]
    let kinds = [
        ("nothing goes wrong",             ct(), json!([]), json!({})),
        ("the answer is lost",             ct(), json!([reply("migrate", json!({}))]), json!({})),
        ("a gateway answers 504",          ct(), json!([reply("migrate", json!({"status": 504, "form": "html"}))]), json!({})),
        ("the worker is not heard of",     ct(), json!([{"fault": "no-worker", "match": "POST *migrate"}]), json!({})),
        ("it does not start there",        ct(), json!([{"fault": "start-fails", "node": "b", "times": 9}]), json!({})),
        ("the copy fails",                 ct(), json!([{"fault": "copy-fails"}]), json!({})),
        ("the worker dies in the copy",    ct(), json!([{"fault": "dies-copy"}]), json!({})),
        ("the worker dies before it",      ct(), json!([{"fault": "dies-shutdown"}]), json!({})),
        ("the target loses its power",     large(), json!([power()]), json!({})),
        ("the same, and the start is cut", large(), json!([power(), {"fault": "start-cut"}]), json!({})),
        ("quorum is lost for a while",     ct(), flap(), json!({})),
        ("a VM is left paused",            vm(), json!([{"fault": "resume-fails"}]), json!({})),
        ("a live migration fails",         vm(), json!([{"fault": "live-fails"}]), json!({})),
        ("a shutdown's answer is lost",    vm(), json!([reply("shutdown", json!({"status": 502, "form": "html"}))]), shutdown()),
        ("a move of what was shut down",   vm(), json!([{"fault": "copy-fails"}]), shutdown()),
    ];
    let kinds = kinds.into_iter().flat_map(|(name, guest, fault, step)| {
        (1..=8).map(move |line| Kill {
            name,
            guest: guest.clone(),
            fault: fault.clone(),
            step: step.clone(),
            line,
        })
    });
    kinds.collect()
}

#[test]
fn killed_at_every_line_of_the_journal() {
    let killed = AtomicUsize::new(0);
    let kinds = kinds();
    four_at_once(
        &kinds,
        |kill| format!("{}, line {}", kill.name, kill.line),
        |kill| {
            let scenario = with(
                cluster(std::slice::from_ref(&kill.guest)),
                json!({"faults": kill.fault}),
            );
            let sim = Sim::at_speed(&scenario, FAST);
            let plan = [with(step(&kill.guest, "b"), kill.step.clone())];
            let cut = kill_at(&sim, sim.begin(&plan, &[]), kill.line);
            killed.fetch_add(usize::from(cut), Ordering::Relaxed);
            let ran = sim.run(&plan);
            let said = format!("{}, line {}: {}", kill.name, kill.line, ran.said);
            assert!([0, 1, 3].contains(&ran.code), "{said}");
            settled(&sim, &plan, &scenario, &ran, &said);
        },
    );
    let killed = killed.into_inner();
    assert!(killed >= kinds.len() / 4, "too few were cut off: {killed}");
}
