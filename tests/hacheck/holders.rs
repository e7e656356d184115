//! Two holders, a strange one, a dead daemon: what each place sees of it.

use std::{fs, thread, time::Duration};

use serde_json::Value;

use crate::{
    FAST, SLOW, Section,
    lab::{Eyes, Lab, User},
};

#[rustfmt::skip]
pub const SECTIONS: &[Section] = &[
    ("split_brain_pair", FAST, pair),
    ("split_brain_pair_by_defaults", SLOW, pair_by_defaults),
    ("split_brain_oneway", FAST, oneway),
    ("split_brain_silent", FAST, silent),
    ("split_brain_unicast", &[("LAB_VRRP_VERSION", "3"), ("LAB_ADVERT_INT", "0.1"), ("LAB_UNICAST", "1")], unicast),
    ("split_brain_virtual_mac", &[("LAB_VRRP_VERSION", "3"), ("LAB_ADVERT_INT", "0.1"), ("LAB_VMAC", "1")], virtual_mac),
    ("split_brain_virtual_mac_for_adverts_too", &[("LAB_VRRP_VERSION", "3"), ("LAB_ADVERT_INT", "0.1"), ("LAB_VMAC", "2")], virtual_mac),
    ("split_brain_ipv6", &[("LAB_VRRP_VERSION", "3"), ("LAB_ADVERT_INT", "0.1"), ("LAB_IPV6", "1")], ipv6),
    ("killed_both_processes", FAST, zombie),
    ("hung_holder", FAST, hung),
    ("clean_stop", FAST, stopped),
    ("killed_parent", FAST, killed_parent),
    ("killed_node", FAST, killed_node),
    ("link_down", FAST, link_down),
    ("unplugged", FAST, unplugged),
    ("dead_standby", FAST, dead_standby),
    ("silent_holder", FAST, silent_holder),
    ("foreign_holder", FAST, foreign),
    ("foreign_holder_for_a_moment", SLOW, foreign_briefly),
    ("flapping", FAST, flapping),
];

fn pair(lab: &Lab) {
    lab.run(&["split-brain", "pair"]);
    lab.until_held("dns", "n1 n2");
    let both_means = ["arp", "adverts"];
    let raw = lab.check("dns", Eyes::Raw);
    raw.wants_status("critical")
        .wants("split-brain", "critical", &both_means);
    // To a client without privileges all looks well, and that is never called ok.
    lab.check("dns", Eyes::Client).wants_status("unknown");
    lab.check("dns", Eyes::Facts)
        .wants("split-brain", "critical", &["facts"]);
    let all = lab.check("dns", Eyes::Both);
    all.wants("split-brain", "critical", &["arp", "adverts", "facts"]);
    for node in ["n1", "n2"] {
        // It hears no adverts of the other, which may as well have no daemon.
        let own = lab.check("dns", Eyes::Member(node));
        own.wants("split-brain", "critical", &["arp"]);
    }
    lab.run(&["heal"]);
    lab.until_held("dns", "n1");
    // The client may have n2's MAC for some seconds more: its kernel takes no gratuitous ARP so soon
    // after another answer.
    lab.until("all is well", || {
        let verdict = lab.check("dns", Eyes::Both);
        verdict.wants_only(&["holder", "blind", "stale-neighbour"]);
        verdict.status() == "ok"
    });
}

fn pair_by_defaults(lab: &Lab) {
    lab.run(&["split-brain", "pair"]);
    lab.until_held("dns", "n1 n2");
    // What two have held for less than an advert interval is a hand-over.
    thread::sleep(Duration::from_millis(1200));
    lab.check("dns", Eyes::Raw)
        .wants("split-brain", "critical", &["arp", "adverts"]);
    lab.check("dns", Eyes::Facts)
        .wants("split-brain", "critical", &["facts"]);
}

fn oneway(lab: &Lab) {
    lab.run(&["split-brain", "oneway"]);
    lab.until_held("dns", "n1 n2");
    lab.check("dns", Eyes::Raw)
        .wants("split-brain", "critical", &["arp"]);
    lab.check("dns", Eyes::Facts)
        .wants("split-brain", "critical", &["facts"]);
}

fn silent(lab: &Lab) {
    lab.run(&["split-brain", "silent"]);
    lab.until_held("dns", "n1 n2");
    // No advert reaches anybody, so ARP alone tells.
    lab.check("dns", Eyes::Raw)
        .wants("split-brain", "critical", &["arp"]);
    lab.check("dns", Eyes::Facts)
        .wants("split-brain", "critical", &["facts"]);
}

fn unicast(lab: &Lab) {
    lab.run(&["split-brain", "pair"]);
    lab.until_held("dns", "n1 n2");
    let told = |pair: &mut Value| pair["unicast"] = true.into();
    lab.check_changed("dns", Eyes::Raw, told)
        .wants("split-brain", "critical", &["arp"]);
    lab.check_changed("dns", Eyes::Facts, told)
        .wants("split-brain", "critical", &["facts"]);
    lab.check_changed("dns", Eyes::Member("n2"), told)
        .wants("split-brain", "critical", &["arp"]);
}

