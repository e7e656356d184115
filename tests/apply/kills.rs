//! kill -9 of all that a call has started, and of `pvx-migrate run` alone: the same call then makes one guest, with one
//! address, and nothing is left over.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt as _,
    process::{Output, Stdio},
    time::SystemTime,
};

use serde_json::json;

use crate::{
    bed::{Answer, Bed},
    whole::PAPERLESS,
};

/// The programs that a call starts: each of them may be its last.
const STEPS: &[&str] = &[
    "vmid",
    "ipalloc",
    "pvx-migrate",
    "probe-wire",
    "configure",
    "ssh",
    "ssh-keyscan",
    "arping",
    "flock",
    "sync",
    "mv",
    "jq",
];

/// So many programs are passed over from one that is killed to the next.
const STRIDE: usize = 30;

/// A program in the place of one of these.
fn shim(bed: &Bed, name: &str, text: &str) {
    let folder = bed.path("bin");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(name), text).unwrap();
    fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755)).unwrap();
}

const KILL: &str = "kill -9 $(ps -o pid= -s $(ps -o sid= -p $$))";

/// A call in a session of its own, with what is in the folder bin before all else.
fn call(bed: &Bed, environment: &[(&str, &str)]) -> Output {
    let path = bed.bash("echo $PATH");
    let ipam = bed.word("ipam");
    bed.command("setsid")
        .env("PATH", format!("{}:{path}", bed.word("bin")))
        .env("REST", path)
        .env("LAB", bed.word(""))
        .envs(environment.iter().copied())
        .args([
            "-w",
            "provision",
            "--ipam",
            &ipam,
            "--identity",
            "/mnt/lab/id",
        ])
        .args(PAPERLESS)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .unwrap()
}

/// The same call, without anything in its way: one guest that works, one address, and no task but the one that made it.
fn goes_on(bed: &Bed, what: &str) {
    let _ = fs::remove_dir_all(bed.path("bin"));
    // What was killed has left its children to nobody; they end by themselves, and hold the name's lock till then.
    let mut answer = bed.provision(&PAPERLESS, &[]);
    while answer
        .records
        .first()
        .is_some_and(|record| record["error"]["code"] == "busy")
    {
        answer = bed.provision(&PAPERLESS, &[]);
    }
    let ready = answer.code == Some(0) && answer.records[0]["ready"] == true;
    assert!(ready, "{what}: {answer:?}");
    assert_eq!(
        bed.guests(),
        [(30002, "paperless".into()), (30200, "old".into())],
        "{what}"
    );
    assert_eq!(
        bed.addresses(),
        [("192.168.30.2/24".into(), "paperless".into())],
        "{what}"
    );
    let truth = bed.truth();
    let tasks = truth["tasks"].as_array().unwrap().iter();
    let made = tasks
        .filter(|task| {
            task["upid"]
                .as_str()
                .unwrap_or_default()
                .contains(":vzcreate:30002:")
        })
        .count();
    assert_eq!((made, &truth["leftovers"]), (1, &json!([])), "{what}");
    assert_eq!(bed.ssh("192.168.30.2", "hostname"), "paperless", "{what}");
}

/// A bed in which a creation takes its time.
fn slow(test: &str) -> Option<Bed> {
    let change = json!({"files": {"local:vztmpl/debian-13.tar.zst": {"seconds": 40}}});
    let bed = Bed::of(test, change)?;
    fs::create_dir(bed.path("bin")).unwrap();
    Some(bed)
}

/// At its turn each program kills the session, or is killed itself.
fn trapped(bed: &Bed, kill: &str) {
    for step in STEPS {
        let text = format!(
            "#!/bin/sh\nexec 9>>\"$LAB/lock\"; /usr/bin/flock 9; printf x >>\"$LAB/count\"; n=$(/usr/bin/wc -c <\"$LAB/count\"); exec 9>&-\n[ \"$n\" -ne \"$AT\" ] || {{ echo {step} \"$@\" >\"$LAB/last\"; {kill}; }}\nPATH=$REST exec {step} \"$@\"\n"
        );
        shim(bed, step, &text);
    }
}

/// The session is killed at the start of each program, or that program alone: then what was said is so.
#[test]
fn at_every_program() {
    let Some(bed) = slow("at_every_program") else {
        return;
    };
    trapped(&bed, KILL);
    let whole = Answer::of(&call(&bed, &[("AT", "1000000")]));
    whole.good();
    let steps = fs::read(bed.path("count")).unwrap().len();
    assert!(steps > 60, "{steps} steps");
    drop(bed);
    // A day takes some of them, and the next day others.
    let day = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let day = (day.unwrap().as_secs() / 86_400) as usize;
    let (first, stride) = match env::var("APPLY_KILLS").as_deref() {
        Ok("all") => (1, 1),
        _ => (1 + day % STRIDE, STRIDE),
    };
    for at in (first..=steps).step_by(stride) {
        for (whose, kill) in [("the session", KILL), ("it alone", "kill -9 $$")] {
            let bed = slow("at_every_program").unwrap();
            trapped(&bed, kill);
            let output = call(&bed, &[("AT", &at.to_string())]);
            let last = fs::read_to_string(bed.path("last")).unwrap_or_default();
            let answer = Answer::of(&output);
            let what = format!(
                "{whose} was killed at {at} of {steps}, {}: {answer:?}",
                last.trim()
            );
            if answer.code == Some(0) {
                assert_eq!(answer.records[0]["ready"], true, "{what}");
                assert_eq!(bed.ssh("192.168.30.2", "hostname"), "paperless", "{what}");
            }
            // A guest has its address, whoever was killed.
            if bed.guests().len() > 1 {
                assert_eq!(bed.addresses().len(), 1, "{what}");
            }
            goes_on(&bed, &what);
        }
    }
}

/// The session, or `run` alone, is killed some time after `run` has begun.
#[test]
fn while_the_guest_is_made() {
    for (what, kill) in [("the session", KILL), ("run", "kill -9 $!")] {
        for after in ["0.05", "0.2", "0.35", "0.6"] {
            let Some(bed) = slow("while_the_guest_is_made") else {
                return;
            };
            let text = format!(
                "#!/bin/bash\nPATH=$REST\n[ \"$1\" = run ] && [ ! -e \"$LAB/killed\" ] || exec pvx-migrate \"$@\"\ntouch \"$LAB/killed\"\npvx-migrate \"$@\" <&0 &\nsleep {after}\n{kill}\nwait $!\n"
            );
            shim(&bed, "pvx-migrate", &text);
            let output = call(&bed, &[]);
            let said = String::from_utf8_lossy(&output.stderr);
            if what == "run" && output.status.code() == Some(1) {
                let record = &Answer::of(&output).records[0];
                assert_eq!(record["error"]["code"], "cut-off", "{record}");
                assert!(record["go_on"].is_string(), "{record}");
            }
            goes_on(&bed, &format!("{what} was killed after {after} s: {said}"));
        }
    }
}
