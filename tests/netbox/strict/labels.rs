//! Tenants, roles, statuses and custom fields on NetBox 4.2 to 4.5.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use serde_json::json;

use crate::{
    client::Ours,
    older::VERSIONS,
    proxy::Reply,
    server::{Strict, answer},
    wire::Message,
};

/// A role that hosts share comes by a change of its own where ipalloc chose the address.
#[test]
fn all_of_them() {
    for version in VERSIONS {
        let strict = Strict::start(version);
        let ours = Ours::new(&strict.proxy.url);
        let fields = ["ticket", "note"].map(|name| (name.to_owned(), false));
        strict.ipam.lock().unwrap().fields.extend(fields);
        let all = "--tenant acme --ipam-role vip --ipam-status reserved --cf ticket=T-7 --cf note=";
        let batch = r#"{"name":"d"}{"name":"e","tenant":"none"}"#;
        #[rustfmt::skip]
        ours.table(&[
            ("the server chooses", &format!("allocate --vlan 10 {all} a"),   "", "0: a 192.168.10.2/24 new"),
            ("ipalloc chooses",    &format!("allocate --vlan 30 {all} b c"), "", "0: b 192.168.30.2/24 new, c 192.168.30.3/24 new"),
            ("the same again",     &format!("allocate --vlan 30 {all} b"),   "", "0: b 192.168.30.2/24"),
            ("an unknown tenant",  "allocate --vlan 10 --tenant none d",     "", "1: d !unknown-tenant"),
            ("chosen",             "allocate --vlan 30 --tenant none d",     "", "1: d !unknown-tenant"),
            ("in a batch",         "allocate --vlan 30",                     batch, "1: d !batch, e !unknown-tenant"),
        ]);
        for name in ["a", "b", "c"] {
            let record = strict.record(name).unwrap();
            let (role, status) = (&record["role"]["value"], &record["status"]["value"]);
            let labels = json!([record["tenant"]["slug"], role, status, record["comments"]]);
            assert_eq!(labels, json!(["acme", "vip", "reserved", ""]), "{record}");
            let fields = &record["custom_fields"];
            let fields = json!([fields["ticket"], fields["note"]]);
            assert_eq!(fields, json!(["T-7", null]), "{record}");
        }
        assert_eq!(strict.proxy.count("PATCH"), 2, "of b and c alone");
        let told = "--cf wrong: NetBox has no such custom field of IP addresses, or the token may not see it; there is note, ticket";
        ours.run("allocate --vlan 30 --cf wrong=1 x")
            .ends("2: ", &[told]);
    }
}

/// A run that cannot give a record its role says so, and the next one gives it, asked for or not.
#[test]
fn a_role_that_comes_later() {
    for version in VERSIONS {
        let may = Arc::new(AtomicBool::new(false));
        let denied = may.clone();
        let strict = Strict::with(version, move |_, request, _| {
            let denies = request.method() == "PATCH" && !denied.load(Ordering::SeqCst);
            let what = r#"{"detail":"You do not have permission to perform this action."}"#;
            denies.then(|| Reply::Send(Message::reply(403, "application/json", what)))
        });
        let ours = Ours::new(&strict.proxy.url);
        let told = "0: a 192.168.30.2/24 new, b 192.168.30.3/24 new";
        let unfinished = told.replace(", ", " !unfinished, ").replace("0:", "3:") + " !unfinished";
        ours.run("allocate --vlan 30 --ipam-role vrrp a b")
            .ends(&unfinished, &["the token's user may not do this"]);
        let record = strict.record("b").unwrap();
        assert_eq!(record["comments"], "ipalloc: gets the role vrrp");
        // Nobody else gets it meanwhile.
        ours.run("allocate --vlan 30 c")
            .ends("0: c 192.168.30.4/24 new", &[]);
        may.store(true, Ordering::SeqCst);
        ours.run("allocate --vlan 30 a b").ends(told, &[]);
        let record = strict.record("b").unwrap();
        assert_eq!(
            json!([record["role"]["value"], record["comments"]]),
            json!(["vrrp", ""])
        );
        ours.run("allocate --vlan 30 --ipam-role vrrp a b")
            .ends(&told.replace(" new", ""), &[]);
    }
}

/// Another run of the same owner gives the role first, or the reply to the change is lost.
#[test]
fn a_role_that_is_there_already() {
    for version in VERSIONS {
        let other = Strict::with(version, |_, request, ipam| {
            // The client looks once more right before it changes the record.
            let looks = request.method() == "GET" && request.target().ends_with("/2/");
            if looks && ipam.find(2).unwrap()["role"].is_null() {
                ipam.patch(2, &json!({"role": "anycast", "comments": ""}));
            }
            None
        });
        let lost = Strict::with(version, |_, request, ipam| {
            let is_first = !ipam
                .changes
                .iter()
                .any(|c| c["action"]["value"] == "update");
            (request.method() == "PATCH" && is_first).then(|| {
                answer(request, ipam);
                Reply::Gone
            })
        });
        for (name, strict, patches) in [("another run", other, 0), ("a lost reply", lost, 1)] {
            let ran = Ours::new(&strict.proxy.url).run("allocate --vlan 30 --ipam-role anycast a");
            ran.ends("0: a 192.168.30.2/24 new", &[]);
            let role = &strict.record("a").unwrap()["role"]["value"];
            assert_eq!(role, "anycast", "{name}, {version:?}");
            assert_eq!(strict.proxy.count("PATCH"), patches, "{name}, {version:?}");
        }
    }
}
