//! Pairs that are well although they look strange: no alarm, from any place.

use std::fs;

use serde_json::{Value, json};

use crate::{
    FAST, Section,
    lab::{Eyes, Lab, User, sh, with},
    quiet::calm,
};

#[rustfmt::skip]
pub const SECTIONS: &[Section] = &[
    ("sound_excluded_vip", &[("LAB_VRRP_VERSION", "3"), ("LAB_ADVERT_INT", "0.1"), ("LAB_EXCLUDED", "fd10::120/64")], excluded),
    ("sound_without_vrrp", FAST, without_vrrp),
    ("sound_vip_on_lo", FAST, on_lo),
    ("sound_vip_that_is_down", FAST, down),
    ("sound_dadfailed", &[("LAB_VRRP_VERSION", "3"), ("LAB_ADVERT_INT", "0.1"), ("LAB_IPV6", "1")], dadfailed),
    ("sound_members_by_other_addresses", FAST, managed),
    ("fault_names_its_track", FAST, fault_names_its_track),
];

fn ip(lab: &Lab, node: &str, words: &str) {
    let status = lab
        .on(node, User::Root, "ip")
        .args(words.split(' '))
        .status();
    assert!(status.unwrap().success(), "{node}: ip {words}");
}

/// An IPv6 address that moves with the IPv4 instance, the usual dual stack.
fn excluded(lab: &Lab) {
    let pair = |excluded: bool| {
        json!({"name": "dns6x", "vip": "fd10::120", "vrid": 55, "excluded": excluded, "members": [
                {"name": "n1", "address": "fd10::11", "preferred": true}, {"name": "n2", "address": "fd10::12"}],
            "probes": [{"dns": {"name": "ha.test", "type": "AAAA", "expect": "2001:db8::1", "identity": {"txt": "whoami.ha.test"}}, "rebinds": true}]})
    };
    let file = lab.keep("pairs", with(pair(true)).as_bytes());
    lab.until("the address is n1's", || {
        lab.check_of(&file, "dns6x", Eyes::Facts, &[]).status() == "ok"
    });
    for eyes in [Eyes::Raw, Eyes::Facts, Eyes::Both, Eyes::RootFacts] {
        lab.check_of(&file, "dns6x", eyes, &[])
            .wants_status("ok")
            .wants_only(&["holder", "blind"]);
        calm(|| lab.check_of(&file, "dns6x", eyes, &[]));
    }
    // A dump says so by itself.
    let unsaid = lab.keep("pairs", with(pair(false)).as_bytes());
    lab.check_of(&unsaid, "dns6x", Eyes::RootFacts, &[])
        .wants_status("ok");
    lab.run(&["kill-master", "both"]);
    // Two that have had it for less than a second may be a hand-over.
    lab.until("both hold it", || {
        let verdict = lab.check_of(&file, "dns6x", Eyes::Facts, &[]);
        !verdict.all("split-brain").is_empty()
    });
    lab.check_of(&file, "dns6x", Eyes::Facts, &[]).wants(
        "vrrp-daemon-dead",
        "critical",
        &["facts"],
    );
}

/// Something else moves the VIP; a duplicate is found all the same.
fn without_vrrp(lab: &Lab) {
    for node in ["n1", "n2"] {
        lab.run(&["reconfigure", node, "LAB_INSTANCES=caddy nfs"]);
    }
    lab.until_held("dns", "");
    ip(lab, "n1", "address add 192.168.10.110/32 dev e10");
    let own = |pair: &mut Value| {
        pair["vrrp"] = json!(false);
        pair["by"] = json!("other");
        pair.as_object_mut().unwrap().remove("vrid");
    };
    lab.until("dnsmasq answers there", || {
        lab.check_changed("dns", Eyes::Facts, own).status() == "ok"
    });
    for eyes in [Eyes::Raw, Eyes::Facts, Eyes::Both, Eyes::RootFacts] {
        lab.check_changed("dns", eyes, own)
            .wants_status("ok")
            .wants_only(&["holder", "blind"]);
    }
    ip(lab, "n2", "address add 192.168.10.110/32 dev e10");
    lab.check_changed("dns", Eyes::Raw, own)
        .wants("split-brain", "critical", &["arp"]);
    lab.check_changed("dns", Eyes::Facts, own)
        .wants("split-brain", "critical", &["facts"]);
}

/// A real server of LVS has the VIP on lo, and does not answer ARP for it.
fn on_lo(lab: &Lab) {
    sh(lab, "n2", "echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore");
    ip(lab, "n2", "address add 192.168.10.110/32 dev lo");
    for eyes in [Eyes::Raw, Eyes::Facts, Eyes::Both] {
        let verdict = lab.check("dns", eyes);
        // Whether it answers ARP for it, no facts tell.
        verdict.wants_status(if eyes == Eyes::Facts { "unknown" } else { "ok" });
        if eyes != Eyes::Raw {
            verdict.wants_message("vip-not-used", "n2 has 192.168.10.110 on lo");
        }
    }
    sh(lab, "n2", "echo 0 >/proc/sys/net/ipv4/conf/all/arp_ignore");
    lab.check("dns", Eyes::Both)
        .wants("split-brain", "critical", &["arp"]);
}

