//! More addresses than are read in one go: the same answers by other questions.

use serde_json::json;

use crate::{Section, server::Lab};

pub const SECTIONS: &[Section] = &[("large: the same rules among many addresses", large)];

fn large(lab: &Lab) {
    lab.fresh_large();
    lab.make(
        "/api/ipam/ip-addresses/",
        &json!({"address": "192.168.30.77/24", "dns_name": "Web2.lab.example"}),
    );
    lab.make(
        "/api/ipam/ip-addresses/",
        &json!({"address": "192.168.30.78/24", "dns_name": "we"}),
    );
    #[rustfmt::skip]
    lab.ours().table(&[
        ("new",                "allocate --vlan 30 web",                      "", "0: web 192.168.30.2/24 new"),
        ("again",              "allocate --vlan 30 WEB",                      "", "0: WEB 192.168.30.2/24"),
        ("an interface",       "allocate --vlan 30 --interface eth1 web",     "", "0: web 192.168.30.3/24 new"),
        ("several prefixes",   "allocate", r#"{"name":"a","vlan":10}{"name":"b","vlan":40}{"name":"c","vlan":10}"#,
                               "0: a 192.168.10.6/24 new, b 192.168.40.2/28 new, c 192.168.10.8/24 new"),
        ("one has no prefix",  "allocate", r#"{"name":"d","vlan":10}{"name":"e","vlan":99}"#, "1: d !batch, e !no-prefix"),
        ("elsewhere",          "allocate --vlan 40 web",                      "", "1: web !name-taken"),
        ("bears the name",     "allocate --vlan 30 web2",                     "", "1: web2 !unowned"),
        ("adopted",            "allocate --vlan 30 --adopt web2",             "", "0: web2 192.168.30.77/24 new"),
        ("bears another's name", "allocate --vlan 10 old-7",                  "", "1: old-7 !unowned"),
        ("taken",              "allocate --vlan 30 --address 192.168.30.2 x", "", "1: x !address-taken"),
        ("in a VRF",           "allocate --prefix 192.168.10.0/24 --vrf blue x", "", "0: x 192.168.10.2/24 new"),
        ("among the many",     "allocate --prefix 10.20.0.0/16 y",            "", "0: y 10.20.1.5/16 new"),
        ("retire",             "release --retire y",                          "", "0: y 10.20.1.5/16 new"),
        ("revive",             "allocate --prefix 10.20.0.0/16 y",            "", "0: y 10.20.1.5/16 new"),
        ("release",            "release y x nobody",                          "", "0: y 10.20.1.5/16 new, x 192.168.10.2/24 new, nobody"),
        ("not ours",           "release old-7",                               "", "1: old-7 !not-ours"),
    ]);
    let show = lab.ours().run("show --prefix 10.20.0.0/16").record();
    assert_eq!(
        (&show["used"], &show["next"]),
        (&json!(260), &json!("10.20.1.5/16"))
    );
    assert_eq!(lab.ours().run("show").records().len(), 20);
    let ran = lab
        .ours()
        .fed("check", r#"{"name":"web","address":"192.168.30.2/24"}"#);
    assert_eq!(ran.records().len(), 5, "{ran:?}");
    // So many names that one query cannot hold them: 50 with 60 characters.
    let names: Vec<String> = (0..50).map(|n| format!("guest-{n:0>54}")).collect();
    let names = names.join(" ");
    for (verb, how) in [
        ("allocate --vlan 10", true),
        ("allocate --vlan 10", false),
        ("release", true),
    ] {
        let ran = lab.ours().run(&format!("{verb} {names}"));
        let changed = format!("\"changed\":{how}");
        assert_eq!(
            (ran.code, ran.out.matches(&changed).count(), &*ran.err),
            (0, 50, ""),
            "{verb}: {ran:?}"
        );
    }
}
