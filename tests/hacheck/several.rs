//! Several VIPs that one VRRP instance moves, of both families; and VIPs that are there on one link only.

use serde_json::{Value, json};

use crate::{
    Section,
    lab::{Eyes, Lab, sh, with},
    quiet::calm,
    verdict::Verdict,
};

#[rustfmt::skip]
pub const SECTIONS: &[Section] = &[
    ("several_vips_of_one_instance", SEVERAL, healthy_and_split),
    ("several_vips_one_is_taken_away", SEVERAL, taken_away),
    ("several_vips_one_is_not_everybodys", SEVERAL, drift),
    ("link_local_vip", &[("LAB_VRRP_VERSION", "3"), ("LAB_ADVERT_INT", "0.1"), ("LAB_IPV6", "1")], link_local),
];

/// dns has 192.168.10.110, 192.168.10.120 and, in no advert, fd10::120.
const SEVERAL: crate::Options = &[
    ("LAB_VRRP_VERSION", "3"),
    ("LAB_ADVERT_INT", "0.1"),
    ("LAB_MORE", "192.168.10.120/24"),
    ("LAB_EXCLUDED", "fd10::120/64"),
];

const VIPS: [&str; 3] = ["192.168.10.110", "192.168.10.120", "fd10::120"];

fn several(pair: &mut Value) {
    pair.as_object_mut().unwrap().remove("vip");
    pair["vips"] = json!(VIPS);
}

/// The codes of what is said of each VIP alone, and is no mere information.
fn of_vips(verdict: &Verdict) -> [Vec<&str>; 3] {
    let vips = verdict.0["vips"].as_array().unwrap();
    assert_eq!(vips.len(), 3, "{}", verdict.0);
    [0, 1, 2].map(|place| {
        assert_eq!(vips[place]["vip"], VIPS[place]);
        let findings = vips[place]["findings"].as_array().unwrap().iter();
        let bad = findings.filter(|finding| finding["severity"] != "info");
        bad.map(|finding| finding["code"].as_str().unwrap())
            .collect()
    })
}

fn healthy_and_split(lab: &Lab) {
    lab.until("the IPv6 address is there", || {
        lab.check_changed("dns", Eyes::Facts, several).status() == "ok"
    });
    for eyes in [Eyes::Raw, Eyes::Facts, Eyes::Both, Eyes::RootFacts] {
        let verdict = lab.check_changed("dns", eyes, several);
        verdict.wants_status("ok").wants_only(&["holder", "blind"]);
        verdict.wants_holder("n1", &["mac", "facts"]);
        assert_eq!(of_vips(&verdict), [[""; 0]; 3], "{}", verdict.0);
        for vip in verdict.0["vips"].as_array().unwrap() {
            assert_eq!(vip["holder"], "n1", "{}", verdict.0);
        }
    }
    calm(|| lab.check_changed("dns", Eyes::Both, several));
    // Without vrid the instance is known by another of its addresses.
    let unnamed = |pair: &mut Value| {
        several(pair);
        pair.as_object_mut().unwrap().remove("vrid");
    };
    lab.check_changed("dns", Eyes::Raw, unnamed)
        .wants_status("ok");
    // What the pair leaves out is told.
    let two = |pair: &mut Value| {
        several(pair);
        pair["vips"] = json!([VIPS[0], VIPS[2]]);
    };
    lab.check_changed("dns", Eyes::Raw, two)
        .wants_status("ok")
        .wants_message("config-drift", "advertises 192.168.10.120, too");
    lab.run(&["kill-master", "both"]);
    lab.until_held("dns", "n1 n2");
    let raw = lab.check_changed("dns", Eyes::Raw, several);
    raw.wants_status("critical");
    assert_eq!(
        of_vips(&raw).map(|codes| codes.contains(&"split-brain")),
        [true; 3],
        "{}",
        raw.0
    );
    let facts = lab.check_changed("dns", Eyes::Facts, several);
    facts.wants("vrrp-daemon-dead", "critical", &["facts"]);
    assert_eq!(
        facts.all("vrrp-daemon-dead").len(),
        1,
        "once for all VIPs: {}",
        facts.0
    );
}

