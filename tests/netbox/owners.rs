//! Whose an address is: names without an owner, releasing, retiring, and records that
//! somebody else changes meanwhile.

use serde_json::{Value, json};

use crate::{
    Section,
    client::Ours,
    proxy::{Reply, Upstream},
    server::Lab,
    wire::Message,
};

/// What changes records: the ETag that a change carries is made of a time.
pub const EVERYWHERE: &[Section] = &[
    ("owners: unowned names, --adopt", adopt),
    ("owners: release, --force, --retire, revival", release),
    ("owners: a record changed meanwhile is left alone", changed),
];

pub const SECTIONS: &[Section] = &[
    ("owners: show", show),
    ("owners: check", check),
    ("owners: what a record says otherwise", drift),
];

fn bearing(lab: &Lab, address: &str, name: &str) {
    lab.make(
        "/api/ipam/ip-addresses/",
        &json!({"address": address, "dns_name": name}),
    );
}

fn adopt(lab: &Lab) {
    bearing(lab, "192.168.30.77/24", "old.lab.example");
    bearing(lab, "192.168.40.7/28", "far");
    bearing(lab, "192.168.30.78/24", "twin");
    bearing(lab, "192.168.30.79/24", "twin.lab.example");
    #[rustfmt::skip]
    lab.ours().table(&[
        ("bears the name",     "allocate --vlan 30 old",                 "", "1: old !unowned"),
        ("another domain",     "allocate --vlan 30 --domain x.example old2", "", "0: old2 192.168.30.2/24 new"),
        ("elsewhere",          "allocate --vlan 30 far",                 "", "1: far !unowned"),
        ("elsewhere, adopt",   "allocate --vlan 30 --adopt far",         "", "1: far !unowned"),
        ("two of them",        "allocate --vlan 30 --adopt twin",        "", "1: twin !unowned"),
        ("two, one wanted",    "allocate --vlan 30 --adopt --address 192.168.30.79 twin", "", "0: twin 192.168.30.79/24 new"),
        ("a shared address",   "allocate --vlan 10 --adopt vip",         "", "1: vip !unowned"),
        ("a rehearsal",        "allocate --vlan 30 --adopt --dry-run old", "", "0: old 192.168.30.77/24 new"),
        ("adopted",            "allocate --vlan 30 --adopt old",         "", "0: old 192.168.30.77/24 new"),
        ("adopted before",     "allocate --vlan 30 old",                 "", "0: old 192.168.30.77/24"),
        ("by its other name",  "allocate --vlan 30 --domain lab.example old.lab.example", "", "1: old.lab.example !name-taken"),
        ("nobody's, shorter",  "allocate --vlan 30 --domain x.example far.x.example", "", "1: far.x.example !unowned"),
        ("in two domains",     "allocate --vlan 30 --domain y.example old2", "", "1: old2 !name-taken"),
        ("adopted and made",   "allocate --vlan 10 --adopt gw10 new",    "", "0: gw10 192.168.10.1/24 new, new 192.168.10.6/24 new"),
    ]);
    assert_eq!(
        lab.address("192.168.30.77")["custom_fields"]["ipalloc_key"],
        "old"
    );
}

fn release(lab: &Lab) {
    bearing(lab, "192.168.30.77/24", "old.lab.example");
    lab.ours().run("allocate --vlan 30 a b c").ends(
        "0: a 192.168.30.2/24 new, b 192.168.30.3/24 new, c 192.168.30.4/24 new",
        &[],
    );
    #[rustfmt::skip]
    lab.ours().table(&[
        ("a rehearsal",        "release --dry-run a",                    "", "0: a 192.168.30.2/24 new"),
        ("one",                "release a",                              "", "0: a 192.168.30.2/24 new"),
        ("again",              "release a",                              "", "0: a"),
        ("given out at once",  "allocate --vlan 30 d",                   "", "0: d 192.168.30.2/24 new"),
        ("not ours",           "release old d",                          "", "1: old !not-ours, d !batch"),
        ("not ours, forced",   "release --force old",                    "", "0: old 192.168.30.77/24 new"),
        ("retire",             "release --retire b c",                   "", "0: b 192.168.30.3/24 new, c 192.168.30.4/24 new"),
        ("retired before",     "release --retire b",                     "", "0: b 192.168.30.3/24"),
        ("not free yet",       "allocate --vlan 30 e",                   "", "0: e 192.168.30.5/24 new"),
        ("revived",            "allocate --vlan 30 b",                   "", "0: b 192.168.30.3/24 new"),
        ("alive",              "allocate --vlan 30 b",                   "", "0: b 192.168.30.3/24"),
        ("none is old",        "release --retired-before 1h",            "", "0: "),
        ("old, a rehearsal",   "release --retired-before 0s --dry-run",  "", "0: c 192.168.30.4/24 new"),
        ("old",                "release --retired-before 0s",            "", "0: c 192.168.30.4/24 new"),
    ]);
    assert_eq!(lab.address("192.168.30.3")["status"]["value"], "active");
    assert_eq!(lab.address("192.168.30.3")["comments"], "");
    assert_eq!(
        lab.owned(),
        [
            "d 192.168.30.2/24",
            "b 192.168.30.3/24",
            "e 192.168.30.5/24"
        ]
    );
}

/// Changes the record by another client just before a change of ours gets through.
fn meddle(request: &Message, up: &Upstream) -> Reply {
    if ["PATCH", "DELETE"].contains(&request.method()) {
        let authorization = request.header("authorization").unwrap_or_default();
        let body = json!({"description": "somebody else's"});
        let other = Message::request("PATCH", request.target(), authorization, Some(&body));
        assert_eq!(up.send(&other).status(), 200);
    }
    up.pass(request)
}

