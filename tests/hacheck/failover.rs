//! Twenty failovers, measured by `hacheck watch` and by a capture beside it.

use std::{
    fs,
    net::Ipv4Addr,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

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
    ("watch_that_is_interrupted", FAST, interrupted),
    ("watch_that_cannot_ask", FAST, unasked),
];

/// What is watched, and how the capture's questions are put: by whom, and to which port.
struct Watched {
    pair: &'static str,
    vip: Ipv4Addr,
    /// Of the client.
    interface: &'static str,
    probe: &'static str,
    asker: [&'static str; 2],
    filter: &'static str,
}

const DNS: Watched = Watched {
    pair: "dns",
    vip: Ipv4Addr::new(192, 168, 10, 110),
    interface: "e10",
    probe: "dns ha.test A",
    asker: ["ask", "40053"],
    filter: "arp or udp port 53",
};
const HTTP: Watched = Watched {
    pair: "caddy",
    vip: Ipv4Addr::new(192, 168, 30, 161),
    interface: "e30",
    probe: "http http://{address}/",
    asker: ["connect", "80"],
    filter: "arp or (tcp port 80 and tcp[tcpflags] & (tcp-syn | tcp-push) != 0)",
};

fn abrupt(lab: &Lab) {
    for (how, what) in [
        ("node", &DNS),
        ("linkdown", &HTTP),
        ("unplug", &DNS),
        ("node", &HTTP),
        ("linkdown", &DNS),
        ("unplug", &HTTP),
        ("node", &DNS),
        ("linkdown", &DNS),
    ] {
        moved(&run(lab, how, what, "6s"));
    }
}

fn gentle(lab: &Lab) {
    for (how, what) in [
        ("stop", &DNS),
        ("keepalived", &HTTP),
        ("stop", &HTTP),
        ("keepalived", &DNS),
        ("stop", &DNS),
        ("keepalived", &DNS),
        ("stop", &HTTP),
        ("stop", &DNS),
    ] {
        moved(&run(lab, how, what, "6s"));
    }
}

fn by_defaults(lab: &Lab) {
    for (how, what) in [
        ("stop", &DNS),
        ("node", &DNS),
        ("linkdown", &HTTP),
        ("stop", &HTTP),
    ] {
        run(lab, how, what, "12s");
    }
}

fn moved(record: &Value) {
    assert_eq!(
        (&record["holder_before"], &record["holder_after"]),
        (&"n1".into(), &"n2".into()),
        "{record}"
    );
}

/// One failover; the record of the watch, that was found to be true.
fn run(lab: &Lab, how: &str, what: &Watched, length: &str) -> Value {
    lab.until_held(what.pair, "n1");
    // After a cut the client's neighbour table may name the other one for a while.
    lab.until("n1 answers at the VIP", || {
        let verdict = lab.check(what.pair, Eyes::Client);
        verdict.0["vip_probes"][what.probe]["identity"] == "n1"
    });
    let file = lab.path("outage.pcap");
    let _ = fs::remove_file(&file);
    let dump = lab
        .on("client", User::Root, "tcpdump")
        .args(["-Z", "root", "-Uqni", what.interface, "-w"])
        .arg(&file)
        .arg(what.filter)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let dump = Running(dump);
    lab.until("tcpdump listens", || {
        fs::metadata(&file).is_ok_and(|file| file.len() >= 24)
    });
    let responder = concat!(env!("CARGO_MANIFEST_DIR"), "/lab/responder.py");
    let [verb, port] = what.asker;
    let asker = lab
        .on("client", User::Root, lab::python())
        .args([responder, verb, &what.vip.to_string(), port])
        .spawn()
        .unwrap();
    let asker = Running(asker);
    let watch = lab
        .hacheck("client", User::Nobody)
        .args(["watch", "--pair", what.pair])
        .args(["--until-recovered", "--for", length, "--pairs"])
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
    let (least, most) = capture::outage_us(&fs::read(&file).unwrap(), what.vip);
    println!(
        "{how}, {}: watched {} ms, captured [{least}, {most}] us",
        what.pair, record["outage_ms"],
    );
    let said = |at: usize| record["outage_ms"][at].as_u64().map(|ms| ms * 1000);
    assert!(record["recovered"].as_bool().unwrap(), "{how}: {record}");
    // All that the truth can be lies within what was said.
    assert!(
        said(0) <= Some(least) && said(1) >= Some(most),
        "{how}: the capture says {least} to {most} us: {record}"
    );
    // An interval that says nothing would always be right. A busy machine delays probes, which
    // the watch counts, and answers, which it waits for 300 ms.
    let width = said(1).unwrap() - said(0).unwrap();
    let late = record["late"].as_u64().unwrap() * 10_000;
    assert!(width <= 350_000 + late, "{how}: {record}");
    lab.run(&["heal"]);
    lab.until_held(what.pair, "n1");
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

/// Ctrl-C is no loss: what was seen so far is told.
fn interrupted(lab: &Lab) {
    for signal in ["-INT", "-TERM"] {
        let watch = lab
            .hacheck("client", User::Nobody)
            .args(["watch", "--pair", "caddy", "--for", "60s", "--pairs"])
            .arg(lab.path("pairs.json"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_secs(1));
        let pid = watch.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status();
        assert!(sent.unwrap().success());
        let watched = watch.wait_with_output().unwrap();
        let record: Value = serde_json::from_slice(&watched.stdout).unwrap();
        assert_eq!(watched.status.code(), Some(0), "{record}");
        assert_eq!(
            (&record["interrupted"], &record["outages"]),
            (&true.into(), &0.into()),
            "{record}"
        );
        let (took, probes) = (&record["took_ms"], &record["probes"]);
        assert!(took.as_u64() < Some(10_000), "{record}");
        assert!(probes.as_u64() > Some(20), "{record}");
    }
}

/// The watcher's own network goes: that is no proof of anything.
fn unasked(lab: &Lab) {
    for (pair, address, interface) in [
        ("caddy", "192.168.30.50/24", "e30"),
        ("dns", "192.168.10.50/24", "e10"),
    ] {
        let watch = lab
            .hacheck("client", User::Nobody)
            .args(["watch", "--pair", pair, "--for", "5s", "--pairs"])
            .arg(lab.path("pairs.json"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_secs(1));
        let mut ip = lab.on("client", User::Root, "ip");
        ip.args(["address", "del", address, "dev", interface]);
        assert!(ip.status().unwrap().success());
        let watched = watch.wait_with_output().unwrap();
        let record: Value = serde_json::from_slice(&watched.stdout).unwrap();
        assert_eq!(record["status"], "unknown", "{record}");
        assert_eq!(watched.status.code(), Some(1), "{record}");
        let message = record["findings"][0]["message"].as_str().unwrap();
        assert!(message.contains("ENETUNREACH"), "{record}");
        let most = record["outage_ms"][1].as_u64();
        assert!(most > Some(500) && most < Some(5000), "{record}");
    }
}
