//! The daily verbs on NetBox 4.2 to 4.5.

use serde_json::{Value, json};

use crate::{
    client::{ADMIN, Ours},
    proxy::Reply,
    server::{LOOKER, Strict},
};

pub const VERSIONS: [(u16, u16); 4] = [(4, 2), (4, 3), (4, 4), (4, 5)];

/// A token of version 2.
const V2: &str = "nbt_ipallocAdmin.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[test]
fn every_verb() {
    for version in VERSIONS {
        let strict = Strict::start(version);
        Ours::new(&strict.proxy.url).table(&[
            (
                "the server chooses",
                "allocate --vlan 10 a",
                "",
                "0: a 192.168.10.2/24 new",
            ),
            (
                "the same again",
                "allocate --vlan 10 a",
                "",
                "0: a 192.168.10.2/24",
            ),
            (
                "ipalloc chooses",
                "allocate --vlan 30 b c",
                "",
                "0: b 192.168.30.2/24 new, c 192.168.30.3/24 new",
            ),
            (
                "with all there is",
                "allocate --vlan 10 --description d --tags infra --domain lab.example d",
                "",
                "0: d 192.168.10.3/24 new",
            ),
            (
                "taken over",
                "allocate --vlan 10 --adopt gw10",
                "",
                "0: gw10 192.168.10.1/24 new",
            ),
            (
                "retired",
                "release --retire b",
                "",
                "0: b 192.168.30.2/24 new",
            ),
            (
                "revived",
                "allocate --vlan 30 b",
                "",
                "0: b 192.168.30.2/24 new",
            ),
            (
                "released",
                "release a b c",
                "",
                "0: a 192.168.10.2/24 new, b 192.168.30.2/24 new, c 192.168.30.3/24 new",
            ),
            (
                "a chosen address",
                "allocate --vlan 30 --address 192.168.30.9 e",
                "",
                "0: e 192.168.30.9/24 new",
            ),
            (
                "one that is taken",
                "allocate --vlan 30 --address 192.168.30.9 f",
                "",
                "1: f !address-taken",
            ),
        ]);
        assert_eq!(
            Ours::new(&strict.proxy.url).run("setup").out,
            "{\"field\":\"ipalloc_key\",\"changed\":false}\n"
        );
    }
}

/// A VLAN with two prefixes: the one of a site or tenant, or both as a pool.
#[test]
fn several_prefixes() {
    for version in VERSIONS {
        let strict = Strict::start(version);
        let change = |change: &dyn Fn(&mut Vec<Value>)| {
            change(&mut strict.ipam.lock().unwrap().prefixes);
        };
        change(&|prefixes| {
            let mut other = prefixes[1].clone();
            let more = json!({"id": 3, "prefix": "192.168.31.0/24", "scope_type": "dcim.site", "scope_id": 7,
                "scope": {"id": 7, "slug": "berlin"}, "tenant": {"id": 1, "slug": "acme"}});
            for (name, value) in more.as_object().unwrap() {
                other[name] = value.clone();
            }
            prefixes.push(other);
        });
        let ours = Ours::new(&strict.proxy.url);
        #[rustfmt::skip]
        ours.table(&[
            ("several",       "allocate --vlan 30 a",                      "", "1: a !ambiguous-prefix"),
            ("the site's",    "allocate --vlan 30 --scope site:berlin a",  "", "0: a 192.168.31.2/24 new"),
            ("the tenant's",  "allocate --vlan 30 --prefix-tenant acme b", "", "0: b 192.168.31.3/24 new"),
            ("another's",     "allocate --vlan 30 --prefix-tenant x c",    "", "1: c !no-prefix"),
            ("from the pool", "allocate --vlan 30 --pool a c",             "", "0: a 192.168.31.2/24, c 192.168.30.2/24 new"),
        ]);
        change(&|prefixes| prefixes[1]["mark_utilized"] = json!(true));
        let want = "0: c 192.168.30.2/24, d 192.168.31.4/24 new";
        ours.run("allocate --vlan 30 --pool c d").ends(want, &[]);
        // A filter that is ignored, as this server does with what it doesn't know, is noticed.
        let ran = ours.run("allocate --vlan 30 --vlan-group lan e");
        ran.ends("3: ", &["the filter vlan_group was not honoured"]);
    }
}

