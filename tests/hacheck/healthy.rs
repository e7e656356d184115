//! Pairs that are well: what each place can know of that, and that it is said what it can't.

use serde_json::Value;

use crate::{
    FAST, SLOW, Section,
    lab::{Eyes, Lab, User, sh},
    quiet::calm,
};

#[rustfmt::skip]
pub const SECTIONS: &[Section] = &[
    ("healthy_pairs_from_every_place", FAST, every_place),
    ("healthy_by_keepaliveds_defaults", SLOW, defaults),
    ("healthy_unicast", &[("LAB_VRRP_VERSION", "3"), ("LAB_ADVERT_INT", "0.1"), ("LAB_UNICAST", "1")], unicast),
    ("healthy_virtual_mac", &[("LAB_VRRP_VERSION", "3"), ("LAB_ADVERT_INT", "0.1"), ("LAB_VMAC", "1")], virtual_mac),
    ("healthy_virtual_mac_for_adverts_too", &[("LAB_VRRP_VERSION", "3"), ("LAB_ADVERT_INT", "0.1"), ("LAB_VMAC", "2")], virtual_mac),
    ("healthy_ipv6", &[("LAB_VRRP_VERSION", "3"), ("LAB_ADVERT_INT", "0.1"), ("LAB_IPV6", "1")], ipv6),
    ("healthy_vip_of_another_network", FAST, elsewhere),
    ("healthy_nfs_ganesha", &[("LAB_VRRP_VERSION", "3"), ("LAB_ADVERT_INT", "0.1"), ("LAB_NFS", "ganesha")], ganesha),
    ("no_privileges_no_raw", FAST, no_privileges),
    ("a_password_is_never_printed", &[("LAB_AUTH", "labpass1")], password),
];

fn every_place(lab: &Lab) {
    for pair in ["dns", "caddy", "nfs"] {
        // Who answers is known by the MAC; that nobody else holds it is not.
        let alone = lab.check(pair, Eyes::Client);
        alone.wants_status("unknown").wants("blind", "unknown", &[]);
        alone.wants_holder("n1", &["mac", "identity"]);
        alone.wants_message("blind", "that only one holds the VIP");
        let accepted = ["--accept-blind"];
        let file = lab.path("pairs.json");
        lab.check_of(&file, pair, Eyes::Client, &accepted)
            .wants_status("ok");

        let raw = lab.check(pair, Eyes::Raw);
        raw.wants_status("ok")
            .wants_holder("n1", &["mac", "adverts"]);
        raw.wants("blind", "info", &[])
            .wants_message("blind", "n2's VRRP daemon");
        raw.wants_only(&["holder", "blind"]);

        let facts = lab.check(pair, Eyes::Facts);
        facts.wants_status("ok").wants_only(&["holder", "blind"]);
        facts.wants_message("blind", "whether n2's VRRP instance is in FAULT");
        for (eyes, codes) in [
            (Eyes::Both, &["holder", "blind"][..]),
            (Eyes::RootFacts, &["holder"]),
        ] {
            let both = lab.check(pair, eyes);
            both.wants_status("ok")
                .wants_holder("n1", &["mac", "facts", "adverts"]);
            both.wants_only(codes);
        }
        for node in ["n1", "n2"] {
            let member = lab.check(pair, Eyes::Member(node));
            member.wants_status("ok").wants_only(&["holder", "blind"]);
            member.wants_holder("n1", &["local", "mac", "facts", "adverts"]);
        }
    }
    // Behind a router only the service itself tells.
    lab.check("dns", Eyes::Far)
        .wants_status("unknown")
        .wants_holder("n1", &["identity"]);
    // Facts of all members tell the rest there, and that --raw could not is no fault.
    let facts = lab.facts(User::Nobody, &["n1", "n2"]);
    let mut told = vec!["--raw", "--facts"];
    told.extend(facts.iter().map(|path| path.to_str().unwrap()));
    let far = lab.check_of(&lab.path("pairs.json"), "dns", Eyes::Far, &told);
    far.wants_status("ok")
        .wants_holder("n1", &["facts", "identity"]);
    far.wants_message("blind", "no interface of this host is on the segment");
    let nfs = lab.check("nfs", Eyes::Far);
    nfs.wants_status("unknown")
        .wants("holder-unknown", "unknown", &[]);
    nfs.wants_message("holder-unknown", "no neighbour of this host");
}

fn defaults(lab: &Lab) {
    for eyes in [Eyes::Raw, Eyes::Both] {
        let verdict = lab.check("dns", eyes);
        verdict
            .wants_status("ok")
            .wants_holder("n1", &["mac", "facts", "adverts"]);
    }
    lab.check("dns", Eyes::Member("n1")).wants_status("ok");
}

