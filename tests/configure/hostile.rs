//! Values that would be commands, options or endless, wherever they stand.

use std::fs;

use serde_json::{Value, json};

use crate::bed::Bed;

#[test]
fn values_stay_values() {
    let Some(bed) = Bed::new("values_stay_values") else {
        return;
    };
    let record = bed.made("web", "192.168.30.80");
    let bad = "x'; touch /pwned; $(touch /pwned) `touch /pwned` \"";
    #[rustfmt::skip]
    let sites = [
        ("locale",       json!({"locale": format!("en_US.UTF-8{bad}")}), Some("locale: en_US.UTF-8x'; touch /pwned")),
        ("locale as a pattern", json!({"locale": ".*"}),               Some("locale: .* is not a locale here")),
        ("locale option", json!({"locale": "--help"}),                 Some("locale: --help is not a locale here")),
        ("no such zone", json!({"timezone": "Nowhere/City"}),          Some("timezone: Nowhere/City is not a time zone here")),
        ("package",      json!({"templates": {"base": {"packages": ["lab-tool;id"]}}}), None),
        ("zone",         json!({"timezone": "../../etc/passwd"}),      None),
        ("two lines",    json!({"templates": {"base": {"commands": [{"run": "true\nfalse", "unless": "true"}]}}}), None),
        ("no unless",    json!({"templates": {"base": {"commands": [{"run": "true"}]}}}), None),
    ];
    for (what, site, part) in sites {
        bed.site(&site);
        let answer = bed.configure(&[], std::slice::from_ref(&record));
        match part {
            Some(part) => answer.refused("configure", part, what),
            None => assert_eq!(
                (answer.code, answer.records.len()),
                (Some(2), 0),
                "{what}: {answer:?}"
            ),
        }
    }
    // A command gets its text as it is, quotes and all; keys are lines, and no more.
    bed.bash("{ printf 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA \\033]0;x\\007\\n'; printf '%s\\r\\n' 'from=\"*\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB $(touch /pwned)'; echo 'garbage; touch /pwned'; } >/mnt/keys");
    let text = "printf %s\\\\n 'it'\\''s \"$HOME\" `echo 1`' >/etc/said; cat; test \"$LC_ALL\" = C";
    bed.site(&json!({"ssh_keys_file": "/mnt/keys", "templates": {"base": {"commands": [{"run": text, "unless": "test -s /etc/said"}]}}}));
    let answer = bed.configure(&[], std::slice::from_ref(&record));
    assert_eq!(answer.ready()["configured"]["keys"], json!(1));
    assert_eq!(
        bed.inside(
            "web",
            "cat /etc/said; tail -n 1 /root/.ssh/authorized_keys; ls /pwned"
        ),
        "it's \"$HOME\" `echo 1`\nfrom=\"*\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB $(touch /pwned)"
    );
    assert_eq!(bed.bash("ls /pwned 2>/dev/null || true"), "");

    // Records.
    #[rustfmt::skip]
    let records: [(&str, &str, Value, &str); 6] = [
        ("an option",   "address",   json!("-oProxyCommand=touch${IFS}/pwned"), "bad-record"),
        ("two hosts",   "address",   json!("192.168.30.80\n192.168.30.81"),     "bad-record"),
        ("a number",    "address",   json!(7),                                  "bad-record"),
        ("user",        "params",    json!({"ciuser": "-oProxyCommand=x"}),     "bad-record"),
        ("keys",        "host_keys", json!([{"sha256": "SHA256:*"}]),           "bad-record"),
        ("template",    "template",  json!("no\u{1b}[31m"),                     "unknown-template"),
    ];
    for (what, field, value, code) in records {
        let mut other = record.clone();
        other["type"] = json!("qemu");
        other["template"] = json!("base");
        other[field] = value;
        let answer = bed.configure(&[], &[other]);
        assert_eq!(
            answer.records[0]["error"]["code"], code,
            "{what}: {answer:?}"
        );
        assert!(!answer.said.contains('\u{1b}'), "{what}");
    }

    // A guest that never stops talking, and one that says what only configure says.
    bed.bash("printf '%s\\n' 'echo \"{\\\"pvx\\\":\\\"x\\\",\\\"versions\\\":{}}\"; yes' >/mnt/web/root/root/.bashrc");
    let answer = bed.configure(&[], std::slice::from_ref(&record));
    assert_eq!(
        answer.records[0]["error"]["code"], "configure",
        "{answer:?}"
    );
    // One that has read what it was sent.
    let lines = r#"#!/bin/sh
pvx=$(sed -n "s/^pvx='\(.*\)'/\1/p" | head -n 1)
for line in '"did":7,"value":1' '"did":"keys","value":["a"]' '"did":"keys","value":{}' '"did":"x","value":null' '"warning":{}' '"failed":[],"why":1' '"versions":"1"' '"versions":{"a":"\u001b[31m"},"os":7'; do
    printf '{"pvx":"%s",%s}\n' "$pvx" "$line"
done
"#;
    bed.bash("rm /mnt/web/root/root/.bashrc; cd /mnt/web/root; sed -i 's,:/bin/bash,:/bin/sh,' etc/passwd; mv bin/bash bin/real-bash");
    fs::write(bed.path("lies"), lines).unwrap();
    bed.bash("install -m 755 $TMPDIR/lies /mnt/web/root/bin/bash");
    let answer = bed.configure(&[], &[record]);
    assert_eq!(
        answer.ready()["configured"],
        json!({"keys": ["a"], "x": null})
    );
}
