//! What fails on the way: a guest that is not gone keeps its address, one that is gone is told as that, and
//! the same call goes on.

use std::{fs, process::Stdio};

use serde_json::{Value, json};

use crate::{
    bed::{Answer, Bed, PAPERLESS, backup, destroyed, paperless, web},
    sim::four_at_once,
};

/// The guest is there, and its address held.
fn is_there(bed: &Bed, name: &str) {
    assert_ne!(
        bed.sim.truth()["guests"][PAPERLESS.to_string()],
        json!(null),
        "{name}"
    );
    assert_eq!(bed.status("192.168.30.50"), "active", "{name}");
}

#[test]
fn a_removal_that_fails() {
    #[rustfmt::skip]
    let all: Vec<(&str, Value, &str)> = vec![
        ("the task fails",   json!([{"fault": "destroy-fails", "vmid": 30050, "exit": "storage 'thin' is disabled"}]), "not-destroyed"),
        ("it is refused",    json!([{"fault": "reply", "match": "DELETE */lxc/30050*", "acts": false, "status": 500, "reason": "no"}]), "refused"),
        ("it does not stop", json!([]), "did-not-stop"),
    ];
    four_at_once(
        &all,
        |one| one.0.to_owned(),
        |(name, faults, code)| {
            let deaf = *code == "did-not-stop";
            let guest = paperless(json!({"deaf": deaf}));
            let bed = Bed::of(&[guest], json!({"faults": faults}));
            let failed = bed.apply(&["paperless"]);
            assert_eq!(
                (failed.code, failed.codes()),
                (Some(1), vec![*code]),
                "{name}: {failed:#?}"
            );
            is_there(&bed, name);
            if deaf {
                bed.sim.fault(&json!({"fault": "stopped", "vmid": 30050}));
            }
            bed.apply(&["paperless"]).good();
            bed.is_done(name);
        },
    );
}

#[test]
fn an_answer_that_is_lost() {
    for acts in [true, false] {
        let faults = json!([{"fault": "reply", "match": "DELETE */lxc/30050*", "acts": acts}]);
        let bed = Bed::of(&[paperless(json!({}))], json!({"faults": faults}));
        bed.apply(&["paperless"]).good();
        bed.is_done(if acts { "the answer" } else { "the request" });
    }
}

#[test]
fn the_api_is_gone_when_it_is_to_be_removed() {
    let bed = Bed::new();
    bed.shim(
        "pvx-migrate",
        r#"[ "$1" != run ] || export PROXMOX_VE_ENDPOINT=http://127.0.0.1:9
exec "$program" "$@""#,
    );
    let failed = bed.apply(&["paperless"]);
    assert_eq!(
        (failed.code, failed.codes()),
        (Some(3), vec!["run"]),
        "{failed:#?}"
    );
    bed.is_untouched("the API is gone");
    bed.unshim("pvx-migrate");
    bed.apply(&["paperless"]).good();
    bed.is_done("it is back");
}

#[test]
fn the_api_goes_away_in_the_middle() {
    // From the request on, everything is lost for longer than is waited for.
    let faults = json!([{"fault": "reply", "match": "*", "acts": false, "times": 100_000,
        "when": {"request": "DELETE */lxc/30050*"}}]);
    let bed = Bed::of(&[paperless(json!({}))], json!({"faults": faults}));
    let failed = bed.apply(&["paperless"]);
    assert_eq!(failed.code, Some(3), "{failed:#?}");
    assert_ne!(failed.codes(), [""], "{failed:#?}");
    assert_eq!(bed.status("192.168.30.50"), "active");
    let down = bed.apply(&["paperless"]);
    assert_eq!(down.code, Some(3), "{down:#?}");
    assert_eq!(bed.status("192.168.30.50"), "active");
    bed.sim
        .fault(&json!({"fault": "reply", "match": "*", "clear": true}));
}

#[test]
fn the_ipam_fails_when_the_guest_is_gone() {
    let bed = Bed::new();
    bed.shim(
        "ipalloc",
        r#"[[ " $* " == *" --dry-run "* ]] || { echo "ipalloc: https://netbox.example: no answer" >&2; exit 3; }
exec "$program" "$@""#,
    );
    let failed = bed.apply(&["paperless"]);
    assert_eq!(
        (failed.code, failed.codes()),
        (Some(3), vec!["address-held"]),
        "{failed:#?}"
    );
    let record = &failed.records[0];
    assert_eq!(
        (&record["destroyed"], &record["retired"], &record["changed"]),
        (&json!(true), &json!(false), &json!(true)),
        "{record}"
    );
    assert_eq!(destroyed(&bed.sim.truth(), PAPERLESS), 1);
    assert_eq!(bed.status("192.168.30.50"), "active");
    bed.unshim("ipalloc");
    let done = bed.bare(&["paperless"]);
    let record = done.good();
    assert_eq!(
        (&record["destroyed"], &record["retired"]),
        (&json!(false), &json!(true))
    );
    bed.is_done("the IPAM is back");
}

#[test]
fn what_remembers_it_cannot_be_told() {
    let bed = Bed::of(&[paperless(json!({}))], of_one_guest());
    bed.shim(
        "vmid",
        r#"[ "$1" != trace ] || { echo "vmid: stdin: record 1: state: a backup job without an id" >&2; exit 2; }
exec "$program" "$@""#,
    );
    let done = bed.apply(&["paperless"]);
    let record = done.good();
    assert_eq!(
        (&record["destroyed"], &record["retired"]),
        (&json!(true), &json!(true)),
        "{record}"
    );
    let unseen = record["unseen"].to_string();
    assert!(unseen.contains("a backup job without an id"), "{record}");
    bed.is_done("it is gone, and the record says so");
}