/// The record that is wrong says so, and the run goes on.
#[test]
fn own_faults() {
    let strict = Strict::start((4, 4));
    let ours = Ours::new(&strict.proxy.url);
    let guest = |name: &str, vlan: u64, host: u64| {
        format!(
            "{{\"name\":\"{name}\",\"net0\":\"virtio=BC:24:11:00:00:01,bridge=vmbr0,tag={vlan}\",\"ipconfig0\":\"ip=192.168.{vlan}.{host}/24\"}}\n"
        )
    };
    let tagged = r#"{"name":"a","vlan":10,"tags":["none"]}"#;
    let sound = r#"{"name":"b","vlan":10}"#;
    ours.table(&[
        (
            "an unknown tag",
            "allocate --vlan 10 --tags none a",
            "",
            "1: a !unknown-tag",
        ),
        (
            "chosen",
            "allocate --vlan 30 --tags none a",
            "",
            "1: a !unknown-tag",
        ),
        (
            "in a batch",
            "allocate",
            &format!("{tagged}{sound}"),
            "1: a !unknown-tag, b !batch",
        ),
        (
            "beside a guest",
            "allocate",
            &format!("{tagged}{}", guest("g", 30, 7)),
            "1: a !unknown-tag, g 192.168.30.7/24 new",
        ),
    ]);
    strict
        .ipam
        .lock()
        .unwrap()
        .fields
        .push(("ticket".to_owned(), true));
    ours.table(&[
        (
            "a required field",
            "allocate --vlan 10 a",
            "",
            "1: a !missing-field",
        ),
        (
            "of several",
            "allocate --vlan 30 a b",
            "",
            "1: a !missing-field, b !missing-field",
        ),
        (
            "to be changed",
            "allocate --vlan 10 --adopt gw10",
            "",
            "1: gw10 !missing-field",
        ),
        (
            "and another",
            "release --retire g",
            "",
            "1: g !missing-field",
        ),
    ]);
    let message = ours.run("allocate --vlan 10 a").record()["error"]["message"].clone();
    assert_eq!(
        message,
        "refused by NetBox: Missing required custom field 'ticket'. (--cf ticket=VALUE gives it)"
    );
    assert_eq!(
        strict.record("gw10").unwrap()["custom_fields"]["ipalloc_key"],
        Value::Null
    );
}

/// Somebody else changes or removes the record between the look and the change.
#[test]
fn without_if_match() {
    for (line, told) in [
        (
            "release a",
            "was changed by somebody else since it was read; it is left alone",
        ),
        (
            "release --retire a",
            "was changed by somebody else since it was read; it is left alone",
        ),
    ] {
        let strict = Strict::with((4, 5), |_, request, ipam| {
            // What the client read before is older by now.
            let again = request.method() == "GET" && request.target().ends_with("/2/");
            if again {
                ipam.patch(2, &json!({"description": "taken"}));
            }
            None
        });
        let ours = Ours::new(&strict.proxy.url);
        ours.run("allocate --vlan 10 a")
            .ends("0: a 192.168.10.2/24 new", &[]);
        ours.run(line).ends("3: ", &[told]);
        let record = strict.record("a").unwrap();
        assert_eq!(
            (&record["description"], &record["status"]["value"]),
            (&json!("taken"), &json!("active"))
        );
    }
    let strict = Strict::with((4, 5), |_, request, ipam| {
        if request.method() == "GET" && request.target().ends_with("/2/") {
            ipam.delete(2, &Value::Null);
        }
        None
    });
    let ours = Ours::new(&strict.proxy.url);
    ours.run("allocate --vlan 10 a")
        .ends("0: a 192.168.10.2/24 new", &[]);
    ours.run("release a")
        .ends("3: ", &["is not there any more"]);
}

/// The reply to a change is lost: the second look finds what the first request did.
#[test]
fn lost_replies() {
    for (line, method) in [("release a", "DELETE"), ("release --retire a", "PATCH")] {
        let strict = Strict::with((4, 4), move |_, request, ipam| {
            if request.method() != method || ipam.changes.iter().any(|change| change["id"] == 3) {
                return None;
            }
            crate::server::answer(request, ipam);
            Some(Reply::Gone)
        });
        let ours = Ours::new(&strict.proxy.url);
        ours.run("allocate --vlan 10 a")
            .ends("0: a 192.168.10.2/24 new", &[]);
        let ran = ours.run(line);
        ran.ends("0: a 192.168.10.2/24 new", &[]);
        assert!(
            ran.err.is_empty() && strict.proxy.count(method) == 1,
            "{ran:?}"
        );
    }
}

#[test]
fn tokens() {
    for version in [(4, 2), (4, 4)] {
        let strict = Strict::start(version);
        let ours = Ours::new(&strict.proxy.url);
        let (major, minor) = version;
        let old = format!(
            "denied, NetBox {major}.{minor} knows tokens of version 1 only, and this one (nbt_...) is of version 2"
        );
        ours.token(&"f".repeat(40))
            .run("show")
            .ends("2: ", &["denied, the token is wrong: Invalid token"]);
        ours.token(V2)
            .run("allocate --vlan 10 a")
            .ends("2: ", &[&old]);
        ours.token(LOOKER)
            .run("allocate --vlan 10 a")
            .ends("2: ", &["the token's user may not do this"]);
    }
    let strict = Strict::start((4, 4));
    strict.ipam.lock().unwrap().fields.clear();
    let refused = Ours::new(&strict.proxy.url).token(LOOKER).run("setup");
    assert_eq!(refused.code, 1, "{refused:?}");
    let message = refused.record()["error"]["message"].to_string();
    assert!(
        message.contains("Authorization: Token $NETBOX_TOKEN"),
        "{message}"
    );
    // The command that is told works on that server.
    let record = refused.record();
    let command = record["error"]["message"]
        .as_str()
        .unwrap()
        .split_once("an admin runs: ")
        .unwrap()
        .1;
    let mut bash = Ours::new(&strict.proxy.url)
        .token(ADMIN)
        .command(std::path::Path::new("/bin/bash"), &["-c", command]);
    let output = bash.output().unwrap();
    assert!(output.status.success(), "{command}: {output:?}");
    assert_eq!(
        Ours::new(&strict.proxy.url).run("setup").out,
        "{\"field\":\"ipalloc_key\",\"changed\":false}\n"
    );
}
