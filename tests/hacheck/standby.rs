//! Standbys that live and will not take over: nothing on the wire shows them.

use serde_json::json;

use crate::{
    FAST, Section,
    lab::{Eyes, Lab},
};

#[rustfmt::skip]
pub const SECTIONS: &[Section] = &[
    ("standby_without_an_instance", FAST, without_instance),
    ("standby_that_hangs", FAST, hangs),
];

/// n2's keepalived serves the other pairs, and was never told of this one.
fn without_instance(lab: &Lab) {
    lab.run(&["reconfigure", "n2", "LAB_INSTANCES=caddy nfs"]);
    lab.until("n2 has left the group on e10", || {
        !lab.check("dns", Eyes::Facts).all("config-drift").is_empty()
    });
    // Without privileges: it does not listen there.
    for eyes in [Eyes::Facts, Eyes::Both] {
        lab.check("dns", eyes)
            .wants_status("warning")
            .wants("config-drift", "warning", &["facts"])
            .wants_message("config-drift", "n2: its VRRP daemon does not listen on e10");
    }
    lab.check("dns", Eyes::RootFacts)
        .wants_status("warning")
        .wants_message("config-drift", "no VRRP instance for 192.168.10.110");
    for pair in ["caddy", "nfs"] {
        lab.check(pair, Eyes::RootFacts).wants_status("ok");
    }
    // And so it is.
    lab.run(&["kill-master", "node"]);
    lab.check("dns", Eyes::Raw)
        .wants("vip-down", "critical", &["probe", "arp"]);
}

fn hangs(lab: &Lab) {
    lab.run(&["hang-daemon", "n2"]);
    lab.check("dns", Eyes::RootFacts)
        .wants("vrrp-daemon-dead", "warning", &["facts"])
        .wants_message(
            "vrrp-daemon-dead",
            "a signal has stopped the VRRP daemon of n2",
        )
        .wants("blind", "unknown", &["facts"]);
    // What is not known is said, if it is only by the way; what failed is not accepted.
    let accept = ["--accept-blind"];
    let file = lab.path("pairs.json");
    let verdict = lab.check_of(&file, "dns", Eyes::RootFacts, &accept);
    assert_ne!(verdict.0["status"], json!("ok"), "{}", verdict.0);
    lab.run(&["heal"]);
    lab.until("all is well again", || {
        lab.check("dns", Eyes::RootFacts).status() == "ok"
    });
}