#[test]
fn its_journal_shows_that_it_is_gone() {
    let bed = Bed::of(&[paperless(json!({}))], of_one_guest());
    bed.shim(
        "ipalloc",
        r#"[[ " $* " == *" --dry-run "* ]] || exit 3; exec "$program" "$@""#,
    );
    let failed = bed.apply(&["paperless"]);
    assert_eq!(
        (failed.code, failed.codes()),
        (Some(3), vec!["address-held"]),
        "{failed:#?}"
    );
    bed.unshim("ipalloc");
    // Of old it shows nothing: the guest may have been made again, unseen by this token.
    let path = bed.path("home/.local/state/pvx/remove-30050.jsonl");
    let journal = fs::read_to_string(&path).unwrap();
    let old = journal.replace(&crate::sim::now()[..10], "2026-01-01");
    fs::write(&path, old).unwrap();
    assert_eq!(bed.bare(&["paperless"]).codes(), ["unseen"]);
    fs::write(&path, journal).unwrap();
    assert_eq!(bed.bare(&["paperless"]).good()["retired"], true);
    bed.is_done("by the journal");
}

/// A token to which other guests are hidden, so that what it doesn't see may be there.
fn of_one_guest() -> Value {
    json!({"rights": {"pvx@pve!drain": {"/": ["Sys.Audit", "Datastore.Audit"], "/vms/30050":
        ["VM.Audit", "VM.Allocate", "VM.PowerMgmt", "VM.Config.Options"]}}})
}

#[test]
fn run_alone_is_killed() {
    let all: Vec<(usize, bool)> = (1..=6)
        .flat_map(|lines| [(lines, true), (lines, false)])
        .collect();
    four_at_once(
        &all,
        |one| format!("{one:?}"),
        |(lines, sees_all)| {
            let rights = if *sees_all { json!({}) } else { of_one_guest() };
            let bed = Bed::of(&[paperless(json!({}))], rights);
            let script = format!(
                r#"[ "$1" = run ] || exec "$program" "$@"
journal=$folder/home/.local/state/pvx/remove-30050.jsonl
"$program" "$@" <&0 & pid=$!
until [ "$(wc -l <"$journal")" -ge {lines} ]; do kill -0 $pid || break; done 2>/dev/null
kill -9 $pid; wait $pid"#
            );
            bed.shim("pvx-migrate", &script);
            let killed = bed.apply(&["paperless"]);
            match (killed.code, &killed.codes()[..]) {
                // The last thing that it did was to print its record.
                (Some(0) | Some(3), [""]) => {}
                (Some(3), ["run"]) => {
                    assert_eq!(bed.status("192.168.30.50"), "active", "line {lines}");
                }
                _ => panic!("line {lines}: {killed:#?}"),
            }
            bed.unshim("pvx-migrate");
            // Of a guest that is shut down nothing shows any more that it is older than its backup: a person says so.
            let again = bed.apply(&["paperless"]);
            if again.code == Some(1) {
                assert_eq!(again.codes(), ["backup-unsure"], "line {lines}: {again:#?}");
                bed.apply(&["--accept-unsure", "paperless"]).good();
            } else {
                again.good();
            }
            bed.is_done(&format!("line {lines}"));
        },
    );
}

#[test]
fn two_at_once() {
    let bed = Bed::of(&[paperless(json!({})), web(json!({}))], json!({}));
    let begin = || {
        let mut command = bed.command("deprovision");
        command.args([
            "--apply",
            "--ipam",
            "ipam",
            "--snapshots",
            "list.json",
            "--stop",
            "paperless",
        ]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let children: Vec<_> = (0..3).map(|_| begin()).collect();
    let mut whole = 0;
    for child in children {
        let answer = Answer::of(&child.wait_with_output().unwrap());
        match answer.codes()[..] {
            [""] => whole += 1,
            ["busy"] => assert_eq!(answer.code, Some(1), "{answer:#?}"),
            _ => panic!("{answer:#?}"),
        }
    }
    assert!(whole > 0);
    bed.is_done("two at once");
}

#[test]
fn a_journal_of_another_cluster_or_none() {
    let bed = Bed::new();
    let folder = bed.path("home/.local/state/pvx");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("remove-30050.jsonl"), "this is no journal\n").unwrap();
    let refused = bed.apply(&["paperless"]);
    assert_eq!(
        (refused.code, refused.codes()),
        (Some(1), vec!["journal"]),
        "{refused:#?}"
    );
    bed.is_untouched("no journal");
    let other = bed.path("elsewhere/own.jsonl");
    let done = bed.apply(&["--journal", other.to_str().unwrap(), "paperless"]);
    done.good();
    assert!(other.exists());
    bed.is_done("a journal of its own");
}

#[test]
fn a_signal_between_two_guests() {
    let bed = Bed::of(&[paperless(json!({})), web(json!({}))], json!({}));
    bed.backups(&[
        backup(json!({})),
        backup(json!({"backup-id": "30051", "comment": "web"})),
    ]);
    // The first guest's removal ends; then nothing new is begun.
    bed.shim(
        "pvx-migrate",
        r#"[ "$1" != run ] || kill -TERM $PPID
exec "$program" "$@""#,
    );
    let cut = bed.apply(&["paperless", "web"]);
    assert_eq!(
        (cut.code, cut.codes()),
        (Some(3), vec!["", "not-begun"]),
        "{cut:#?}"
    );
    bed.is_done("the first");
    assert_eq!(destroyed(&bed.sim.truth(), 30051), 0);
    bed.unshim("pvx-migrate");
    let rest = bed.apply(&["paperless", "web"]);
    assert_eq!(
        (rest.code, rest.codes()),
        (Some(0), vec!["", ""]),
        "{rest:#?}"
    );
    assert_eq!(destroyed(&bed.sim.truth(), 30051), 1);
}