fn unicast(lab: &Lab) {
    let told = |pair: &mut Value| pair["unicast"] = true.into();
    for eyes in [Eyes::Facts, Eyes::Both] {
        lab.check_changed("dns", eyes, told)
            .wants_status("ok")
            .wants_holder("n1", &["mac", "facts"]);
        calm(|| lab.check_changed("dns", eyes, told));
    }
    // Nobody but the members hears the adverts, so the wire alone can't tell that a daemon lives.
    let raw = lab.check_changed("dns", Eyes::Raw, told);
    raw.wants_holder("n1", &["mac"])
        .lacks(&["vrrp-silent", "vip-down", "split-brain"]);
    raw.wants_message("blind", "n1's VRRP daemon");
    let untold = lab.check("dns", Eyes::Raw);
    untold.wants("vrrp-silent", "warning", &["adverts"]);
}

fn virtual_mac(lab: &Lab) {
    // The MAC is the same on both, so it names nobody.
    let nfs = lab.check("nfs", Eyes::Client);
    nfs.wants("holder-unknown", "unknown", &[])
        .wants_message("holder-unknown", "virtual");
    lab.check("dns", Eyes::Client)
        .wants_holder("n1", &["identity"]);
    let raw = lab.check("nfs", Eyes::Raw);
    raw.wants_status("ok").wants_holder("n1", &["adverts"]);
    let both = lab.check("nfs", Eyes::Both);
    both.wants_status("ok")
        .wants_holder("n1", &["adverts", "facts"])
        .wants_only(&["holder", "blind"]);
    for eyes in [Eyes::Raw, Eyes::Both] {
        calm(|| lab.check("nfs", eyes));
    }
    for node in ["n1", "n2"] {
        lab.check("nfs", Eyes::Member(node))
            .wants_status("ok")
            .lacks(&["split-brain", "foreign-holder"]);
    }
}

fn ipv6(lab: &Lab) {
    for eyes in [Eyes::Raw, Eyes::Facts, Eyes::Both] {
        let verdict = lab.check("dns6", eyes);
        verdict
            .wants_status("ok")
            .wants_holder("n1", &["mac", "facts", "adverts"]);
        calm(|| lab.check("dns6", eyes));
    }
    lab.check("dns6", Eyes::Client)
        .wants_status("unknown")
        .wants_holder("n1", &["mac", "identity"]);
}

/// The members' own network is another one; the pair names the interface of the checker that is on the segment.
fn elsewhere(lab: &Lab) {
    for node in ["n1", "n2"] {
        lab.run(&["reconfigure", node, "LAB_VIP_DNS=10.9.9.9"]);
    }
    for node in ["client", "n1", "n2"] {
        // The holder has an address there, and needs no route; a route that is there already is no fault.
        sh(
            lab,
            node,
            "ip route add 10.9.9.9 dev e10 || ip route show 10.9.9.9 | grep -q .",
        );
    }
    let change = |pair: &mut Value| {
        pair["vip"] = "10.9.9.9".into();
        pair["interface"] = "e10".into();
    };
    lab.until("n1 has it, and answers", || {
        lab.check_changed("dns", Eyes::Both, change).status() == "ok"
    });
    for eyes in [Eyes::Raw, Eyes::Facts, Eyes::Both] {
        calm(|| lab.check_changed("dns", eyes, change));
    }
}

fn ganesha(lab: &Lab) {
    lab.check("nfs", Eyes::Both)
        .wants_status("ok")
        .wants_only(&["holder", "blind"]);
    // It was told to speak version 4 alone.
    let old = |pair: &mut Value| pair["probes"][0]["nfs"]["version"] = 3.into();
    lab.check_changed("nfs", Eyes::Both, old)
        .wants("wrong-function", "critical", &["probe"]);
}

fn no_privileges(lab: &Lab) {
    let output = lab
        .hacheck("client", User::Nobody)
        .args(["check", "--raw", "--pair", "dns", "--pairs"])
        .arg(lab.path("pairs.json"))
        .output()
        .unwrap();
    let verdict = crate::verdict::Verdict::of(&output);
    verdict
        .wants_status("unknown")
        .wants("blind", "unknown", &[]);
    verdict
        .wants_message("blind", "EPERM")
        .wants_holder("n1", &["mac", "identity"]);
    let listen = lab
        .hacheck("client", User::Nobody)
        .arg("listen")
        .output()
        .unwrap();
    assert_eq!(listen.status.code(), Some(3), "{listen:?}");
    assert!(listen.stdout.is_empty(), "{listen:?}");
    assert!(
        String::from_utf8_lossy(&listen.stderr).contains("CAP_NET_RAW"),
        "{listen:?}"
    );
}

fn password(lab: &Lab) {
    let listen = lab
        .hacheck("client", User::NetRaw)
        .args(["listen", "--for", "2500ms"])
        .output()
        .unwrap();
    let text = String::from_utf8(listen.stdout).unwrap();
    assert!(text.lines().count() >= 6, "{text}");
    assert!(
        text.lines().all(|line| line.contains(r#""auth_type":1"#)),
        "{text}"
    );
    let verdict = lab.check("dns", Eyes::RootFacts);
    verdict.wants_status("ok");
    let facts = lab.facts(User::Root, &["n1"]);
    let facts = std::fs::read_to_string(&facts[0]).unwrap();
    assert!(facts.contains(r#""state":"master""#), "{facts}");
    for text in [text, facts, verdict.0.to_string()] {
        assert!(!text.contains("labpass"), "{text}");
    }
}
