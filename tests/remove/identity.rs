//! Which guest is meant, and whether it is still the one that was: by its name, the IPAM's ID, the record, a
//! journal and a state of another time or cluster.

use std::{fs, process::Stdio};

use serde_json::{Value, json};

use crate::{
    bed::{Answer, Bed, PAPERLESS, backup, destroyed, now, paperless, web},
    sim::{four_at_once, with},
};

const JOURNAL: &str = "home/.local/state/pvx/remove-30050.jsonl";

fn at_105() -> Value {
    paperless(json!({"vmid": 105, "config": {"rootfs": "thin:vm-105-disk-0,size=2G"}}))
}

/// What an earlier bed's calls left behind.
fn remembers(bed: &Bed, earlier: &Bed) {
    fs::create_dir_all(bed.path("home/.local/state/pvx")).unwrap();
    for end in ["", ".notes"] {
        let name = format!("{JOURNAL}{end}");
        if earlier.path(&name).exists() {
            fs::copy(earlier.path(&name), bed.path(&name)).unwrap();
        }
    }
}

fn refused(bed: &Bed, answer: &Answer, code: &str, name: &str) {
    assert_eq!(
        (answer.code, answer.codes()),
        (Some(1), vec![code]),
        "{name}: {answer:#?}"
    );
    bed.is_untouched(name);
}

#[test]
fn a_name_with_the_domain() {
    for name in [
        "paperless.home.example",
        "Paperless.Home.example.",
        "paperless.",
    ] {
        let bed = Bed::of(&[at_105()], json!({}));
        let other = bed.bare(&["--stop", "--no-backup-needed", name]);
        refused(&bed, &other, "other-id", name);

        let bed = Bed::new();
        assert_eq!(bed.apply(&[name]).good()["retired"], true, "{name}");
        bed.is_done(name);

        let bed = Bed::new();
        let mut plain = bed.command("deprovision");
        let plain = Answer::of(&plain.args(["--ipam", "ipam", name]).output().unwrap());
        assert_eq!(plain.good()["changed"], true, "{name}");
        assert_eq!(bed.status("192.168.30.50"), "deprecated", "{name}");
    }
}

#[test]
fn one_that_the_ipam_has_for_another() {
    let stray = |more| {
        with(
            paperless(json!({"name": "stray", "config": {"hostname": "stray"}})),
            more,
        )
    };
    let guests = [
        ("its ID", stray(json!({}))),
        (
            "its address",
            stray(json!({"vmid": 105, "config": {"rootfs": "thin:vm-105-disk-0,size=2G"}})),
        ),
    ];
    for (name, guest) in guests {
        let bed = Bed::of(&[guest], json!({}));
        let answer = bed.bare(&["--stop", "--no-backup-needed", "stray"]);
        refused(&bed, &answer, "other-owner", name);
    }
}

#[test]
fn a_record_that_says_otherwise() {
    for (name, more) in [
        ("type", json!({"type": "qemu"})),
        ("vlan", json!({"vlan": 40})),
        ("address", json!({"address": "192.168.30.51/24"})),
    ] {
        let bed = Bed::new();
        fs::write(
            bed.path("input"),
            with(json!({"name": "paperless", "node": "c"}), more).to_string(),
        )
        .unwrap();
        let mut command = bed.command("deprovision");
        command.args(["--apply", "--ipam", "ipam", "--stop", "--no-backup-needed"]);
        command.stdin(fs::File::open(bed.path("input")).unwrap());
        let answer = Answer::of(&command.output().unwrap());
        refused(&bed, &answer, "other-guest", name);
    }
}

#[test]
fn one_that_was_made_again() {
    let an_hour_ago = |bed: &Bed| bed.backups(&[backup(json!({"backup-time": now() - 3600}))]);
    // Nor is it known any more of the one that was begun with: its uptime has gone with its shutdown.
    let all = [
        (true, "--snapshots=list.json"),
        (false, "--snapshots=list.json"),
        (true, "--no-backup-needed"),
    ];
    four_at_once(
        &all,
        |one| format!("{one:?}"),
        |(is_the_same, way)| {
            let faults = json!([{"fault": "destroy-fails", "vmid": 30050, "exit": "no"}]);
            let first = Bed::of(
                &[paperless(json!({"uptime": 7200}))],
                json!({"faults": faults}),
            );
            an_hour_ago(&first);
            let failed = first.bare(&["--stop", way, "paperless"]);
            assert_eq!(failed.codes(), ["not-destroyed"], "{failed:#?}");
            let again = Bed::new();
            an_hour_ago(&again);
            remembers(&again, &first);
            let bed = if *is_the_same { &first } else { &again };
            let answer = bed.apply(&["paperless"]);
            assert_eq!(answer.codes(), ["backup-unsure"], "{way}: {answer:#?}");
            assert_eq!(destroyed(&bed.sim.truth(), PAPERLESS), 0, "{way}");
            if *is_the_same {
                bed.apply(&["--accept-unsure", "paperless"]).good();
                bed.is_done(way);
            }
        },
    );
}

