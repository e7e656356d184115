//! kill -9 at every step: then the same call goes on, the guest is destroyed once, and only then is its address
//! retired.

use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use serde_json::json;

use crate::bed::{Answer, Bed, PAPERLESS};

/// The programs that a run starts: each of them may be its last.
const STEPS: &[&str] = &[
    "readlink",
    "dirname",
    "mktemp",
    "jq",
    "vmid",
    "ipalloc",
    "pvx-migrate",
    "cat",
    "grep",
    "mkdir",
    "flock",
    "mv",
    "tail",
    "rm",
];

/// Puts a program in the place of each, that counts, and at the count `at` kills the whole session.
fn trap(bed: &Bed, at: usize) {
    for step in STEPS {
        let script = format!(
            r#"printf x >>"$folder/count"
[ "$(wc -c <"$folder/count")" -ne {at} ] || {{ echo {step} >"$folder/last"; kill -9 $(ps -o pid= -s $(ps -o sid= -p $$)); }}
exec "$program" "$@""#
        );
        bed.shim(step, &script);
    }
}

fn run(bed: &Bed) -> Answer {
    let mut command = bed.command("setsid");
    command.args([
        "-w",
        "deprovision",
        "--apply",
        "--ipam",
        "ipam",
        "--snapshots",
        "list.json",
        "--stop",
        "paperless",
    ]);
    Answer::of(&command.output().unwrap())
}

fn killed(at: usize, steps: usize) {
    let bed = Bed::new();
    trap(&bed, at);
    run(&bed);
    let step = fs::read_to_string(bed.path("last")).unwrap_or_default();
    let name = format!("step {at} of {steps}, {step}");
    let there = bed.sim.truth()["guests"][PAPERLESS.to_string()] != json!(null);
    assert!(!there || bed.status("192.168.30.50") == "active", "{name}");
    fs::remove_dir_all(bed.path("bin")).unwrap();
    let again = bed.apply(&["paperless"]);
    assert_eq!(
        (again.code, again.codes()),
        (Some(0), vec![""]),
        "{name}: {again:#?}"
    );
    bed.is_done(&name);
    let third = bed.apply(&["paperless"]);
    assert_eq!(third.good()["changed"], false, "{name}");
}

#[test]
fn at_every_step() {
    let bed = Bed::new();
    trap(&bed, 1_000_000);
    run(&bed).good();
    let steps = fs::read(bed.path("count")).unwrap().len();
    assert!(steps > 30, "{steps} steps");
    let next = AtomicUsize::new(1);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at > steps {
                        return;
                    }
                    killed(at, steps);
                }
            });
        }
    });
}