fn virtual_mac(lab: &Lab) {
    lab.run(&["split-brain", "pair"]);
    lab.until_held("dns", "n1 n2");
    // Both answer with one MAC; that two answer each request is seen all the same.
    lab.check("dns", Eyes::Raw)
        .wants("split-brain", "critical", &["arp", "adverts"]);
    lab.check("dns", Eyes::Facts)
        .wants("split-brain", "critical", &["facts"]);
}

fn ipv6(lab: &Lab) {
    lab.run(&["split-brain", "pair"]);
    lab.until_held("dns6", "n1 n2");
    lab.check("dns6", Eyes::Raw)
        .wants("split-brain", "critical", &["arp"]);
    lab.check("dns6", Eyes::Facts)
        .wants("split-brain", "critical", &["facts"]);
}

/// `kill -9` of both processes: the address stays, and the other takes it, too.
fn zombie(lab: &Lab) {
    assert_eq!(lab.run(&["kill-master", "both"]), "n1");
    lab.until_held("dns", "n1 n2");
    let raw = lab.check("dns", Eyes::Raw);
    raw.wants_status("critical")
        .wants("split-brain", "critical", &["arp"]);
    raw.wants_message("split-brain", "n1")
        .wants_message("split-brain", "n2");
    let facts = lab.check("dns", Eyes::Facts);
    facts.wants("split-brain", "critical", &["facts"]);
    facts.wants("vrrp-daemon-dead", "critical", &["facts"]);
    let both = lab.check("dns", Eyes::Both);
    both.wants("split-brain", "critical", &["arp", "facts"]);
    both.wants("vrrp-daemon-dead", "critical", &["facts"])
        .wants_message("vrrp-daemon-dead", "n1");
    lab.check("dns", Eyes::Client).wants_status("unknown");
}

/// A hung VM: the same, but its daemon's socket is still there.
fn hung(lab: &Lab) {
    lab.run(&["kill-master", "hang"]);
    lab.until_held("dns", "n1 n2");
    lab.check("dns", Eyes::Raw)
        .wants("split-brain", "critical", &["arp"]);
    let facts = lab.check("dns", Eyes::Facts);
    facts.wants("split-brain", "critical", &["facts"]);
    // Its dump from before would be a lie now.
    let dump = lab.facts(User::Root, &["n1"]);
    let dump: Value = serde_json::from_slice(&fs::read(&dump[0]).unwrap()).unwrap();
    assert!(dump["keepalived"].is_null(), "{dump}");
    assert!(
        dump["errors"].to_string().contains("no new dump within"),
        "{dump}"
    );
}

fn stopped(lab: &Lab) {
    lab.run(&["kill-master", "stop"]);
    lab.until_held("dns", "n2");
    let raw = lab.check("dns", Eyes::Raw);
    raw.wants_status("warning")
        .wants("holder-unexpected", "warning", &[])
        .wants_holder("n2", &["mac", "adverts"]);
    raw.lacks(&["split-brain", "vip-down"]);
    let facts = lab.check("dns", Eyes::Facts);
    facts
        .wants("vrrp-daemon-dead", "warning", &["facts"])
        .wants_holder("n2", &["facts", "mac", "identity"]);
    lab.check("dns", Eyes::Client)
        .wants_holder("n2", &["mac", "identity"]);
    let expected = |pair: &mut Value| pair["expect"] = serde_json::json!({"preferred": false});
    lab.check_changed("dns", Eyes::Raw, expected)
        .wants_status("ok");
}

fn killed_parent(lab: &Lab) {
    lab.run(&["kill-master", "keepalived"]);
    lab.until_held("dns", "n2");
    lab.check("dns", Eyes::Raw)
        .wants("holder-unexpected", "warning", &[])
        .wants_holder("n2", &["mac", "adverts"]);
    lab.check("dns", Eyes::Facts)
        .wants("vrrp-daemon-dead", "warning", &["facts"])
        .wants_message("vrrp-daemon-dead", "n1");
}

/// A power cut: nobody is left to tell facts, and the other serves.
fn killed_node(lab: &Lab) {
    lab.run(&["kill-master", "node"]);
    // Its own address is still on the interface, which nobody can reach.
    lab.until("n2 has the VIP", || lab.holders("dns").contains("n2"));
    for pair in ["dns", "caddy", "nfs"] {
        let raw = lab.check(pair, Eyes::Raw);
        raw.wants_holder("n2", &["mac", "adverts"]).wants(
            "member-service-down",
            "warning",
            &["probe"],
        );
        raw.wants("holder-unexpected", "warning", &[]);
        raw.lacks(&["vip-down", "split-brain", "vip-up-holder-dead"]);
    }
}