#[test]
fn an_address_that_a_journal_gave_back() {
    let first = Bed::new();
    first.apply(&["paperless"]).good();
    // Made again, where this token doesn't see it.
    let hidden = json!({"rights": {"pvx@pve!drain": {"/": ["Sys.Audit", "Datastore.Audit"], "/vms/100": ["VM.Audit"]}}});
    let bed = Bed::of(&[paperless(json!({}))], hidden.clone());
    remembers(&bed, &first);
    refused(&bed, &bed.bare(&["paperless"]), "unseen", "given back");

    let bed = Bed::of(
        &[paperless(json!({}))],
        with(hidden, json!({"cluster": "other"})),
    );
    remembers(&bed, &first);
    for words in [&["-n", "paperless"][..], &["paperless"]] {
        let other = bed.bare(words);
        refused(&bed, &other, "journal", "another cluster's");
        let message = other.records[0]["error"]["message"].as_str().unwrap();
        assert!(
            message.contains("--journal") && message.contains("remove-30050.jsonl"),
            "{message}"
        );
    }
}

#[test]
fn a_state_of_another_time_or_cluster() {
    let state_of = |cluster: &str| {
        let bed = Bed::of(&[web(json!({}))], json!({"cluster": cluster}));
        let mut command = bed.command("pvx-migrate");
        command
            .args(["state", "--content"])
            .output()
            .unwrap()
            .stdout
    };
    let bed = Bed::new();
    let name = bed.sim.truth()["cluster"]
        .as_str()
        .unwrap_or("lab")
        .to_owned();
    for (cluster, want) in [(&name[..], 1), ("other", 2)] {
        fs::write(bed.path("state.json"), state_of(cluster)).unwrap();
        for force in ["--force=false", "--force"] {
            let answer = bed.bare(&["--state", "state.json", "--now", force, "paperless"]);
            assert_eq!(answer.code, Some(want), "{cluster}: {answer:#?}");
            let codes: &[&str] = if want == 1 { &["lives"] } else { &[] };
            assert_eq!(answer.codes(), codes, "{cluster}: {answer:#?}");
            bed.is_untouched(cluster);
        }
    }
}

#[test]
fn a_journal_that_cannot_be_one() {
    let bed = Bed::new();
    for journal in ["/dev/null", ".", "ipam/ip-addresses.csv"] {
        for dry in ["-n", "--dry-run=false"] {
            let answer = bed.apply(&[dry, "--journal", journal, "paperless"]);
            assert!(
                answer.code == Some(2) || answer.codes() == ["journal"],
                "{journal}: {answer:#?}"
            );
            bed.is_untouched(journal);
        }
    }
}

#[test]
fn a_signal_before_the_first() {
    // Whatever is under way when it comes, nothing is begun.
    for step in ["ipalloc", "vmid", "jq"] {
        let bed = Bed::new();
        bed.shim(
            step,
            r#"[ -e "$folder/sent" ] || [[ $PWD == / ]] || { pid=$PPID; case $(tr '\0' ' ' <"/proc/$pid/cmdline") in *--apply*) touch "$folder/sent"; kill -INT "$pid" ;; esac; }
exec "$program" "$@""#,
        );
        let mut command = bed.command("setsid");
        command.args([
            "-w",
            "env",
            "--default-signal=INT",
            "deprovision",
            "--apply",
            "--ipam",
            "ipam",
            "--no-backup-needed",
            "--stop",
            "paperless",
        ]);
        let answer = Answer::of(&command.stderr(Stdio::piped()).output().unwrap());
        assert!(bed.path("sent").exists(), "{step}");
        assert!(
            answer.code != Some(0) && answer.records.is_empty(),
            "{step}: {answer:#?}"
        );
        bed.is_untouched(step);
    }
}
