//! Which address a request gets, and which it is refused: the rules on real data.

use serde_json::{Value, json};

use crate::{Section, server::Lab};

pub const SECTIONS: &[Section] = &[
    ("rules: allocate, again, changed", again),
    ("rules: batches in order, all or nothing", batches),
    ("rules: wanted addresses and fallback", wanted),
    ("rules: ranges and child prefixes", ranges),
    ("rules: closed prefixes with and without --force", closed),
    ("rules: VRFs and ambiguity", tables),
    ("rules: pool, /31, /32, /30, IPv6", sizes),
    ("rules: what is stored", stored),
    ("rules: as few requests as promised", requests),
];

fn again(lab: &Lab) {
    #[rustfmt::skip]
    lab.ours().table(&[
        ("a rehearsal",            "allocate --vlan 30 --dry-run web",            "", "0: web 192.168.30.2/24 new"),
        ("the first time",         "allocate --vlan 30 web",                      "", "0: web 192.168.30.2/24 new"),
        ("again",                  "allocate --vlan 30 web",                      "", "0: web 192.168.30.2/24"),
        ("in capitals, with a dot", "allocate --vlan 30 WEB.",                    "", "0: WEB. 192.168.30.2/24"),
        ("with a domain now",      "allocate --vlan 30 --domain lab.example web", "", "0: web 192.168.30.2/24"),
        ("another interface",      "allocate --vlan 30 --interface eth1 web",     "", "0: web 192.168.30.3/24 new"),
        ("that has an address elsewhere", "allocate --vlan 40 web",               "", "1: web !name-taken"),
        ("not the one it has",     "allocate --vlan 30 --address 192.168.30.9 web", "", "1: web !name-taken"),
        ("no host name",           "allocate --vlan 30 w_b- x",                   "", "1: w_b- !bad-name, x !batch"),
        ("no such VLAN",           "allocate --vlan 31 db",                       "", "1: db !no-prefix"),
        ("no input",               "allocate --vlan 30",                          "\n", "0: "),
        ("a failed record passes", "allocate --vlan 30", r#"{"name":"e","error":{"code":"x","message":"y"}}"#, "1: e !x"),
    ]);
    assert_eq!(
        lab.owned(),
        ["web 192.168.30.2/24", "web/eth1 192.168.30.3/24"]
    );
    let record = lab.ours().run("allocate --vlan 30 web").record();
    assert_eq!(record["ipam_id"], lab.address("192.168.30.2")["id"]);
}

fn batches(lab: &Lab) {
    let before = lab.count();
    #[rustfmt::skip]
    lab.ours().table(&[
        ("one has no prefix",  "allocate", r#"{"name":"a","vlan":10}{"name":"b","vlan":99}"#,             "1: a !batch, b !no-prefix"),
        ("one name twice",     "allocate --vlan 10 a b A", "",                                            "1: a !duplicate-name, b !batch, A !duplicate-name"),
        ("one more than fit",  "allocate --vlan 40 a b c d e f g h i j k l m n", "", "1: a !batch, b !batch, c !batch, d !batch, e !batch, f !batch, g !batch, h !batch, i !batch, j !batch, k !batch, l !batch, m !batch, n !exhausted"),
    ]);
    assert_eq!(lab.count(), before, "something was made");
    #[rustfmt::skip]
    lab.ours().table(&[
        ("several prefixes",   "allocate", r#"{"name":"a","vlan":10}{"name":"b","vlan":40}{"name":"c","vlan":10}"#,
                               "0: a 192.168.10.6/24 new, b 192.168.40.2/28 new, c 192.168.10.8/24 new"),
        ("old and new",        "allocate --vlan 10 c d a e", "", "0: c 192.168.10.8/24, d 192.168.10.9/24 new, a 192.168.10.6/24, e 192.168.10.10/24 new"),
        ("wanted after next",  "allocate --vlan 40", r#"{"name":"f"}{"name":"g","address":"192.168.40.3"}"#, "0: f 192.168.40.4/28 new, g 192.168.40.3/28 new"),
        ("exactly full",       "allocate --vlan 40 h i j k l m n o p q", "",
                               "0: h 192.168.40.5/28 new, i 192.168.40.6/28 new, j 192.168.40.7/28 new, k 192.168.40.8/28 new, l 192.168.40.9/28 new, m 192.168.40.10/28 new, n 192.168.40.11/28 new, o 192.168.40.12/28 new, p 192.168.40.13/28 new, q 192.168.40.14/28 new"),
        ("full",               "allocate --vlan 40 r", "", "1: r !exhausted"),
    ]);
}

fn wanted(lab: &Lab) {
    #[rustfmt::skip]
    lab.ours().table(&[
        ("free",               "allocate --vlan 30 --address 192.168.30.50 a",    "", "0: a 192.168.30.50/24 new"),
        ("with its mask",      "allocate --vlan 30 --address 192.168.30.51/24 b", "", "0: b 192.168.30.51/24 new"),
        ("with another mask",  "allocate --vlan 30 --address 192.168.30.52/25 c", "", "1: c !excluded"),
        ("taken",              "allocate --vlan 30 --address 192.168.30.50 c",    "", "1: c !address-taken"),
        ("taken by a /32",     "allocate --vlan 10 --address 192.168.10.7 c",     "", "1: c !address-taken"),
        ("taken, fallback",    "allocate --vlan 30 --address 192.168.30.50 --fallback next c", "", "0: c 192.168.30.2/24 new"),
        ("the gateway",        "allocate --vlan 30 --address 192.168.30.1 d",     "", "1: d !excluded"),
        ("in a range",         "allocate --vlan 30 --address 192.168.30.200 d",   "", "1: d !excluded"),
        ("in a child",         "allocate --vlan 30 --address 192.168.30.140 d",   "", "1: d !excluded"),
        ("elsewhere",          "allocate --vlan 30 --address 192.168.31.5 d",     "", "1: d !excluded"),
        ("the broadcast",      "allocate --vlan 10 --address 192.168.10.255 d",   "", "1: d !excluded"),
        ("avoided",            "allocate --vlan 30 --avoid 3-9 d",                "", "0: d 192.168.30.10/24 new"),
    ]);
}

fn ranges(lab: &Lab) {
    lab.make("/api/ipam/ip-ranges/", &json!({"start_address": "192.168.61.10/24", "end_address": "192.168.61.11/24", "status": "active"}));
    #[rustfmt::skip]
    lab.ours().table(&[
        ("by its first",       "allocate --range 192.168.30.200 a",                "", "0: a 192.168.30.200/24 new"),
        ("by both ends",       "allocate --range 192.168.30.200-192.168.30.250 b", "", "0: b 192.168.30.201/24 new"),
        ("no such range",      "allocate --range 192.168.30.201 c",                "", "1: c !no-prefix"),
        ("two addresses",      "allocate --range 192.168.61.10 c d",               "", "0: c 192.168.61.10/24 new, d 192.168.61.11/24 new"),
        ("full",               "allocate --range 192.168.61.10 e",                 "", "1: e !exhausted"),
        ("populated",          "allocate --range 192.168.80.1 e",                  "", "1: e !excluded"),
        ("populated, forced",  "allocate --range 192.168.80.1 --force e",          "", "1: e !excluded"),
        ("utilized",           "allocate --range 192.168.80.150 e",                "", "1: e !excluded"),
        ("utilized, forced",   "allocate --range 192.168.80.150 --force e",        "", "0: e 192.168.80.150/24 new"),
        ("outside of ranges",  "allocate --prefix 192.168.80.0/24 f",              "", "0: f 192.168.80.111/24 new"),
        ("a range is in it",   "allocate --prefix 192.168.61.0/24 g h",            "", "0: g 192.168.61.2/24 new, h 192.168.61.3/24 new"),
        ("the child",          "allocate --prefix 192.168.30.128/25 i",            "", "0: i 192.168.30.130/25 new"),
    ]);
    // Which NetBox would refuse itself; --force opens what it would not.
    let (status, refusal) = lab.api(
        "POST",
        "/api/ipam/ip-addresses/",
        Some(&json!({"address": "192.168.80.5/24"})),
    );
    assert!(
        status == 400 && refusal.to_string().contains("inside range"),
        "{refusal}"
    );
}

fn closed(lab: &Lab) {
    #[rustfmt::skip]
    lab.ours().table(&[
        ("container",          "allocate --prefix 192.168.0.0/16 a",          "", "1: a !excluded"),
        ("deprecated",         "allocate --prefix 192.168.62.0/29 a",         "", "1: a !excluded"),
        ("reserved",           "allocate --prefix 192.168.62.8/29 a",         "", "1: a !excluded"),
        ("utilized",           "allocate --prefix 192.168.51.0/29 a",         "", "1: a !excluded"),
        ("container, forced",  "allocate --prefix 192.168.0.0/16 --force a",  "", "0: a 192.168.0.2/16 new"),
        ("deprecated, forced", "allocate --prefix 192.168.62.0/29 --force b", "", "0: b 192.168.62.2/29 new"),
        ("reserved, forced",   "allocate --prefix 192.168.62.8/29 --force c", "", "0: c 192.168.62.10/29 new"),
        ("utilized, forced",   "allocate --prefix 192.168.51.0/29 --force d", "", "0: d 192.168.51.2/29 new"),
    ]);
}

fn tables(lab: &Lab) {
    #[rustfmt::skip]
    lab.ours().table(&[
        ("two prefixes on it", "allocate --vlan 50 a",                                    "", "1: a !ambiguous-prefix"),
        ("one of them named",  "allocate --vlan 50 --prefix 192.168.61.0/24 a",           "", "0: a 192.168.61.2/24 new"),
        ("in two tables",      "allocate --prefix 192.168.10.0/24 b",                     "", "1: b !ambiguous-prefix"),
        ("in the VRF",         "allocate --prefix 192.168.10.0/24 --vrf blue b",          "", "0: b 192.168.10.2/24 new"),
        ("the server chooses", "allocate --prefix 192.168.10.0/24 --vrf blue c d",        "", "0: c 192.168.10.3/24 new, d 192.168.10.4/24 new"),
        ("we choose",          "allocate --prefix 192.168.10.0/24 --vrf blue --avoid 5 e", "", "0: e 192.168.10.6/24 new"),
        ("in the global one",  "allocate --prefix 192.168.10.0/24 --vrf Global f",        "", "0: f 192.168.10.6/24 new"),
        ("no such VRF",        "allocate --prefix 192.168.10.0/24 --vrf red g",           "", "1: g !no-prefix"),
        ("has it elsewhere",   "allocate --prefix 192.168.10.0/24 --vrf Global b",        "", "1: b !name-taken"),
    ]);
    let got = lab.ours().run("allocate --vlan 50 h").record();
    let want = "more than one prefix on VLAN 50: 192.168.60.0/24, 192.168.61.0/24; name prefix, or narrow them (--scope, --vlan-group, --prefix-tenant), or take all as one pool (--pool)";
    assert_eq!(got["error"]["message"], want);
    let vrf = |address: &str| {
        lab.results(&format!(
            "/api/ipam/ip-addresses/?vrf=65000:1&address={address}"
        ))
        .len()
    };
    assert_eq!((vrf("192.168.10.2"), vrf("192.168.10.6")), (1, 1));
}

fn sizes(lab: &Lab) {
    #[rustfmt::skip]
    lab.ours().table(&[
        ("pool: its first",    "allocate --prefix 192.168.50.0/29 a",                    "", "0: a 192.168.50.0/29 new"),
        ("pool: the gateway",  "allocate --prefix 192.168.50.0/29 b",                    "", "0: b 192.168.50.2/29 new"),
        ("pool: its last",     "allocate --prefix 192.168.50.0/29 --address 192.168.50.7 c", "", "0: c 192.168.50.7/29 new"),
        ("/31",                "allocate --prefix 192.168.52.0/31 d e",                  "", "0: d 192.168.52.0/31 new, e 192.168.52.1/31 new"),
        ("/31, full",          "allocate --prefix 192.168.52.0/31 f",                    "", "1: f !exhausted"),
        ("/32",                "allocate --prefix 192.168.52.8/32 f",                    "", "0: f 192.168.52.8/32 new"),
        ("/32, full",          "allocate --prefix 192.168.52.8/32 g",                    "", "1: g !exhausted"),
        ("/30",                "allocate --prefix 192.168.52.16/30 g",                   "", "0: g 192.168.52.18/30 new"),
        ("/30, no gateway",    "allocate --prefix 192.168.52.16/30 --gateway none h",    "", "0: h 192.168.52.17/30 new"),
        ("/30, full",          "allocate --prefix 192.168.52.16/30 i",                   "", "1: i !exhausted"),
        ("/64",                "allocate --vlan 60 i",                                   "", "0: i fd00:30::2/64 new"),
        ("/64, wanted",        "allocate --vlan 60 --address FD00:30:0::00AB j",         "", "0: j fd00:30::ab/64 new"),
        ("/64, its first",     "allocate --vlan 60 --gateway none k",                    "", "0: k fd00:30::1/64 new"),
        ("/127",               "allocate --prefix fd00:31::/127 l m",                    "", "0: l fd00:31::/127 new, m fd00:31::1/127 new"),
        ("a /16 of 65534",     "allocate --prefix 10.20.0.0/16 --address 10.20.255.254 n", "", "0: n 10.20.255.254/16 new"),
    ]);
}

fn stored(lab: &Lab) {
    lab.make(
        "/api/extras/tags/",
        &json!({"name": "Made by us", "slug": "made-by-us"}),
    );
    let input = r#"{"name":"Web","vlan":30,"domain":"x","description":"the \"web\" – ä","tags":["made-by-us"]}"#;
    let record = lab
        .ours()
        .fed("allocate --domain lab.example --interface eth0", input)
        .record();
    let stored = lab.address("192.168.30.2");
    #[rustfmt::skip]
    let cases = [
        ("dns_name",     &stored["dns_name"],                     json!("web.lab.example")),
        ("printed",      &record["dns_name"],                     json!("web.lab.example")),
        ("key",          &stored["custom_fields"]["ipalloc_key"], json!("web/eth0")),
        ("description",  &stored["description"],                  json!("the \"web\" – ä")),
        ("tag",          &stored["tags"][0]["slug"],              json!("made-by-us")),
        ("status",       &stored["status"]["value"],              json!("active")),
        ("unknown field", &record["domain"],                      json!("x")),
    ];
    for (name, got, want) in cases {
        assert_eq!(*got, want, "{name}");
    }
    let ran = lab.ours().run("allocate --vlan 30 --tags nobody-made-it b");
    ran.ends("1: b !unknown-tag", &[]);
    let message = ran.record()["error"]["message"].to_string();
    assert!(message.contains("nobody-made-it"), "{message}");
    lab.ours()
        .run("allocate --vlan 10 log")
        .ends("0: log 192.168.10.6/24 new", &[]);
    lab.ours()
        .run("release log")
        .ends("0: log 192.168.10.6/24 new", &[]);
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    for (verb, at_least) in [("allocate", 2), ("release", 1)] {
        let query = format!("/api/core/object-changes/?limit=0&q=ipalloc%20{verb}");
        let messages = lab.results(&query);
        let want = format!("ipalloc {verb} (tester@{}, run ", host.trim());
        let is_ours = |change: &&Value| {
            let message = change["message"].as_str().unwrap_or_default();
            message.starts_with(&want) && message.ends_with(')')
        };
        let ours = messages.iter().filter(is_ours).count();
        assert!(ours >= at_least, "{want}: {messages:?}");
    }
}

fn requests(lab: &Lab) {
    let fifty: Vec<String> = (0..50).map(|n| format!("g{n}")).collect();
    let names = fifty.join(" ");
    for (what, large) in [("few addresses", false), ("many addresses", true)] {
        if large {
            lab.fresh_large();
        }
        #[rustfmt::skip]
        let cases = [
            ("plain",             "allocate -v --vlan 10 web".to_owned(),                    4),
            ("again",             "allocate -v --vlan 10 web".to_owned(),                    3),
            ("with range and child", "allocate -v --vlan 30 db".to_owned(),                  5),
            ("50 names",          format!("allocate -v --vlan 10 {names}"),                  4),
            ("50 names, again",   format!("allocate -v --vlan 10 {names}"),                  3),
            ("release",           "release -v web".to_owned(),                               4),
            ("show",              "show -v --vlan 10".to_owned(),                            5),
        ];
        for (name, line, limit) in cases {
            let ran = lab.ours().run(&line);
            let made = ran.requests();
            // Of many addresses, what matters is asked for one by one.
            let limit = if large { 9 } else { limit };
            assert!(
                ran.code == 0 && made <= limit && made > 0,
                "{what}, {name}: {made} requests\n{}",
                ran.err
            );
        }
    }
}