fn link_down(lab: &Lab) {
    lab.run(&["kill-master", "linkdown"]);
    lab.until_held("dns", "n2");
    let raw = lab.check("dns", Eyes::Raw);
    raw.wants_holder("n2", &["mac", "adverts"])
        .wants("member-service-down", "warning", &["probe"]);
    // The daemon says of itself that it is in FAULT; it was asked as root, on the member.
    let facts = lab.check("dns", Eyes::RootFacts);
    facts.wants("vrrp-fault", "warning", &["facts"]);
}

fn unplugged(lab: &Lab) {
    lab.run(&["kill-master", "unplug"]);
    lab.until("n2 has the VIP", || lab.holders("dns").contains("n2"));
    let raw = lab.check("caddy", Eyes::Raw);
    raw.wants_holder("n2", &["mac", "adverts"])
        .wants("member-service-down", "warning", &["probe"]);
    raw.lacks(&["split-brain"]);
}

/// The quietest fault of all: it changes nothing on the wire.
fn dead_standby(lab: &Lab) {
    lab.run(&["kill-daemon", "n2"]);
    lab.until("its socket is gone", || {
        let facts = lab.facts(User::Nobody, &["n2"]);
        fs::read_to_string(&facts[0])
            .unwrap()
            .contains(r#""vrrp_socket":false"#)
    });
    let raw = lab.check("dns", Eyes::Raw);
    raw.wants_status("ok")
        .wants("blind", "info", &[])
        .wants_message("blind", "n2's VRRP daemon");
    for eyes in [Eyes::Facts, Eyes::Both] {
        let told = lab.check("dns", eyes);
        told.wants_status("warning")
            .wants("vrrp-daemon-dead", "warning", &["facts"]);
        told.wants_message("vrrp-daemon-dead", "n2")
            .wants_holder("n1", &["mac", "facts", "adverts"]);
    }
    // It needs no privileges to say that of itself.
    lab.check("dns", Eyes::Member("n2"))
        .wants("vrrp-daemon-dead", "warning", &["facts"]);
}

/// All daemons dead, the VIP where it was: nothing would ever move it.
fn silent_holder(lab: &Lab) {
    lab.run(&["kill-daemon", "n2"]);
    lab.run(&["kill-daemon", "n1"]);
    assert_eq!(lab.holders("dns"), "n1");
    lab.check("dns", Eyes::Raw)
        .wants("vrrp-silent", "warning", &["adverts"])
        .wants_holder("n1", &["mac"]);
    let facts = lab.check("dns", Eyes::Facts);
    facts
        .wants("vrrp-daemon-dead", "critical", &["facts"])
        .wants("vrrp-daemon-dead", "warning", &["facts"]);
    // On the holder itself, too, where its own adverts would have been heard.
    lab.check("dns", Eyes::Member("n1"))
        .wants("vrrp-daemon-dead", "critical", &["facts"]);
}

/// The stranger takes the VIP, or lets go of it.
fn stranger(lab: &Lab, verb: &str) {
    let address = ["address", verb, "192.168.10.110/24", "dev", "e10"];
    let mut ip = lab.on("stranger", User::Root, "ip");
    assert!(ip.args(address).status().unwrap().success());
}

/// For no longer than a hand-over takes, and it is gone when the check ends.
fn foreign_briefly(lab: &Lab) {
    thread::scope(|scope| {
        let check = scope.spawn(|| lab.check("dns", Eyes::Raw));
        thread::sleep(Duration::from_millis(1000));
        stranger(lab, "add");
        thread::sleep(Duration::from_millis(700));
        stranger(lab, "del");
        check
            .join()
            .unwrap()
            .wants("foreign-holder", "critical", &["arp"])
            .wants_message("foreign-holder", "02:00:00:00:10:60");
    });
}

fn foreign(lab: &Lab) {
    stranger(lab, "add");
    for eyes in [Eyes::Raw, Eyes::Both] {
        let found = lab.check("dns", eyes);
        found
            .wants("foreign-holder", "critical", &["arp"])
            .wants_message("foreign-holder", "02:00:00:00:10:60");
    }
    // A stranger that speaks VRRP for it, too, from another segment's name.
    lab.check("caddy", Eyes::Raw).wants_status("ok");
}

fn flapping(lab: &Lab) {
    let history = lab.path("history");
    fs::write(&history, "").unwrap();
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    fs::set_permissions(&history, everybody).unwrap();
    fs::set_permissions(
        lab.path("."),
        std::os::unix::fs::PermissionsExt::from_mode(0o777),
    )
    .unwrap();
    let remember = ["--history", history.to_str().unwrap()];
    let look = || lab.check_of(&lab.path("pairs.json"), "dns", Eyes::Client, &remember);
    look().lacks(&["flapping"]);
    for turn in 0..3 {
        lab.run(&["kill-master", "stop"]);
        lab.until_held("dns", "n2");
        let away = look();
        away.wants_holder("n2", &["mac", "identity"]);
        lab.run(&["heal"]);
        lab.until_held("dns", "n1");
        let back = look();
        // More than three changes within an hour.
        match turn {
            0 => back.lacks(&["flapping"]),
            _ => back.wants("flapping", "warning", &["history"]),
        };
    }
}