/// FRR's vrrpd leaves the VIP on a macvlan that it holds down.
fn down(lab: &Lab) {
    sh(lab, "n2", "echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore");
    ip(
        lab,
        "n2",
        "link add link e10 name vrrp4-2-1 address 00:00:5e:00:01:37 type macvlan mode bridge",
    );
    ip(lab, "n2", "address add 192.168.10.110/32 dev vrrp4-2-1");
    for eyes in [Eyes::Raw, Eyes::Facts, Eyes::Both, Eyes::RootFacts] {
        lab.check("dns", eyes).wants_status("ok");
    }
    lab.check("dns", Eyes::Facts).wants_message(
        "vip-not-used",
        "n2 has 192.168.10.110 on vrrp4-2-1, which is down",
    );
}

fn dadfailed(lab: &Lab) {
    // Whoever finds it there may take it away again, also before the kernel knows that it is a
    // duplicate, so it is set anew until it does, and before each look.
    let duplicate = || {
        lab.until("n2's is a duplicate", || {
            let facts = lab.facts(User::Nobody, &["n2"]);
            let facts = fs::read_to_string(&facts[0]).unwrap();
            if !facts.contains("\"fd10::110") {
                ip(lab, "n2", "address replace fd10::110/64 dev e10");
            }
            facts.contains("dadfailed")
        });
    };
    duplicate();
    lab.check("dns6", Eyes::Raw).wants_status("ok");
    for eyes in [Eyes::Facts, Eyes::Both] {
        lab.until("it is told", || {
            duplicate();
            let verdict = lab.check("dns6", eyes);
            verdict.wants_holder("n1", &["mac", "adverts", "facts", "identity"]);
            verdict.lacks(&["split-brain", "vip-down"]);
            let told = !verdict.all("vip-not-used").is_empty();
            if told {
                verdict
                    .wants_status("warning")
                    .wants_message(
                        "vip-not-used",
                        "n2 has fd10::110 on e10, and does not use it",
                    )
                    .wants_message("vip-not-used", "dadfailed");
            }
            told
        });
    }
}

/// The members are named by addresses of another network, which says nothing of who is a stranger.
fn managed(lab: &Lab) {
    for node in ["n1", "n2"] {
        sh(lab, node, "echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore");
    }
    let other = |pair: &mut Value| {
        for (place, own) in ["192.168.30.11", "192.168.30.12"].into_iter().enumerate() {
            pair["members"][place]["address"] = json!(own);
        }
    };
    let told = |pair: &mut Value| {
        other(pair);
        for (place, own) in ["192.168.10.11", "192.168.10.12"].into_iter().enumerate() {
            pair["members"][place]["addresses"] = json!([own]);
        }
    };
    lab.check_changed("dns", Eyes::Raw, other)
        .lacks(&["foreign-holder"]);
    lab.check_changed("dns", Eyes::Raw, told)
        .wants_status("ok")
        .wants_holder("n1", &["mac", "adverts"]);
    for eyes in [Eyes::Facts, Eyes::Both] {
        lab.check_changed("dns", eyes, other).wants_status("ok");
    }
}

/// A standby in FAULT: root's dump names the script that it tracks.
fn fault_names_its_track(lab: &Lab) {
    let home = format!("/run/{}/n2", lab.folder_name());
    let config = format!("{home}/keepalived.conf");
    let text = fs::read_to_string(&config).unwrap();
    let script = format!(
        "vrrp_script well {{\n  script \"/usr/bin/test -e {home}/well\"\n  interval 1\n  rise 1\n  fall 1\n}}\n"
    );
    let tracked = format!("{script}vrrp_instance dns {{\n  track_script {{\n    well\n  }}\n");
    assert!(text.contains("vrrp_instance dns {\n"), "{text}");
    fs::write(&config, text.replace("vrrp_instance dns {\n", &tracked)).unwrap();
    sh(
        lab,
        "n2",
        &format!("kill -HUP $(cut -d' ' -f1 {home}/keepalived.pid)"),
    );
    lab.until("n2 is in FAULT", || {
        !lab.check("dns", Eyes::RootFacts)
            .all("vrrp-fault")
            .is_empty()
    });
    lab.check("dns", Eyes::RootFacts)
        .wants_message("vrrp-fault", "(it tracks script test)");
    lab.check("dns", Eyes::Facts)
        .wants_message("blind", "whether n2's VRRP instance is in FAULT");
}
