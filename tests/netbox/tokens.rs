//! Tokens of every kind, each with the message that tells it from the others.

use std::{fs, process::Stdio};

use serde_json::json;

use crate::{
    Section,
    client::{ADMIN, Ran},
    server::Lab,
    tools::tools,
};

pub const SECTIONS: &[Section] = &[
    ("tokens: every kind of refusal told apart", refusals),
    ("tokens: v1 and v2, from the environment or a file", sources),
];

/// A token of version 2 in the dump: its key, and the letter that its secret is made of.
fn v2(key: &str, letter: &str) -> String {
    format!("nbt_ipalloc{key}.{}", letter.repeat(40))
}

fn refusals(lab: &Lab) {
    let wrong_v1 = "f".repeat(40);
    // A token of version 1 that may only read.
    let made = lab.make(
        "/api/users/tokens/",
        &json!({"user": 1, "version": 1, "write_enabled": false}),
    );
    let read_only_v1 = made["token"].as_str().unwrap();
    #[rustfmt::skip]
    let cases = [
        ("wrong v1",          wrong_v1.as_str(),                 "allocate --vlan 30 a", "denied, the token is wrong"),
        ("wrong v2",          &v2("Admin", "X"),                 "allocate --vlan 30 a", "denied, the token is wrong"),
        ("unknown v2",        &v2("Nobod", "A"),                 "allocate --vlan 30 a", "denied, the token is wrong"),
        ("v2 without its dot", "nbt_ipallocAdminAAAA",           "allocate --vlan 30 a", "denied, "),
        ("disabled",          &v2("Disab", "C"),                 "allocate --vlan 30 a", "denied, the token is disabled"),
        ("expired",           &v2("Expir", "D"),                 "allocate --vlan 30 a", "denied, the token has expired"),
        ("from elsewhere",    &v2("IpRes", "E"),                 "allocate --vlan 30 a", "denied, the token is not valid from this host's address"),
        ("may see nothing",   &v2("Noprm", "F"),                 "allocate --vlan 30 a", "/api/ipam/prefixes/: denied, the token's user may not do this"),
        ("read-only",         &v2("RdOnl", "B"),                 "allocate --vlan 30 a", "(the token is read-only)"),
        ("read-only v1",      read_only_v1,                      "allocate --vlan 30 a", "read-only"),
        ("may only look",     &v2("Viewr", "F"),                 "allocate --vlan 30 a", "(it has no permission for it, or the token is read-only)"),
        ("constrained",       &v2("Const", "F"),                 "allocate --vlan 30 a", "(its permission does not cover this address: a constraint)"),
    ];
    let before = lab.count();
    let mut wrong = String::new();
    for (name, token, line, told) in cases {
        let ran = lab.ours().token(token).run(line);
        let secret = token.len() > 20 && ran.err.contains(token);
        if ran.short() != "2: " || !ran.err.contains(told) || secret || ran.err.lines().count() != 1
        {
            wrong += &format!(
                "{name}: want {told}\n  {}: {}{}",
                ran.short(),
                ran.out,
                ran.err
            );
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert_eq!(lab.count(), before);
    // What the constrained one may do; releasing is not among it.
    let constrained = lab.ours().token(&v2("Const", "F"));
    constrained
        .run("allocate --vlan 10 a")
        .ends("0: a 192.168.10.6/24 new", &[]);
    constrained.run("release a").ends(
        "2: ",
        &["(a constraint, or it may add but not change or delete)"],
    );
    lab.ours()
        .token(&v2("RdOnl", "B"))
        .run("release a")
        .ends("2: ", &["the token is read-only"]);
    // Reading is enough for these.
    for line in [
        "show --vlan 10",
        "allocate --vlan 10 --dry-run b",
        "release --dry-run a",
    ] {
        assert_eq!(
            lab.ours().token(&v2("Viewr", "F")).run(line).code,
            0,
            "{line}"
        );
    }
}

fn sources(lab: &Lab) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, format!("{}\n", v2("Alloc", "F"))).unwrap();
    let call = |variables: &[(&str, &str)]| {
        let mut command = lab
            .ours()
            .command(&tools()["ipalloc"], &["allocate", "--vlan", "10", "a"]);
        command
            .env_remove("NETBOX_TOKEN")
            .envs(variables.iter().copied())
            .stdin(Stdio::null());
        Ran::of(command.spawn().unwrap())
    };
    let file = file.to_str().unwrap();
    let other = folder.path().join("other").display().to_string();
    fs::write(&other, "\n").unwrap();
    call(&[]).ends(
        "2: ",
        &[
            "ipalloc: no token for http://",
            "ipalloc: hint: set NETBOX_TOKEN",
        ],
    );
    call(&[("NETBOX_TOKEN_FILE", "/nowhere")]).ends("2: ", &["/nowhere"]);
    call(&[("NETBOX_TOKEN_FILE", &other)]).ends("2: ", &["empty"]);
    call(&[("NETBOX_TOKEN", "a\u{1}b")]).ends("2: ", &["characters that no token has"]);
    call(&[("NETBOX_TOKEN", "extra word")]).ends("2: ", &["such as a space"]);
    call(&[("NETBOX_TOKEN", &format!("Bearer {}", v2("Alloc", "F")))])
        .ends("2: ", &["begins with \"Bearer\", which is no part of it"]);
    call(&[("NETBOX_TOKEN_FILE", file)]).ends("0: a 192.168.10.6/24 new", &[]);
    call(&[("NETBOX_TOKEN", ADMIN), ("NETBOX_TOKEN_FILE", "/nowhere")])
        .ends("0: a 192.168.10.6/24", &[]);
    call(&[("NETBOX_TOKEN", &v2("Admin", "A"))]).ends("0: a 192.168.10.6/24", &[]);
    // The least that works does all of it.
    let least = lab.ours().token(&v2("Alloc", "F"));
    least.table(&[
        (
            "a choice of ours",
            "allocate --vlan 30 b",
            "",
            "0: b 192.168.30.2/24 new",
        ),
        (
            "retire",
            "release --retire b",
            "",
            "0: b 192.168.30.2/24 new",
        ),
        (
            "release",
            "release a b",
            "",
            "0: a 192.168.10.6/24 new, b 192.168.30.2/24 new",
        ),
        (
            "adopt",
            "allocate --vlan 10 --adopt gw10",
            "",
            "0: gw10 192.168.10.1/24 new",
        ),
        ("setup sees the field", "setup", "", "0: ?"),
    ]);
    // -v tells requests, not secrets.
    let told = lab.ours().token(&v2("Admin", "A")).run("show -v --vlan 10");
    assert!(
        told.err.contains("GET") && !told.err.contains("AAAA"),
        "{told:?}"
    );
}
