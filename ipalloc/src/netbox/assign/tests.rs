use super::*;
use crate::{
    assign::{Cluster, Facts, Which},
    netbox::api::tests::{Reply, api},
};

const NONE: &str = r#"{"count":0,"next":null,"results":[]}"#;
const CLUSTER: &str = r#"{"count":1,"next":null,"results":[{"id":9,"name":"pve"}]}"#;
const MACHINE: &str =
    r#"{"count":1,"next":null,"results":[{"id":1,"name":"web","cluster":{"id":9,"name":"pve"}}]}"#;
const INTERFACE: &str = r#"{"count":1,"next":null,"results":[{"id":2,"name":"net0","virtual_machine":{"id":1},"primary_mac_address":null}]}"#;
const MADE: &str = r#"{"id":1,"name":"web","cluster":{"id":9,"name":"pve"}}"#;
const MADE_TOO: &str = r#"{"id":2,"name":"net0","virtual_machine":{"id":1}}"#;
const UNIQUE: &str = r#"{"__all__":["Virtual machine name must be unique per cluster."]}"#;
const DENIED: &str = r#"{"detail":"You do not have permission to perform this action."}"#;

/// What comes of a wish for a machine that isn't there, where the server answers so in turn.
fn outcome(replies: &'static [(u16, &'static str)]) -> (Assigned, Option<Stop>) {
    let wish = Wish {
        names: vec!["web".to_owned()],
        cluster: Some("pve".to_owned()),
        interface: Which::Any("net0"),
        mac: None,
    };
    let target = Target {
        id: None,
        address: [192, 0, 2, 7].into(),
    };
    let cluster = Cluster {
        id: 9,
        name: "pve".to_owned(),
    };
    let facts = Facts {
        clusters: vec![cluster],
        ..Facts::default()
    };
    let reply = |number: usize| -> Reply {
        let (status, body) = replies.get(number).unwrap_or(&(404, "{}"));
        (*status, (*body).to_owned())
    };
    let all = Assigning {
        api: &api(reply),
        wishes: &[(&wish, target)],
        read: Read {
            facts,
            ..Read::default()
        },
    };
    let (mut outcomes, failed) = all.all(false);
    (outcomes.remove(0), failed)
}

#[test]
fn who_made_it_and_what_is_refused() {
    const FOUND: (u16, &str) = (200, MACHINE);
    #[rustfmt::skip]
    let cases: &[(&str, &'static [(u16, &'static str)], bool, &str)] = &[
        ("made",                        &[(201, MADE), (201, MADE_TOO)], true, ""),
        ("somebody else was faster",    &[(400, UNIQUE), FOUND, (200, INTERFACE)], false, ""),
        ("the reply was lost",          &[(500, "{}"), FOUND, (200, INTERFACE)], true, ""),
        ("lost, and made again",        &[(502, ""), (200, NONE), (200, CLUSTER), (201, MADE), (201, MADE_TOO)], true, ""),
        ("an answer that is none",      &[(201, "[]"), FOUND, (200, INTERFACE)], true, ""),
        ("refused for good",            &[(400, UNIQUE), (200, NONE), (200, CLUSTER), (400, UNIQUE)], false, "the virtual machine web was not made: status 400: "),
        ("the token may not",           &[(403, DENIED)], false, "the virtual machine web was not made: denied, the token's user may not do this"),
        ("not what was asked for",      &[(201, MADE), (201, r#"{"id":2,"name":"net0","virtual_machine":{"id":7}}"#)], true, "the interface net0 was not made: NetBox answered"),
        ("may not the second",          &[(201, MADE), (403, DENIED)], true, "the interface net0 was not made: denied"),
        ("a proxy that sends away",     &[(302, ""), (200, NONE), (200, CLUSTER), (302, "")], false, "the virtual machine web was not made: redirected to "),
    ];
    for (name, replies, changed, want) in cases {
        let (got, failed) = outcome(replies);
        let message = got.refused.map_or(String::new(), |refused| refused.message);
        assert!(failed.is_none(), "{name}");
        assert_eq!(got.changed, *changed, "{name}: {message}");
        assert_eq!(message.is_empty(), want.is_empty(), "{name}: {message}");
        assert!(message.starts_with(want), "{name}: {message}");
    }
}

#[test]
fn what_cannot_be_read_again_ends_the_run() {
    let (got, failed) = outcome(&[(500, "{}"), (200, "<html>")]);
    let failed = failed.unwrap();
    assert!(!failed.is_callers(), "{failed}");
    let message = got.refused.unwrap().message;
    assert!(message.ends_with("; run this again"), "{message}");
}
