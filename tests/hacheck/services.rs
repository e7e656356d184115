//! Services that are dead, silent or wrong behind a VIP that is well.

use std::{
    fs,
    time::{Duration, SystemTime},
};

use serde_json::{Value, json};

use crate::{
    FAST, Section,
    lab::{Eyes, Lab, Running, User},
};

#[rustfmt::skip]
pub const SECTIONS: &[Section] = &[
    ("dead_service", FAST, dead),
    ("blackholed_vip", FAST, blackholed),
    ("firewall_that_refuses", FAST, refused),
    ("wrong_function", FAST, wrong),
    ("wrong_source", &[("LAB_VRRP_VERSION", "3"), ("LAB_ADVERT_INT", "0.1"), ("LAB_DNS", "wrong-source")], wrong_source),
    ("certificates_of_12_hours", FAST, certificates),
    ("active_active_drift", FAST, active_active),
    ("stale_files", FAST, stale),
];

const SERVICES: [&str; 3] = ["dns", "caddy", "nfs"];

fn dead(lab: &Lab) {
    for service in SERVICES {
        lab.run(&["kill-service", "n2", service]);
        for eyes in [Eyes::Client, Eyes::Both] {
            let standby = lab.check(service, eyes);
            standby
                .wants("member-service-down", "warning", &["probe"])
                .wants_message("member-service-down", "n2");
            standby.lacks(&["vip-down", "vip-up-holder-dead"]);
        }
        lab.run(&["start-service", "n2", service]);
        lab.run(&["kill-service", "n1", service]);
        lab.until("n2's service is up again", || {
            let verdict = lab.check(service, Eyes::Client);
            !verdict.all("vip-up-holder-dead").is_empty()
        });
        for eyes in [Eyes::Client, Eyes::Facts, Eyes::Raw] {
            let holder = lab.check(service, eyes);
            holder
                .wants_status("critical")
                .wants("vip-up-holder-dead", "critical", &["probe"]);
            holder.wants_message("vip-up-holder-dead", "n1");
        }
        lab.run(&["kill-service", "n2", service]);
        let both = lab.check(service, Eyes::Both);
        both.wants("vip-down", "critical", &["probe"])
            .lacks(&["vip-up-holder-dead", "split-brain"]);
    }
}

fn blackholed(lab: &Lab) {
    lab.run(&["blackhole", "192.168.30.161"]);
    // Its holder answers ARP and at its own address, so the wire is well and the VIP is not.
    for eyes in [Eyes::Client, Eyes::Raw] {
        let verdict = lab.check("caddy", eyes);
        verdict
            .wants_status("critical")
            .wants_one_of(&["vip-down", "vip-wrong-source"], &["probe"]);
    }
    lab.check("dns", Eyes::Raw).wants_status("ok");
}

/// A firewall's "prohibited" comes back as an error that looks like the checker's own.
fn refused(lab: &Lab) {
    let rule = |what: &str| {
        format!("table inet f {{ chain f {{ type filter hook input priority 0; {what}; }}; }}")
    };
    for what in [
        "ip daddr 192.168.10.110 udp dport 53 reject with icmp type net-prohibited",
        "ip daddr 192.168.10.110 udp dport 53 reject with icmp type admin-prohibited",
        "ip daddr 192.168.10.110 udp dport 53 reject with icmp type net-unreachable",
    ] {
        let mut nft = lab.on("n1", User::Root, "nft");
        assert!(nft.arg(rule(what)).status().unwrap().success(), "{what}");
        let accept = ["--accept-blind"];
        lab.check_of(&lab.path("pairs.json"), "dns", Eyes::Client, &accept)
            .wants_status("critical")
            .wants_one_of(&["vip-down", "vip-wrong-source"], &["probe"]);
        let mut nft = lab.on("n1", User::Root, "nft");
        assert!(
            nft.args(["delete", "table", "inet", "f"])
                .status()
                .unwrap()
                .success()
        );
    }
}

fn wrong(lab: &Lab) {
    let ask = |name: &'static str, kind: &'static str| {
        move |pair: &mut Value| pair["probes"] = json!([{"dns": {"name": name, "type": kind}}])
    };
    #[rustfmt::skip]
    let cases = [
        ("example.org", "A", "REFUSED"), // there is no server above this one
        ("nope.ha.test", "A", "NXDOMAIN"),
        ("whoami.ha.test", "A", "NODATA"),
    ];
    for (name, kind, said) in cases {
        let verdict = lab.check_changed("dns", Eyes::Client, ask(name, kind));
        verdict
            .wants("wrong-function", "critical", &["probe"])
            .wants_message("wrong-function", said);
    }
    let other = |pair: &mut Value| pair["probes"][0]["dns"]["expect"] = "192.0.2.99".into();
    lab.check_changed("dns", Eyes::Client, other)
        .wants("wrong-function", "critical", &["probe"]);
    for (field, value) in [("status", json!(204)), ("body", json!("not this"))] {
        let other = |pair: &mut Value| pair["probes"][0]["http"][field] = value.clone();
        lab.check_changed("caddy", Eyes::Client, other).wants(
            "wrong-function",
            "critical",
            &["probe"],
        );
    }
    let right = |pair: &mut Value| pair["probes"][0]["http"]["body"] = "ok n".into();
    lab.check_changed("caddy", Eyes::Both, right)
        .wants_status("ok");
}

