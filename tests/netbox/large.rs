//! More addresses than are read in one go: the same answers by other questions.

use serde_json::json;

use crate::{Section, client::Ours, server::Lab, strange::without_filters};

pub const SECTIONS: &[Section] = &[
    ("large: the same rules among many addresses", large),
    ("large: work grows with what is asked for", many),
];

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
    // Of a guest that is named, the records of its interfaces and of IPv6 are found by their keys alone.
    for (address, key) in [
        ("192.168.30.79/24", "mail/net1"),
        ("192.168.30.80/24", "mail//6"),
    ] {
        let fields = json!({"ipalloc_key": key});
        let new =
            json!({"address": address, "dns_name": "mx.lab.example", "custom_fields": fields});
        lab.make("/api/ipam/ip-addresses/", &new);
    }
    for (word, count) in [("mail", 2), ("mail/net1", 1), ("mai", 1)] {
        let ran = lab.ours().run(&format!("list {word}"));
        assert_eq!(ran.records().len(), count, "{ran:?}");
        assert_eq!(ran.code, i32::from(word == "mai"), "{ran:?}");
    }
}

fn many(lab: &Lab) {
    lab.sql("many.sql");
    #[rustfmt::skip]
    let cases = [
        ("the server chooses, in the /16",  "allocate --prefix 10.20.0.0/16 big",            "0: big 10.20.78.33/16 new", 9),
        ("the same again",                  "allocate --prefix 10.20.0.0/16 big",            "0: big 10.20.78.33/16", 8),
        ("we choose, in the /16",           "allocate --prefix 10.20.0.0/16 --avoid 20002 i", "0: i 10.20.78.35/16 new", 9),
        ("one that is named",               "allocate --prefix 10.20.0.0/16 --address 10.20.200.7 j", "0: j 10.20.200.7/16 new", 9),
        ("one that is taken",               "allocate --prefix 10.20.0.0/16 --address 10.20.7.7 k", "1: k !address-taken", 8),
        ("many names begin alike",          "allocate --prefix 10.20.0.0/16 h1",             "1: h1 !unowned", 8),
        ("on a VLAN",                       "allocate --vlan 10 v",                          "0: v 192.168.10.6/24 new", 10),
        ("again, elsewhere",                "allocate --vlan 30 v",                          "1: v !name-taken", 10),
        ("one of the many prefixes",        "allocate --prefix 10.64.7.0/24 w",              "0: w 10.64.7.2/24 new", 9),
        ("a child keeps its own",           "allocate --prefix 192.168.30.0/24 --address 192.168.30.140 c", "1: c !excluded", 8),
        ("a range keeps its own",           "allocate --prefix 192.168.30.0/24 --address 192.168.30.201 c", "1: c !excluded", 8),
        ("a range",                         "allocate --range 192.168.30.200 r",             "0: r 192.168.30.200/24 new", 11),
        ("a range that is none",            "allocate --range 192.168.30.7 s",               "1: s !no-prefix", 8),
        ("by its mask alone",               "allocate --address 10.64.9.9/24 m",             "0: m 10.64.9.9/24 new", 11),
        ("no such VLAN",                    "allocate --vlan 99 x",                          "1: x !no-prefix", 7),
        ("no such prefix",                  "allocate --prefix 10.9.0.0/24 x",               "1: x !no-prefix", 6),
        ("on VLAN and in prefix",           "allocate --vlan 30 --dry-run z",                "0: z 192.168.30.2/24 new", 9),
        ("retired",                         "release --retire v",                            "0: v 192.168.10.6/24 new", 9),
        ("revived",                         "allocate --vlan 10 v",                          "0: v 192.168.10.6/24 new", 11),
        ("released",                        "release big",                                   "0: big 10.20.78.33/16 new", 9),
    ];
    let mut wrong = String::new();
    // The last column is how many requests it may take, however much NetBox holds.
    for (name, line, want, limit) in cases {
        let ran = lab.ours().run(&format!("{line} -v"));
        let (got, requests) = (ran.short(), ran.requests());
        if got != want || requests > limit {
            wrong += &format!(
                "{name}: ipalloc {line}\n  want {want}\n  got  {got}, {requests} requests\n{}\n{}",
                ran.out, ran.err
            );
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    // A filter that is ignored is told, and nothing is made.
    for (names, place) in [
        (&["vlan_vid="][..], "--vlan 30"),
        (&["within_include="], "--prefix 10.64.8.0/24"),
        (&["within_include="], "--vlan 30"),
        (&["contains="], "--address 10.64.8.8/24"),
    ] {
        let proxy = lab.proxy(without_filters(names));
        let ran = Ours::new(&proxy.url).run(&format!("allocate {place} n"));
        ran.ends("3: ", &["was not honoured"]);
    }
    // What is in them is read, whatever their VLAN: nothing of a child is handed out.
    let child = json!({"prefix": "10.64.7.0/28", "status": "active"});
    lab.make("/api/ipam/prefixes/", &child);
    let next = lab.ours().run("allocate --prefix 10.64.7.0/24 after");
    assert_eq!(next.short(), "0: after 10.64.7.16/24 new");
    let place = json!({"start_address": "10.64.7.17/24", "end_address": "10.64.7.200/24", "status": "active"});
    lab.make("/api/ipam/ip-ranges/", &place);
    let next = lab.ours().run("allocate --prefix 10.64.7.0/24 behind");
    assert_eq!(next.short(), "0: behind 10.64.7.201/24 new");
    // More than NetBox tells of at once is in children: its records tell of the rest.
    for third in 0..8 {
        let child = json!({"prefix": format!("10.20.{}.0/24", 78 + third), "status": "active"});
        lab.make("/api/ipam/prefixes/", &child);
    }
    let next = lab.ours().run("allocate --prefix 10.20.0.0/16 far");
    assert_eq!(next.short(), "0: far 10.20.86.0/16 new");
    // `show` of one prefix reads that one.
    let ran = lab.ours().run("show -v --prefix 10.64.9.0/24");
    assert_eq!(ran.record()["used"], 1);
    assert!(ran.requests() <= 5, "{ran:?}");
    let shown = lab.ours().run("show --prefix 10.20.0.0/16").record();
    assert_eq!(
        (&shown["used"], &shown["next"]),
        (&json!(20_003), &json!("10.20.86.1/16"))
    );
}
