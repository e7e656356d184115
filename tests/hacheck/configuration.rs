//! Members that are configured differently: what keepalived 2.2.7 makes of it, measured
//! once for the project, and what is seen of that.

use serde_json::Value;

use crate::{
    SLOW, Section,
    lab::{Eyes, Lab},
};

#[rustfmt::skip]
pub const SECTIONS: &[Section] = &[
    ("drift_of_the_password", &[("LAB_AUTH", "labpass1")], password),
    ("drift_of_the_version", SLOW, version),
    ("drift_of_the_router_id", SLOW, router_id),
    ("drift_of_the_addresses", SLOW, addresses),
    ("drift_of_the_interval", SLOW, interval),
    ("other_than_the_pair_says", SLOW, other),
];

/// Both hold the VIP, each throws the other's adverts away, and only one of them is heard.
fn password(lab: &Lab) {
    lab.run(&["reconfigure", "n2", "LAB_AUTH=otherpw"]);
    lab.until_held("dns", "n1 n2");
    two_holders(lab, &["auth", "password"]);
}

fn version(lab: &Lab) {
    lab.run(&["reconfigure", "n2", "LAB_VRRP_VERSION=3"]);
    lab.until_held("dns", "n1 n2");
    two_holders(lab, &["version"]);
}

fn two_holders(lab: &Lab, words: &[&str]) {
    let raw = lab.check("dns", Eyes::Raw);
    raw.wants_status("critical")
        .wants("split-brain", "critical", &["arp"]);
    let root = lab.check("dns", Eyes::RootFacts);
    root.wants("split-brain", "critical", &["arp", "facts"]);
    let drift = root.all("config-drift");
    let told = drift.iter().any(|finding| {
        let message = finding["message"].as_str().unwrap();
        words.iter().any(|word| message.contains(word))
    });
    assert!(told, "no drift says {words:?}: {}", root.0);
}

fn router_id(lab: &Lab) {
    lab.run(&["reconfigure", "n2", "LAB_VRID_DNS=56"]);
    lab.until_held("dns", "n1 n2");
    let raw = lab.check("dns", Eyes::Raw);
    raw.wants("split-brain", "critical", &["arp", "adverts"]);
    raw.wants("config-drift", "critical", &["adverts"])
        .wants_message("config-drift", "56");
}

/// n2 is master of an address of its own; nothing but its own word shows it.
fn addresses(lab: &Lab) {
    lab.run(&["reconfigure", "n2", "LAB_VIP_DNS=192.168.10.111"]);
    let drifted = || lab.check("dns", Eyes::RootFacts);
    lab.until("n2 says what it is configured for", || {
        !drifted().all("config-drift").is_empty()
    });
    drifted()
        .wants_message("config-drift", "192.168.10.111")
        .wants_holder("n1", &["mac", "facts", "adverts"]);
}

fn interval(lab: &Lab) {
    lab.run(&["reconfigure", "n2", "LAB_ADVERT_INT=3"]);
    let drifted = || lab.check("dns", Eyes::RootFacts);
    lab.until("n2 says its interval", || {
        !drifted().all("config-drift").is_empty()
    });
    drifted()
        .wants("config-drift", "warning", &["facts"])
        .wants_message("config-drift", "interval");
}

/// Both are alike, but not what the pair says.
fn other(lab: &Lab) {
    let vrid = |pair: &mut Value| pair["vrid"] = 77.into();
    lab.check_changed("dns", Eyes::Raw, vrid)
        .wants("config-drift", "warning", &["adverts"])
        .wants_message("config-drift", "55");
    let faster = |pair: &mut Value| pair["advert_ms"] = 500.into();
    lab.check_changed("dns", Eyes::Raw, faster)
        .wants("config-drift", "warning", &["adverts"]);
    let version = |pair: &mut Value| pair["expect"] = serde_json::json!({"version": 3});
    lab.check_changed("dns", Eyes::Raw, version)
        .wants("config-drift", "warning", &["adverts"]);
}
