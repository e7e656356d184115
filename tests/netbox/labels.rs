//! Tenants, roles, statuses and custom fields of what is allocated, and that an address whose role
//! hosts share is one guest's all the same.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    Section,
    client::{Ours, Ran},
    races::{sound, token},
    server::Lab,
};

pub const SECTIONS: &[Section] = &[
    ("labels: every kind, told when they differ", kinds),
    ("labels: what is refused", refused),
    ("labels: 24 processes, a role that hosts share", shared_role),
    ("labels: a token that may not change or look", limited),
];

/// Those that need [`Lab::loose`].
pub const LOOSE: &[Section] = &[(
    "labels: a role that hosts share, where duplicates are allowed",
    loose,
)];

/// A custom field of addresses for each kind.
fn make_fields(lab: &Lab) {
    let tenant = lab.make(
        "/api/tenancy/tenants/",
        &json!({"name": "Acme Inc", "slug": "acme"}),
    );
    assert!(tenant["id"].is_u64());
    let choices = json!({"name": "sites", "extra_choices": [["b", "Berlin"], ["k", "Kiel"]]});
    let set = lab.make("/api/extras/custom-field-choice-sets/", &choices)["id"].clone();
    let kinds = "text longtext integer decimal boolean date datetime url json select multiselect object multiobject";
    for kind in kinds.split(' ') {
        let mut field =
            json!({"name": format!("a_{kind}"), "type": kind, "object_types": ["ipam.ipaddress"]});
        if kind.ends_with("select") {
            field["choice_set"] = set.clone();
        }
        if kind.ends_with("object") {
            field["related_object_type"] = json!("tenancy.tenant");
        }
        lab.make("/api/extras/custom-fields/", &field);
    }
}

const GIVEN: &str = "--tenant acme --ipam-status reserved --cf a_text=5 --cf a_longtext=x --cf a_integer=-5 --cf a_decimal=1.50 \
    --cf a_boolean=true --cf a_date=2026-11-26 --cf a_datetime=2026-11-26T10:00:00+00:00 --cf a_url=https://example.com/?a=b \
    --cf a_json={\"a\":[1]} --cf a_select=b --cf a_multiselect=b,k --cf a_object={\"slug\":\"acme\"} --cf a_multiobject=ID";

fn kinds(lab: &Lab) {
    make_fields(lab);
    let tenant = lab.results("/api/tenancy/tenants/?slug=acme")[0]["id"].to_string();
    let given = GIVEN.replace("ID", &tenant);
    let ours = lab.ours();
    for (vlan, role, name) in [(10, "loopback", "a"), (30, "vip", "b"), (10, "vip", "c")] {
        let line = format!("allocate --vlan {vlan} {given} --ipam-role {role} {name}");
        let made = ours.run(&line);
        assert!(
            made.short().ends_with(" new") && made.err.is_empty(),
            "{made:?}"
        );
        let address = made.record()["address"].as_str().unwrap().to_owned();
        let record = lab.address(address.split('/').next().unwrap());
        let fields = &record["custom_fields"];
        let id: u64 = tenant.parse().unwrap();
        #[rustfmt::skip]
        let want = [
            ("tenant",      &record["tenant"]["slug"],  json!("acme")),
            ("role",        &record["role"]["value"],   json!(role)),
            ("status",      &record["status"]["value"], json!("reserved")),
            ("comments",    &record["comments"],        json!("")),
            ("the owner",   &fields["ipalloc_key"],     json!(name)),
            ("text",        &fields["a_text"],          json!("5")),
            ("integer",     &fields["a_integer"],       json!(-5)),
            ("decimal",     &fields["a_decimal"],       json!(1.5)),
            ("boolean",     &fields["a_boolean"],       json!(true)),
            ("date",        &fields["a_date"],          json!("2026-11-26")),
            ("url",         &fields["a_url"],           json!("https://example.com/?a=b")),
            ("json",        &fields["a_json"],          json!({"a": [1]})),
            ("select",      &fields["a_select"]["value"], json!("b")),
            ("multiselect", &fields["a_multiselect"][1]["value"], json!("k")),
            ("object",      &fields["a_object"]["id"],  json!(id)),
            ("multiobject", &fields["a_multiobject"][0]["id"], json!(id)),
        ];
        for (what, got, want) in want {
            assert_eq!(*got, want, "{name}: {what}");
        }
        let again = ours.run(&line).record();
        assert_eq!(
            (&again["changed"], again.get("differs")),
            (&json!(false), None),
            "{again}"
        );
        let listed = ours.run(&format!("list {name}"));
        let again = ours.fed("allocate", &listed.out).record();
        assert_eq!(
            (&again["changed"], again.get("differs")),
            (&json!(false), None),
            "{again}"
        );
    }
    let other = "--tenant other --ipam-role secondary --ipam-status active --cf a_integer=6 --cf a_select=k --cf a_text=5";
    let told = ours.run(&format!("allocate --vlan 10 {other} a")).record();
    let differs = json!({"tenant": "acme", "ipam_role": "loopback", "ipam_status": "reserved",
        "custom_fields": {"a_integer": -5, "a_select": "b"}});
    assert_eq!(
        (&told["changed"], &told["differs"]),
        (&json!(false), &differs)
    );
    // Values of a record are sent as they are.
    let record = r#"{"name":"d","vlan":30,"custom_fields":{"a_integer":7,"a_multiselect":["k"],"a_boolean":null}}"#;
    ours.fed("allocate --cf a_text=x --cf a_integer=8", record)
        .ends("0: d 192.168.30.3/24 new", &[]);
    let fields = lab.address("192.168.30.3")["custom_fields"].clone();
    assert_eq!(
        json!([fields["a_text"], fields["a_integer"]]),
        json!(["x", 7])
    );
    // The kinds are asked for once, where a custom field is an option, and nothing else costs a request.
    let requests = |options: &str| {
        let ran = ours.run(&format!("allocate --vlan 10 -v {options} a"));
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.requests()
    };
    let without = requests("");
    assert_eq!(requests("--tenant acme --ipam-role loopback"), without);
    assert_eq!(requests("--cf a_text=5 --cf a_integer=-5"), without + 1);
    assert!(without <= 3, "{without}");
}

