//! Several VIPs of a pair, and those that are there on one link only.

use super::*;

/// Two pairs: `a` with a link-local VIP first, as VRRP of IPv6 wants it, in fd10::/64, and `b` with members in `net`.
fn routers(vips: &[&str], net: &str) -> Value {
    let pair = |name: &str, vips: &[&str], net: &str| {
        json!({"name": name, "vips": vips, "vrid": 55, "interface": "eth0", "members": [
            {"name": "1", "address": format!("{net}::{name}1")}, {"name": "2", "address": format!("{net}::{name}2")}]})
    };
    json!({"pairs": [pair("a", &["fe80::110", "fd10::110"], "fd10"), pair("b", vips, net)]})
}

#[test]
fn what_contradicts_itself() {
    let with = |pointer: &str, value: Value| {
        let mut document = full();
        *document.pointer_mut(pointer).expect(pointer) = value;
        document
    };
    let other = |name: &str, vip: &str, vrid: u8, one: &str, two: &str| {
        let mut document = full();
        let second = json!({"name": name, "vip": vip, "vrid": vrid,
            "members": [{"name": "1", "address": one}, {"name": "2", "address": two}]});
        document["pairs"].as_array_mut().unwrap().push(second);
        document
    };
    let on_a_link = |vips: &[&str]| {
        json!({"pairs": [{"name": "ns", "vips": vips, "members": [
            {"name": "1", "address": "fe80::1"}, {"name": "2", "address": "fd00::2"}]}]})
    };
    #[rustfmt::skip]
    let cases: &[(&str, Value, &[&str])] = &[
        ("VRID beside a link-local VIP", routers(&["fd10::120"], "fd10"), &["pairs[1].vrid is 55, which is \"a\"'s on the same segment fd10::/64, too"]),
        ("link-local VIP again", routers(&["fe80::110"], "fd10"), &["pairs[1].vip is fe80::110, which is the vip of \"a\", too"]),
        ("one of two elsewhere", with("/pairs/0/vips/1", json!("10.20.21.53")), &["pairs[0].vips[1] is 10.20.21.53, which is in no prefix of vlans"]),
        ("vip and vips",        with("/pairs/0/vip", json!("10.20.20.55")), &["pairs[0].vips stands beside vip; a pair has one of the two"]),
        ("no vips",             with("/pairs/0/vips", json!([])), &["pairs[0].vips is an empty list; an active-active pair has neither vip nor vips"]),
        ("vip and a list of it", with("/pairs/0/vips", json!(["10.20.20.53"])), &["pairs[0].vips stands beside vip"]),
        ("a VIP again",         with("/pairs/0/vips/1", json!("10.20.20.53")), &["pairs[0].vips[1] is 10.20.20.53 again"]),
        ("second VIP is a member's", with("/pairs/0/vips/1", json!("10.20.20.54")), &["pairs[0].members[0].addresses[0] is the vip 10.20.20.54"]),
        ("second VIP is a node's", with("/nodes/0/address", json!("10.20.20.55")), &["nodes[0].address is the vip of the pair \"ns\", too"]),
        ("second VIP is another's", other("b", "10.20.20.55", 63, "10.20.20.61", "10.20.20.62"), &["pairs[1].vip is 10.20.20.55, which is the vip of \"ns\", too"]),
        ("on no link",          on_a_link(&["fe80::110"]), &["pairs[0].vip is fe80::110, a link-local address: interface must say on which link", "pairs[0].members[0].address is fe80::1, a link-local address"]),
        ("second one on no link", on_a_link(&["fd00::110", "fe80::110"]), &["pairs[0].vips[1] is fe80::110, a link-local address", "pairs[0].members[0].address is fe80::1, a link-local address"]),
    ];
    for (name, document, want) in cases {
        let got = faults(document);
        for want in *want {
            assert!(got.iter().any(|got| got.contains(want)), "{name}: {got:#?}");
        }
        assert_eq!(got.len(), want.len(), "{name}: {got:#?}");
    }
}

#[test]
fn what_is_fine() {
    let mut families = full();
    families["pairs"][0]["vips"][1] = json!("fd00::55");
    // The same link-local address, on two links; each of VRID 1.
    let link = |name: &str, interface: &str, net: u8| {
        json!({"name": name, "vip": "fe80::1", "vrid": 1, "interface": interface, "members": [
            {"name": "1", "address": format!("fd00::{net}:1")}, {"name": "2", "address": format!("fe80::{net}:2")}]})
    };
    let links = json!({"vlans": [{"vlan": 1, "prefix": "fd00::/64"}], "pairs": [link("a", "eth0", 1), link("b", "eth1", 2)]});
    let networks = routers(&["fe80::110", "fd11::110"], "fd11");
    let alone = routers(&["fe80::110"], "fd11");
    for (name, document) in [
        ("two families", families),
        ("two links", links),
        ("one name for two links", networks),
        ("one name for two links, by the members", alone),
    ] {
        assert_eq!(faults(&document), [] as [String; 0], "{name}");
    }
}

#[test]
fn a_list_of_vips_has_one_form() {
    let of = |vips: Value| {
        let site = json!({"pairs": [{"name": "ns", "vips": vips, "members": [{"name": "1", "vmid": 101}, {"name": "2", "vmid": 102}]}]});
        Site::parse(site.to_string().as_bytes()).unwrap()
    };
    let (one, two) = (of(json!(["10.0.0.1"])), of(json!(["10.0.0.1", "fd00::1"])));
    assert_eq!(one.document["pairs"][0]["vip"], json!("10.0.0.1"));
    assert_eq!(one.document["pairs"][0].get("vips"), None);
    assert_eq!(two.document["pairs"][0]["vip"], json!("10.0.0.1"));
    assert_eq!(
        two.document["pairs"][0]["vips"],
        json!(["10.0.0.1", "fd00::1"])
    );
    for site in [one, two] {
        let again = Site::parse(site.document.to_string().as_bytes());
        assert_eq!(again.unwrap(), site, "what is normalised stays so");
    }
}
