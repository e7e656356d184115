//! kill -9 at every step: then the same call goes on, the guest is destroyed once, and only then is its address
//! retired.

use std::{
    env, fs,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use serde_json::json;

use crate::bed::{Answer, Bed, PAPERLESS, now};

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

/// What is killed.
#[derive(Clone, Copy, Debug)]
enum What {
    /// The whole session, the script first.
    All,
    /// The program alone: the script goes on.
    Alone,
}

/// Puts a program in the place of each, that counts, and kills at the count `at`.
fn trap(bed: &Bed, what: What, at: usize) {
    let kill = match what {
        What::All => {
            "session=$(ps -o sid= -p $$); kill -9 $session; kill -9 $(ps -o pid= -s $session)"
        }
        What::Alone => "kill -9 $$",
    };
    for step in STEPS {
        let script = format!(
            r#"printf x >>"$folder/count"
[ "$(wc -c <"$folder/count")" -ne {at} ] || {{ echo {step} >"$folder/last"; {kill}; }}
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

fn killed(what: What, at: usize, steps: usize) {
    let bed = Bed::new();
    trap(&bed, what, at);
    let first = run(&bed);
    let step = fs::read_to_string(bed.path("last")).unwrap_or_default();
    let name = format!("{what:?}, step {at} of {steps}, {step}");
    let truth = bed.sim.truth();
    if truth["guests"][PAPERLESS.to_string()] != json!(null) {
        let status = bed.status("192.168.30.50");
        assert_eq!(status, "active", "{name}: {first:#?}");
    } else if bed.status("192.168.30.50") == "active" {
        assert_ne!(first.code, Some(0), "{name}: {first:#?}");
    }
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
fn the_whole_at_every_step() {
    at_every_step(What::All);
}

#[test]
fn each_program_alone() {
    at_every_step(What::Alone);
}

fn at_every_step(what: What) {
    let bed = Bed::new();
    trap(&bed, what, 1_000_000);
    run(&bed).good();
    let steps = fs::read(bed.path("count")).unwrap().len();
    assert!(steps > 30, "{steps} steps");
    // On a user's machine a day takes every second step, and the next day the others.
    let ci = env::var("CI").is_ok_and(|ci| ci == "true");
    let day = usize::try_from(now() / 86_400).unwrap();
    let (first, stride) = if ci { (1, 1) } else { (1 + day % 2, 2) };
    let next = AtomicUsize::new(first);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(stride, Ordering::Relaxed);
                    if at > steps {
                        return;
                    }
                    killed(what, at, steps);
                }
            });
        }
    });
}
