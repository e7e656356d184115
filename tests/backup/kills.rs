//! kill -9 at every step: whatever is called an archive then is a whole one, and the application runs again, in
//! this run or by the next.

use std::{
    fs,
    process::Stdio,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::SystemTime,
};

use serde_json::json;

use crate::lab::{Answer, Lab, ci, have};

/// The programs that a run starts: each of them may be its last.
const STEPS: &[&str] = &[
    "vmid",
    "jq",
    "stat",
    "flock",
    "timeout",
    "find",
    "sqlite3",
    "tar",
    "gzip",
    "tee",
    "sha256sum",
    "sync",
    "dd",
    "mv",
    "rm",
    "touch",
    "bash",
    "mkdir",
    "prune-tarballs",
    "date",
    "wc",
];

/// Those that read, pack, check and list what is backed up.
const PACKERS: &[&str] = &["find", "sqlite3", "tar", "gzip", "tee", "sha256sum", "wc"];

/// What the shell of a step kills: its whole session, or itself alone, as the kernel does for want of memory.
const SESSION: &str = "$(ps -o pid= -s $(ps -o sid= -p $$))";
const ITSELF: &str = "$$";

/// Puts a program in the place of each of `steps`, that counts, and at the count `at` kills `whom`.
fn trap(lab: &Lab, steps: &[&str], at: usize, whom: &str) {
    for step in steps {
        // It goes on in the folder that it was started in, with the path that it had.
        let shim = format!(
            r#"#!/bin/sh
path=$PATH folder=$(pwd -P)
cd "$LAB" && PATH=/usr/bin:/bin
printf x >>count && n=$(wc -c <count)
[ "$n" -ne {at} ] || {{ echo {step} >last; kill -9 {whom}; }}
cd "$folder" || exit 1
PATH=${{path#*:}}
program=$(command -v {step})
PATH=$path exec "$program" "$@"
"#
        );
        lab.shim(step, &shim);
    }
}

fn count(lab: &Lab) -> usize {
    fs::read(lab.path("count")).map_or(0, |runs| runs.len())
}

/// A lab whose application has a database, and is stopped for its backup.
fn stopped_for_backup() -> Lab {
    let lab = Lab::new();
    let (before, after) = lab.switch();
    lab.bash("sqlite3 data/db 'create table t(x); insert into t values(1)'");
    lab.site(
        &json!({"before": before, "after": after, "keep": "--keep-last 3"}),
        &json!({}),
    );
    lab
}

/// One run that is killed at the step `at` of about `steps`, and the next, which is not.
fn killed(at: usize, steps: usize) {
    let lab = stopped_for_backup();
    trap(&lab, STEPS, at, SESSION);
    let _ = lab
        .command("setsid")
        .args(["-w", "app-backup", "app"])
        .env("LAB", lab.path(""))
        .output()
        .unwrap();
    let step = fs::read_to_string(lab.path("last")).unwrap_or_default();
    fs::remove_dir_all(lab.path("bin")).unwrap();
    for name in lab.archives() {
        let folder = lab.unpack(&name);
        assert_eq!(
            crate::lab::names(&folder),
            ["config.json", "db"],
            "step {at} of {steps}, {step}"
        );
    }
    let answer = lab.app_backup(&["app"]);
    assert!(
        answer.code == Some(0) && lab.runs(),
        "step {at} of {steps}, {step}: {:?} {}",
        answer.records,
        answer.said
    );
    let left = crate::lab::names(&lab.path("state"));
    assert_eq!(left, ["app.lock"], "step {at} of {steps}, {step}");
    let archives = lab.archives();
    lab.unpack(archives.last().unwrap());
}

/// A signal while the archive is written: the run ends, and the application runs again. What is copied is far more than a
/// pipe takes (64 KiB), and does not compress, so that the source waits for its reader when the signal comes.
#[test]
fn a_signal_in_the_middle() {
    let lab = stopped_for_backup();
    lab.bash("head -c 40M /dev/urandom >data/big");
    for signal in ["TERM", "HUP", "INT"] {
        lab.bash("rm -f log");
        let run = lab
            .command("timeout") // a run that hangs is a failure
            .args(["--foreground", "-k", "1", "120"])
            .args([
                "env",
                "--default-signal=INT",
                "bash",
                "-c",
                "echo $$ >pid; exec app-backup app",
            ])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        lab.bash("until [ -s target/BK_app/*.part ]; do sleep 0.05; done 2>/dev/null");
        lab.bash(&format!("kill -{signal} $(cat pid)"));
        let answer = Answer::of(&run.wait_with_output().unwrap());
        answer.is(if signal == "INT" { 130 } else { 143 }, "interrupted");
        assert!(lab.runs() && lab.files().is_empty(), "{signal}");
        assert_eq!(lab.bash("cat log"), "ba", "{signal}");
        assert_eq!(crate::lab::names(&lab.path("state")), ["app.lock"]);
    }
}

/// A signal while the archive gets its name, on a share that is slow: it has it, and is told as a backup.
#[test]
fn a_signal_when_it_gets_its_name() {
    let lab = stopped_for_backup();
    let script = format!(
        "#!/bin/sh\n[ \"$*\" != '-- .' ] || {{ touch {}; sleep 2; }}\nexec /usr/bin/sync \"$@\"\n",
        lab.path("naming").display()
    );
    lab.shim("sync", &script);
    let run = lab.begin(&["app"]);
    let pid = run.id();
    lab.bash(&format!(
        "until [ -e naming ]; do sleep 0.05; done; kill -TERM {pid}; sleep 0.3; kill -TERM {pid}"
    ));
    let answer = Answer::of(&run.wait_with_output().unwrap());
    assert_eq!(answer.code, Some(143), "{}", answer.said);
    let record = &answer.records[0];
    assert_eq!(record["error"], json!(null), "{record}");
    assert!(record["size"].as_u64() > Some(0), "{record}");
    assert!(lab.runs() && lab.archives().len() == 1);
}

/// `after` is not ended half-way by what ends the run.
#[test]
fn a_signal_while_after_runs() {
    let lab = stopped_for_backup();
    let (before, after) = lab.switch();
    let after = format!("echo $$ >../after; sleep 1; {after}");
    lab.site(&json!({"before": before, "after": after}), &json!({}));
    let run = lab.begin(&["app"]);
    lab.bash("until [ -s after ]; do sleep 0.05; done; for signal in TERM HUP INT; do kill -$signal $(cat after) $(ps -o ppid= -p $(cat after)); done");
    Answer::of(&run.wait_with_output().unwrap()).good();
    assert!(lab.runs());
}

/// A signal when the archive is there, and older ones are being removed: it is a backup, and told as one.
#[test]
fn a_signal_when_older_ones_are_removed() {
    let lab = stopped_for_backup();
    let begun = lab.path("pruning");
    let slow = format!("#!/bin/sh\ntouch {}; exec sleep 600\n", begun.display());
    lab.shim("pbsprune", &slow);
    let run = lab.begin(&["app"]);
    lab.bash("until [ -e pruning ]; do sleep 0.05; done");
    lab.bash(&format!("kill -TERM {}", run.id()));
    let answer = Answer::of(&run.wait_with_output().unwrap());
    let record = &answer.records[0];
    assert_eq!(answer.code, Some(143), "{}", answer.said);
    assert_eq!(
        (&record["error"], &record["changed"]),
        (&json!(null), &json!(true))
    );
    assert_eq!(
        (&record["kept"], &record["removed"]),
        (&json!(null), &json!(null))
    );
    let warning = record["warnings"][0].as_str().unwrap();
    assert!(warning.starts_with("interrupted: "), "{record}");
    assert!(lab.runs() && lab.archives().len() == 1);
}

/// The kernel kills a service's own shell for want of memory: there is a record of it all the same.
#[test]
fn a_run_that_is_killed_has_a_record() {
    let lab = Lab::new();
    lab.site(&json!({"before": "touch begun; sleep 2"}), &json!({}));
    let run = lab.begin(&["app"]);
    lab.bash("until [ -e data/begun ]; do sleep 0.05; done");
    lab.bash(&format!("kill -9 $(ps -o pid= --ppid {})", run.id()));
    Answer::of(&run.wait_with_output().unwrap()).is(1, "interrupted");
}

/// The steps of a run that nobody kills.
fn count_steps(steps: &[&str]) -> usize {
    let lab = stopped_for_backup();
    trap(&lab, steps, 1_000_000, SESSION);
    let output = lab
        .command("app-backup")
        .arg("app")
        .env("LAB", lab.path(""))
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    count(&lab)
}

/// `killed` at each of the steps, four at a time. On a user's machine a day takes every second step, and the next day
/// the others.
fn at_each(steps: usize, killed: impl Fn(usize, usize) + Sync) {
    let day = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let day = (day.unwrap().as_secs() / 86_400) as usize;
    let (first, stride) = if ci() { (1, 1) } else { (1 + day % 2, 2) };
    let next = AtomicUsize::new(first);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(stride, Ordering::Relaxed);
                    if at > steps {
                        return;
                    }
                    killed(at, steps);
                }
            });
        }
    });
}

