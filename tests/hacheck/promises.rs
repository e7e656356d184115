//! What is well now and would not be at the next failover, or is well for the checker alone.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use serde_json::json;

use crate::{
    FAST, Section,
    lab::{Eyes, Lab, Running, User, sh},
    verdict::Verdict,
};

#[rustfmt::skip]
pub const SECTIONS: &[Section] = &[
    ("second_answer_by_proxy_arp", FAST, proxy_arp),
    ("stale_neighbour", FAST, stale_neighbour),
    ("standby_on_its_own_address", FAST, own_address),
    ("recovery_time_that_cannot_be_kept", FAST, too_slow),
    ("flapping_across_restarts", FAST, flapping),
    ("facts_that_are_cut_off", FAST, cut_off),
    ("processes_called_keepalived", FAST, decoys),
];

/// The standby answers for the VIP as a proxy: it takes half of the clients' traffic.
fn proxy_arp(lab: &Lab) {
    lab.check("dns", Eyes::Raw).wants_status("ok");
    let settings = [
        "conf/e10/proxy_arp_pvlan=1",
        "conf/e10/forwarding=1",
        "neigh/e10/proxy_delay=0",
    ];
    for setting in settings {
        let (name, value) = setting.split_once('=').unwrap();
        sh(
            lab,
            "n2",
            &format!("echo {value} >/proc/sys/net/ipv4/{name}"),
        );
    }
    for eyes in [Eyes::Raw, Eyes::Both] {
        lab.check("dns", eyes)
            .wants_status("critical")
            .wants("second-answer", "critical", &["arp"])
            .wants_message(
                "second-answer",
                "n2 (02:00:00:00:10:12) answers ARP for 192.168.10.110, too, though n1 (02:00:00:00:10:11) holds it",
            )
            .wants_holder("n1", &["mac", "adverts"]);
    }
}

/// The client has not heard of a failover, and sends to who doesn't hold the VIP.
fn stale_neighbour(lab: &Lab) {
    lab.check("dns", Eyes::Raw).lacks(&["stale-neighbour"]);
    let wrong = "ip neigh replace 192.168.10.110 lladdr 02:00:00:00:10:12 dev e10 nud stale";
    sh(lab, "client", wrong);
    lab.check("dns", Eyes::Raw)
        .wants("stale-neighbour", "warning", &["neighbours"])
        .wants_message(
            "stale-neighbour",
            "this host still had 192.168.10.110 at n2",
        )
        .wants_holder("n1", &["mac", "adverts"]);
    // What was asked and answered has set the checker right, as README says.
    lab.check("dns", Eyes::Raw).wants_status("ok");
    // By facts, when the take-over is so long ago that every host should know of it.
    lab.until("n1 has had it for some seconds", || {
        sh(lab, "client", wrong);
        let verdict = lab.check("dns", Eyes::Facts);
        !verdict.all("stale-neighbour").is_empty()
    });
}

/// A server that binds to what there was at its start: all is well until the VIP comes.
fn own_address(lab: &Lab) {
    let config = "/run/$LAB/n2/dnsmasq.conf".replace("$LAB", &lab.folder_name());
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("bind-dynamic", "bind-interfaces")).unwrap();
    lab.run(&["kill-service", "n2", "dns"]);
    lab.run(&["start-service", "n2", "dns"]);
    let binds_once = |pair: &mut serde_json::Value| pair["probes"][0]["rebinds"] = json!(false);
    lab.until("n2 answers at its own address", || {
        lab.check("dns", Eyes::Facts)
            .all("member-service-down")
            .is_empty()
    });
    for eyes in [Eyes::Facts, Eyes::Both] {
        lab.check_changed("dns", eyes, binds_once)
            .wants_status("warning")
            .wants("standby-not-listening", "warning", &["facts"])
            .wants_message(
                "standby-not-listening",
                "n2: port 53 (udp) is served on 192.168.10.12 only",
            )
            .wants_only(&["holder", "blind", "standby-not-listening"]);
    }
    // A server that binds to all addresses is fine.
    lab.check_changed("caddy", Eyes::Facts, |_| {})
        .wants_status("ok");
    // And so it is.
    lab.run(&["kill-master", "stop"]);
    lab.until_held("dns", "n2");
    let after = lab.check_changed("dns", Eyes::Raw, binds_once);
    after.wants_status("critical");
    assert!(
        !after.all("vip-wrong-source").is_empty() || !after.all("vip-down").is_empty(),
        "{}",
        after.0
    );
}