fn refused(lab: &Lab) {
    make_fields(lab);
    let group = lab.make(
        "/api/tenancy/tenant-groups/",
        &json!({"name": "g", "slug": "g"}),
    );
    for group in [Value::Null, group["id"].clone()] {
        let twin = json!({"name": "Twin", "slug": "twin", "group": group});
        lab.make("/api/tenancy/tenants/", &twin);
    }
    let ours = lab.ours();
    let wrong = r#"{"name":"b","vlan":10,"custom_fields":{"a_integer":"x"}}"#;
    let unknown = r#"{"name":"b","vlan":30,"custom_fields":{"none":1}}"#;
    let two = r#"{"name":"a","vlan":30,"tenant":"acme"}{"name":"b","vlan":30,"tenant":"none"}"#;
    #[rustfmt::skip]
    ours.table(&[
        ("no such tenant",    "allocate --vlan 10 --tenant none a",  "", "1: a !unknown-tenant"),
        ("chosen",            "allocate --vlan 30 --tenant none a",  "", "1: a !unknown-tenant"),
        ("two of them",       "allocate --vlan 30 --tenant twin a",  "", "1: a !unknown-tenant"),
        ("in a batch",        "allocate", two,                           "1: a !batch, b !unknown-tenant"),
        ("another kind",      "allocate", wrong,                         "1: b !refused-value"),
        ("no such field",     "allocate", unknown,                       "1: b !refused-value"),
        ("an IPv6 status",    "allocate --vlan 30 --ipam-status slaac a", "", "1: a !bad-field"),
        ("a status of nobody's", "allocate --vlan 30 --ipam-status lab --status-open lab a", "", "1: a !refused-value"),
        ("no choice",         "allocate --vlan 30 --cf a_select=x a", "", "1: a !refused-value"),
    ]);
    let message =
        ours.run("allocate --vlan 30 --tenant none a").record()["error"]["message"].clone();
    assert!(message.as_str().unwrap().contains("'none'"), "{message}");
    for (options, told) in [
        (
            "--cf a_integer=x",
            "--cf a_integer: \"x\" is not an integer",
        ),
        (
            "--cf none=x",
            "--cf none: NetBox has no such custom field of IP addresses, or the token may not see it; there is a_boolean, a_date,",
        ),
    ] {
        ours.run(&format!("allocate --vlan 30 {options} a"))
            .ends("2: ", &[told]);
    }
    lab.make(
        "/api/extras/custom-fields/",
        &json!({"name": "ticket", "type": "text", "object_types": ["ipam.ipaddress"], "required": true}),
    );
    let message = ours.run("allocate --vlan 30 a").record()["error"]["message"].clone();
    assert!(
        message
            .as_str()
            .unwrap()
            .ends_with("(--cf ticket=VALUE gives it)"),
        "{message}"
    );
    #[rustfmt::skip]
    ours.table(&[
        ("with a value",  "allocate --vlan 30 --cf ticket=T-7 a", "", "0: a 192.168.30.2/24 new"),
        ("by the server", "allocate --vlan 10 --cf ticket=T-7 b", "", "0: b 192.168.10.6/24 new"),
    ]);
    assert_eq!(lab.owned(), ["b 192.168.10.6/24", "a 192.168.30.2/24"]);
}