/// One of the addresses is gone, one does not get through, and the others are well.
fn taken_away(lab: &Lab) {
    lab.run(&["blackhole", VIPS[1]]);
    let raw = lab.check_changed("dns", Eyes::Raw, several);
    raw.wants_status("critical");
    assert_eq!(
        of_vips(&raw),
        [vec![], vec!["vip-down"], vec![]],
        "{}",
        raw.0
    );
    lab.run(&["heal"]);
    // A keepalived that runs would set it again.
    for node in ["n2", "n1"] {
        lab.run(&["hang-daemon", node]);
    }
    sh(lab, "n1", "ip address del 192.168.10.120/24 dev e10");
    let raw = lab.check_changed("dns", Eyes::Raw, several);
    raw.wants_status("critical");
    let told = of_vips(&raw).map(|codes| codes.contains(&"vip-down"));
    assert_eq!(told, [false, true, false], "{}", raw.0);
    assert_eq!(raw.0["vips"][0]["holder"], "n1", "{}", raw.0);
    assert_eq!(raw.0["holder"], Value::Null, "{}", raw.0);
    let facts = lab.check_changed("dns", Eyes::Facts, several);
    assert_eq!(
        facts.0["members"][0]["has_vips"],
        json!([VIPS[0], VIPS[2]]),
        "{}",
        facts.0
    );
}

/// n2 was never told of the second address.
fn drift(lab: &Lab) {
    lab.run(&["kill-master", "stop"]);
    lab.until_held("dns", "n2");
    lab.run(&["reconfigure", "n2", "LAB_MORE="]);
    // Its adverts say what it holds.
    lab.until("n2 gives the second one up", || {
        let raw = lab.check_changed("dns", Eyes::Raw, several);
        let says = |finding: &Value| {
            finding["message"] == "n2 uses VRID 55 for 192.168.10.110, not for 192.168.10.120"
        };
        let second = raw.0["vips"][1]["findings"].as_array().unwrap();
        second.iter().any(says) && of_vips(&raw)[1].contains(&"vip-down")
    });
    // n1 comes back with all of them: each throws the other's adverts away.
    lab.run(&["heal"]);
    lab.until_held("dns", "n1 n2");
    lab.until("both lists are told", || {
        let root = lab.check_changed("dns", Eyes::RootFacts, several);
        !root.all("config-drift").is_empty()
    });
    let root = lab.check_changed("dns", Eyes::RootFacts, several);
    root.wants_status("critical")
        .wants_message("config-drift", "two lists of addresses");
    let own = of_vips(&root);
    assert!(own[0].contains(&"split-brain"), "{}", root.0);
    assert!(own[1].contains(&"config-drift"), "{}", root.0);
}

/// A VIP that routers are reached at; the members by their global addresses, and by theirs on the link.
fn link_local(lab: &Lab) {
    let pair = |members: [&str; 2]| {
        let members = [("n1", members[0]), ("n2", members[1])];
        let members = members.map(
            |(name, address)| json!({"name": name, "address": address, "preferred": name == "n1"}),
        );
        json!({"name": "link", "vip": "fe80::110", "interface": "e10", "members": members,
            "probes": [{"dns": {"name": "ha.test", "type": "AAAA", "expect": "2001:db8::1", "identity": {"txt": "whoami.ha.test"}}, "rebinds": true},
                {"tcp": {"port": 53}, "rebinds": true}]})
    };
    for members in [
        ["fd10::11", "fd10::12"],
        ["fe80::ff:fe00:1011", "fe80::ff:fe00:1012"],
    ] {
        let file = lab.keep("pairs", with(pair(members)).as_bytes());
        lab.until("dnsmasq answers there", || {
            lab.check_of(&file, "link", Eyes::Facts, &[]).status() == "ok"
        });
        for eyes in [Eyes::Raw, Eyes::Facts, Eyes::Both, Eyes::RootFacts] {
            lab.check_of(&file, "link", eyes, &[])
                .wants_status("ok")
                .wants_only(&["holder", "blind"]);
        }
        calm(|| lab.check_of(&file, "link", Eyes::Both, &[]));
    }
    let file = lab.keep("pairs", with(pair(["fd10::11", "fd10::12"])).as_bytes());
    lab.run(&["kill-master", "both"]);
    lab.until("both hold it", || {
        !lab.check_of(&file, "link", Eyes::Facts, &[])
            .all("split-brain")
            .is_empty()
    });
    lab.check_of(&file, "link", Eyes::Raw, &[])
        .wants("split-brain", "critical", &["arp"]);
}
