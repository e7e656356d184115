//! Twenty failovers, measured by `hacheck watch` and by a capture beside it.

use std::{fs, process::Stdio, thread, time::Duration};

use serde_json::Value;

use crate::{
    FAST, SLOW, Section, capture,
    lab::{self, Eyes, Lab, Running, User},
};

#[rustfmt::skip]
pub const SECTIONS: &[Section] = &[
    ("failover_measured_abrupt", FAST, abrupt),
    ("failover_measured_gentle", FAST, gentle),
    ("failover_measured_by_defaults", SLOW, by_defaults),
    ("failover_that_does_not_come", FAST, none),
];

/// The client's port of the dense questions.
const PORT: u16 = 40_053;

fn abrupt(lab: &Lab) {
    for how in [
        "node", "linkdown", "unplug", "node", "linkdown", "unplug", "node", "linkdown",
    ] {
        let record = run(lab, how, "6s");
        assert_eq!(
            (&record["holder_before"], &record["holder_after"]),
            (&"n1".into(), &"n2".into()),
            "{record}"
        );
    }
}

fn gentle(lab: &Lab) {
    for how in [
        "stop",
        "keepalived",
        "stop",
        "keepalived",
        "stop",
        "keepalived",
        "stop",
        "stop",
    ] {
        let record = run(lab, how, "6s");
        assert_eq!(
            (&record["holder_before"], &record["holder_after"]),
            (&"n1".into(), &"n2".into()),
            "{record}"
        );
    }
}

fn by_defaults(lab: &Lab) {
    for how in ["stop", "node", "linkdown", "stop"] {
        run(lab, how, "12s");
    }
}

/// One failover; the record of the watch, that was found to be true.
fn run(lab: &Lab, how: &str, length: &str) -> Value {
    lab.until_held("dns", "n1");
    // After a cut the client's neighbour table may name the other one for a while.
    lab.until("n1 answers at the VIP", || {
        let verdict = lab.check("dns", Eyes::Client);
        verdict.0["vip_probes"]["dns ha.test A"]["identity"] == "n1"
    });
    let file = lab.path("outage.pcap");
    let _ = fs::remove_file(&file);
    let dump = lab
        .on("client", User::Root, "tcpdump")
        .args(["-Z", "root", "-Uqni", "e10", "-w"])
        .arg(&file)
        .args(["udp", "port", "53"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let dump = Running(dump);
    lab.until("tcpdump listens", || {
        fs::metadata(&file).is_ok_and(|file| file.len() >= 24)
    });
    let responder = concat!(env!("CARGO_MANIFEST_DIR"), "/lab/responder.py");
    let asker = lab
        .on("client", User::Root, lab::python())
        .args([responder, "ask", "192.168.10.110", &PORT.to_string()])
        .spawn()
        .unwrap();
    let asker = Running(asker);
    let watch = lab
        .hacheck("client", User::Nobody)
        .args([
            "watch",
            "--pair",
            "dns",
            "--until-recovered",
            "--for",
            length,
            "--pairs",
        ])
        .arg(lab.path("pairs.json"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Both have seen it well before it goes; at another phase of the adverts each time.
    lab.until("it is asked and answers", || {
        fs::metadata(&file).is_ok_and(|file| file.len() > 60_000)
    });
    thread::sleep(Duration::from_millis(200));
    lab.run(&["kill-master", how]);
    let watched = watch.wait_with_output().unwrap();
    drop(asker);
    thread::sleep(Duration::from_millis(100)); // what tcpdump has still to write
    drop(dump);
    let record: Value = serde_json::from_slice(&watched.stdout).unwrap();
    let (least, most) = capture::outage_us(&fs::read(&file).unwrap(), PORT);
    let said = |at: usize| record["outage_ms"][at].as_u64().map(|ms| ms * 1000);
    assert!(record["recovered"].as_bool().unwrap(), "{how}: {record}");
    assert!(
        said(0) <= Some(most) && said(1) >= Some(least),
        "{how}: the capture says {least} to {most} us: {record}"
    );
    // An interval that says nothing would always be right. A busy machine delays probes, which
    // the watch counts, and answers, which it waits for 300 ms.
    let width = said(1).unwrap() - said(0).unwrap();
    let late = record["late"].as_u64().unwrap() * 10_000;
    assert!(width <= 500_000 + late, "{how}: {record}");
    println!(
        "{how}: watched {} ms, captured [{}, {}] us",
        record["outage_ms"], least, most
    );
    lab.run(&["heal"]);
    lab.until_held("dns", "n1");
    record
}

/// Nobody takes over: it says so, and ends with 1.
fn none(lab: &Lab) {
    lab.run(&["kill-daemon", "n2"]);
    let watch = lab
        .hacheck("client", User::Nobody)
        .args(["watch", "--pair", "dns", "--for", "2s", "--pairs"])
        .arg(lab.path("pairs.json"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    thread::sleep(Duration::from_millis(500));
    lab.run(&["kill-master", "stop"]);
    let watched = watch.wait_with_output().unwrap();
    let record: Value = serde_json::from_slice(&watched.stdout).unwrap();
    assert_eq!(watched.status.code(), Some(1), "{record}");
    assert_eq!(
        (&record["recovered"], &record["outage_ms"][1]),
        (&false.into(), &Value::Null),
        "{record}"
    );
    assert_eq!(record["findings"][0]["code"], "failover-time", "{record}");
}