#[test]
fn at_every_step() {
    if !have("at_every_step", &["sqlite3", "setsid", "ps"]) {
        return;
    }
    let steps = count_steps(STEPS);
    assert!(steps > 40, "{steps} steps");
    at_each(steps, killed);
}

/// One program dies, and the rest of the run goes on: what is called an archive then is a whole one all the same.
#[test]
fn one_program_dies() {
    if !have("one_program_dies", &["sqlite3"]) {
        return;
    }
    let steps = count_steps(PACKERS);
    assert!(steps > 15, "{steps} steps");
    at_each(steps, |at, steps| {
        let lab = stopped_for_backup();
        trap(&lab, PACKERS, at, ITSELF);
        let mut command = lab.command("app-backup");
        let answer = Answer::of(
            &command
                .arg("app")
                .env("LAB", lab.path(""))
                .output()
                .unwrap(),
        );
        // Two that start at once may both count the same, and then none is the one that is killed.
        let step = fs::read_to_string(lab.path("last")).unwrap_or_default();
        let what = format!("step {at} of {steps}, {step}: {answer:?}");
        fs::remove_dir_all(lab.path("bin")).unwrap();
        for name in lab.archives() {
            assert_eq!(
                crate::lab::names(&lab.unpack(&name)),
                ["config.json", "db"],
                "{what}"
            );
        }
        if answer.code == Some(0) {
            assert_eq!(lab.archives().len(), 1, "{what}");
            let [record] = &answer.records[..] else {
                panic!("{what}")
            };
            assert_eq!(record["sqlite"], json!(["db"]), "{what}");
        }
        assert!(lab.runs(), "{what}");
    });
}