fn changed(lab: &Lab) {
    bearing(lab, "192.168.30.77/24", "old");
    lab.ours()
        .run("allocate --vlan 30 a")
        .ends("0: a 192.168.30.2/24 new", &[]);
    let proxy = lab.proxy(meddle);
    let theirs = Ours::new(&proxy.url);
    let told = "was changed by somebody else since it was read; it is left alone";
    for line in [
        "release a",
        "release --retire a",
        "allocate --vlan 30 --adopt old",
        "release --force old",
    ] {
        theirs.run(line).ends("3: ", &[told]);
    }
    for (address, key) in [("192.168.30.2", json!("a")), ("192.168.30.77", Value::Null)] {
        let record = lab.address(address);
        let got = (
            &record["description"],
            &record["status"]["value"],
            &record["custom_fields"]["ipalloc_key"],
        );
        assert_eq!(
            got,
            (&json!("somebody else's"), &json!("active"), &key),
            "{address}"
        );
    }
    // A batch of which a part was done: what was done comes out, and nothing else.
    lab.ours()
        .run("allocate --vlan 30 b")
        .ends("0: b 192.168.30.3/24 new", &[]);
    let id = lab.address("192.168.30.3")["id"].clone();
    let target = format!("/api/ipam/ip-addresses/{id}/");
    let half = lab.proxy(move |request, up| {
        if request.target() == target {
            meddle(request, up)
        } else {
            up.pass(request)
        }
    });
    Ours::new(&half.url)
        .run("release a b")
        .ends("3: a 192.168.30.2/24 new", &[told]);
    assert_eq!(lab.owned(), ["b 192.168.30.3/24"]);
    // Gone meanwhile.
    let gone = lab.proxy(|request, up| {
        if request.method() == "DELETE" {
            let bare = Message::request(
                "DELETE",
                request.target(),
                request.header("authorization").unwrap(),
                None,
            );
            assert_eq!(up.send(&bare).status(), 204);
        }
        up.pass(request)
    });
    Ours::new(&gone.url)
        .run("release b")
        .ends("3: ", &["192.168.30.3/24 is not there any more"]);
}

fn show(lab: &Lab) {
    lab.ours()
        .run("allocate --vlan 40 a b")
        .ends("0: a 192.168.40.2/28 new, b 192.168.40.3/28 new", &[]);
    let records = |line: &str| lab.ours().run(line).records();
    assert_eq!(
        records("show --vlan 40"),
        [
            json!({"prefix":"192.168.40.0/28","vlan":40,"vrf":null,"status":"active","size":14,"used":3,"free":11,"next":"192.168.40.4/28"})
        ]
    );
    assert_eq!(
        records("show --prefix 192.168.10.0/24 --vrf blue"),
        [
            json!({"prefix":"192.168.10.0/24","vlan":null,"vrf":"blue","status":"active","size":254,"used":1,"free":253,"next":"192.168.10.2/24"})
        ]
    );
    assert_eq!(records("show").len(), 20, "all prefixes");
    let table = lab.ours().run("show --vlan 30 --format table");
    assert!(
        table.code == 0 && table.out.contains("192.168.30.2/24"),
        "{table:?}"
    );
}

fn check(lab: &Lab) {
    lab.ours()
        .run("allocate --vlan 30 a b")
        .ends("0: a 192.168.30.2/24 new, b 192.168.30.3/24 new", &[]);
    let guests = r#"{"vmid":30002,"name":"a","address":"192.168.30.2/24"}
{"vmid":30009,"name":"x","address":"192.168.30.9/24"}"#;
    let ran = lab.ours().fed("check", guests);
    let codes = |record: &Value| {
        let all = record["findings"].as_array().cloned().unwrap_or_default();
        let codes: Vec<String> = all
            .iter()
            .filter_map(|f| f["code"].as_str().map(str::to_owned))
            .collect();
        format!(
            "{} {}",
            record["name"].as_str().unwrap_or_default(),
            codes.join(" ")
        )
    };
    let got: Vec<String> = ran.records().iter().map(codes).collect();
    assert_eq!(
        (ran.code, got),
        (
            1,
            vec!["a ".to_owned(), "x not-in-ipam".into(), "b no-guest".into()]
        ),
        "{}",
        ran.out
    );
}

fn drift(lab: &Lab) {
    let ours = lab.ours();
    lab.make(
        "/api/extras/tags/",
        &json!({"name": "prod", "slug": "prod"}),
    );
    ours.run("allocate --vlan 30 --description old --tags prod web")
        .ends("0: web 192.168.30.2/24 new", &[]);
    let told = |line: &str| {
        let ran = ours.run(line);
        (ran.record()["differs"].clone(), ran.err)
    };
    let quiet = |differs: Value| (differs, String::new());
    let line = "allocate --vlan 30 --description old --tags prod web";
    assert_eq!(told(line), quiet(Value::Null));
    let line = "allocate --vlan 30 --description new --domain lab.example web";
    let want = json!({"description": "old", "dns_name": "web"});
    assert_eq!(told(line), quiet(want));
    let record = lab.address("192.168.30.2");
    let path = format!("/api/ipam/ip-addresses/{}/", record["id"]);
    let body = json!({"status": "deprecated", "tags": []});
    assert_eq!(lab.api("PATCH", &path, Some(&body)).0, 200);
    let (differs, err) = told("allocate --vlan 30 --tags prod web");
    assert_eq!(differs, json!({"status": "deprecated", "tags": []}));
    assert!(err.contains("has the status \"deprecated\""), "{err}");
}