/// Three adverts of 0.1 s and a skew of 0.06 s, of which only a dump tells.
fn too_slow(lab: &Lab) {
    let look =
        |eyes, rto_s: f64| lab.check_changed("dns", eyes, |pair| pair["rto_s"] = json!(rto_s));
    look(Eyes::Raw, 0.2).wants("rto-unreachable", "warning", &["adverts"]);
    // The master's own priority says how small it is at least.
    look(Eyes::Raw, 0.35).wants_status("ok");
    look(Eyes::RootFacts, 0.35).wants("rto-unreachable", "warning", &[]);
    look(Eyes::RootFacts, 0.4).wants_status("ok");
}

/// Between two checks the VIP goes and comes back, and the daemon that lost it counts anew.
fn flapping(lab: &Lab) {
    let history = lab.path("history");
    fs::write(&history, "").unwrap();
    fs::set_permissions(&history, fs::Permissions::from_mode(0o666)).unwrap();
    fs::set_permissions(lab.path("."), fs::Permissions::from_mode(0o777)).unwrap();
    let remember = ["--history", history.to_str().unwrap()];
    let look = || lab.check_of(&lab.path("pairs.json"), "dns", Eyes::RootFacts, &remember);
    look().lacks(&["flapping"]);
    for turn in 1..=2 {
        lab.run(&["kill-master", "stop"]);
        lab.until_held("dns", "n2");
        lab.run(&["heal"]);
        lab.until_held("dns", "n1");
        let verdict = look();
        // Two changes each time; more than three within an hour are told.
        match turn {
            1 => verdict.lacks(&["flapping"]),
            _ => verdict.wants("flapping", "warning", &["history"]),
        };
    }
}

/// A member whose answer was cut off costs its own facts, and no other pair.
fn cut_off(lab: &Lab) {
    let facts = lab.facts(User::Nobody, &["n1", "n2"]);
    let text = fs::read(&facts[1]).unwrap();
    let half = lab.keep("half", &text[..text.len() / 2]);
    let check = |own: &str, other: &str| {
        let mut command = lab.hacheck("client", User::Nobody);
        command
            .args(["check", "--pairs"])
            .arg(lab.path("pairs.json"));
        command.args(["--pair", "dns", "--facts", own, other]);
        Verdict::of(&command.output().unwrap())
    };
    let (own, other) = (
        format!("n1={}", facts[0].display()),
        format!("n2={}", half.display()),
    );
    check(&own, &other)
        .wants_status("unknown")
        .wants("blind", "unknown", &["facts"])
        .wants_message("blind", "facts of n2")
        .wants_holder("n1", &["facts", "mac", "identity"]);
    // A file that is n1's counts for n1, whatever it has in it.
    let both = [fs::read(&facts[0]).unwrap(), text].concat();
    let both = lab.keep("both", &both);
    let (own, other) = (
        format!("n1={}", both.display()),
        format!("n2={}", facts[1].display()),
    );
    check(&own, &other).wants_message("blind", "facts of n1: 2 records instead of one");
}

/// Anybody may call a process of his keepalived, and stop it.
fn decoys(lab: &Lab) {
    let decoy = lab.path("keepalived");
    fs::copy("/bin/sleep", &decoy).unwrap();
    let mut command = lab.on("n1", User::Nobody, decoy.to_str().unwrap());
    let child = command.arg("1000").stdout(Stdio::null()).spawn().unwrap();
    let child = Running(child);
    thread::sleep(Duration::from_millis(200));
    let stop = Command::new("kill")
        .args(["-STOP", &child.0.id().to_string()])
        .status();
    assert!(stop.unwrap().success());
    let verdict = lab.check("dns", Eyes::RootFacts);
    verdict.wants_status("ok").wants_only(&["holder"]);
    drop(child);
}