/// Each is somebody's alone, although NetBox would take a second record of each.
fn shared_role(lab: &Lab) {
    let lines = |role: &'static str| {
        move |n: usize| {
            let vlan = if n.is_multiple_of(3) { 10 } else { 30 };
            format!("allocate --vlan {vlan} --ipam-role {role} --timeout 120s {role}{n}")
        }
    };
    let all = lab.ours().at_once((0..24).map(lines("vip")));
    sound(lab, &all);
    let labels = |name: &str| {
        let all = lab.results(&format!("/api/ipam/ip-addresses/?limit=0&role={name}"));
        let ours = all
            .into_iter()
            .filter(|r| r["custom_fields"]["ipalloc_key"].is_string());
        ours.map(|r| r["comments"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(labels("vip"), vec![json!(""); 24]);
    // One owner, whose record one of them finishes.
    let all = lab.ours().at_once(
        (0..16).map(|_| "allocate --vlan 30 --ipam-role carp --timeout 120s one".to_owned()),
    );
    let addresses: BTreeSet<String> = all
        .iter()
        .map(|ran| ran.record()["address"].to_string())
        .collect();
    assert!(
        all.iter().all(|ran| ran.code == 0) && addresses.len() == 1,
        "{all:?}"
    );
    assert_eq!(labels("carp"), [json!("")]);
    // What has such a role is never handed out a second time, nor wanted.
    lab.ours()
        .run("allocate --vlan 30 --ipam-role carp --address 192.168.30.2 two")
        .ends("1: two !address-taken", &[]);
}

fn limited(lab: &Lab) {
    make_fields(lab);
    let ours = lab.ours().token(&token(lab, &["view", "add"]));
    let ran = ours.run("allocate --vlan 30 --ipam-role vip a");
    ran.ends(
        "3: a 192.168.30.2/24 new !unfinished",
        &["may add but not change"],
    );
    assert_eq!(lab.address("192.168.30.2")["role"], Value::Null);
    // Where the server chooses, the role goes with the request.
    ours.run("allocate --vlan 10 --ipam-role vip b")
        .ends("0: b 192.168.10.6/24 new", &[]);
    lab.ours()
        .run("allocate --vlan 30 a")
        .ends("0: a 192.168.30.2/24 new", &[]);
    let record = lab.address("192.168.30.2");
    assert_eq!(
        json!([record["role"]["value"], record["comments"]]),
        json!(["vip", ""])
    );
    ours.run("allocate --vlan 30 --ipam-role vip a")
        .ends("0: a 192.168.30.2/24", &[]);
    ours.run("allocate --vlan 30 --cf a_text=5 --dry-run c")
        .ends(
            "0: c 192.168.30.3/24 new",
            &["the token may not see custom fields"],
        );
    ours.run("allocate --vlan 30 --tenant acme c")
        .ends("1: c !unknown-tenant", &[]);
}

/// Nothing but ipalloc keeps two apart there.
fn loose(lab: &Lab) {
    let ours = Ours::new(lab.loose());
    let line = |n: usize| {
        let role = if n.is_multiple_of(2) {
            "--ipam-role vip"
        } else {
            ""
        };
        format!("allocate --vlan 30 {role} --timeout 120s g{n}")
    };
    let all: Vec<Ran> = ours.at_once((0..24).map(line));
    sound(lab, &all);
}