/// It answers at the VIP from the node's own address, as a server does that binds 0.0.0.0.
fn wrong_source(lab: &Lab) {
    for eyes in [Eyes::Client, Eyes::Facts, Eyes::Both] {
        let verdict = lab.check("dns", eyes);
        verdict
            .wants_status("critical")
            .wants("vip-wrong-source", "critical", &["probe"]);
        verdict.lacks(&["vip-down", "member-service-down"]);
    }
}

fn certificates(lab: &Lab) {
    // Caddy's own live for 12 hours: by days left they would always be critical.
    lab.check("caddy", Eyes::Both)
        .wants_status("ok")
        .lacks(&["cert-expiry", "cert-differs"]);
    let limits = |warn: f64, critical: f64| {
        move |pair: &mut Value| {
            pair["probes"][1]["tls"]["warn_percent"] = warn.into();
            pair["probes"][1]["tls"]["critical_percent"] = critical.into();
        }
    };
    lab.check_changed("caddy", Eyes::Both, limits(100.0, 5.0))
        .wants("cert-expiry", "warning", &["probe"]);
    lab.check_changed("caddy", Eyes::Both, limits(100.0, 100.0))
        .wants("cert-expiry", "critical", &["probe"]);
    // Each of the two has made an authority of its own.
    let same = |pair: &mut Value| pair["probes"][1]["tls"]["same"] = true.into();
    lab.check_changed("caddy", Eyes::Both, same)
        .wants("cert-differs", "warning", &["probe"]);
    let name = |pair: &mut Value| pair["probes"][1]["tls"]["name"] = "other.ha.test".into();
    let other = lab.check_changed("caddy", Eyes::Both, name);
    assert_ne!(other.status(), "ok");
}

/// Two servers side by side without a VIP, as the sample site's Pi-holes are.
fn active_active(lab: &Lab) {
    let without = |pair: &mut Value| {
        let fields = pair.as_object_mut().unwrap();
        fields.retain(|name, _| ["name", "members", "probes"].contains(&name.as_str()));
        // Who answers is to differ here.
        fields["probes"] = json!([{"dns": {"name": "ha.test", "type": "A"}}]);
    };
    lab.check_changed("dns", Eyes::Client, without)
        .wants_status("ok");
    let other_server = |node: &str, address: &str| {
        let mut server = lab.on(node, User::Root, "dnsmasq");
        server.args([
            "-k",
            "-C",
            "/dev/null",
            "-u",
            "root",
            "--no-resolv",
            "--no-hosts",
            "--port=5353",
        ]);
        server.args(["--pid-file=", "--bind-dynamic", "--local=/ha.test/"]);
        server.arg(format!("--host-record=ha.test,{address}"));
        Running(server.spawn().unwrap())
    };
    let _on_n2 = other_server("n2", "192.0.2.77");
    let moved = |pair: &mut Value| {
        without(pair);
        pair["probes"][0]["dns"]["port"] = 5353.into();
    };
    // On port 5353 only n2 answers, so n1 is down; and then it answers something else.
    lab.until("the other server answers", || {
        let half = lab.check_changed("dns", Eyes::Client, moved);
        half.all("member-service-down").len() == 1
    });
    lab.check_changed("dns", Eyes::Client, moved).wants(
        "member-service-down",
        "warning",
        &["probe"],
    );
    let _on_n1 = other_server("n1", "192.0.2.78");
    lab.until("both other servers answer", || {
        lab.check_changed("dns", Eyes::Client, moved)
            .all("member-service-down")
            .is_empty()
    });
    let verdict = lab.check_changed("dns", Eyes::Client, moved);
    verdict
        .wants_status("warning")
        .wants("aa-dns-drift", "warning", &["probe"]);
}

/// The daily rsync of an NFS pair: how old its stamp is, by the member's own word.
fn stale(lab: &Lab) {
    let stamp = lab.keep("stamp", b"");
    let two_hours_ago = SystemTime::now() - Duration::from_secs(7200);
    fs::File::options()
        .write(true)
        .open(&stamp)
        .unwrap()
        .set_modified(two_hours_ago)
        .unwrap();
    let facts: Vec<_> = ["n1", "n2"]
        .iter()
        .map(|node| {
            let output = lab
                .hacheck(node, User::Nobody)
                .args(["member", "--file"])
                .arg(&stamp)
                .output()
                .unwrap();
            lab.keep("facts", &output.stdout)
        })
        .collect();
    let look = |max_age_s: u64, path: &str| {
        let mut pairs = crate::lab::pairs();
        let nfs = pairs["pairs"]
            .as_array_mut()
            .unwrap()
            .iter_mut()
            .find(|pair| pair["name"] == "nfs")
            .unwrap();
        nfs["files"] = json!([{"path": path, "max_age_s": max_age_s, "member": "n2"}]);
        let pairs = lab.keep("pairs", pairs.to_string().as_bytes());
        let facts: Vec<&str> = facts.iter().map(|path| path.to_str().unwrap()).collect();
        lab.check_of(
            &pairs,
            "nfs",
            Eyes::Client,
            &[&["--facts"], &facts[..]].concat(),
        )
    };
    let path = stamp.to_str().unwrap();
    look(86_400, path).wants_status("ok").lacks(&["data-stale"]);
    look(3600, path)
        .wants_status("warning")
        .wants("data-stale", "warning", &["facts"]);
    // Nobody was asked for that one.
    assert_ne!(look(86_400, "/never/asked").status(), "ok");
}
