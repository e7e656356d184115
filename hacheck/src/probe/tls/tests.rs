use super::*;
use crate::fields::parsed;

fn with_names(names: &[&str]) -> Certificate {
    Certificate {
        not_before_s: 0,
        not_after_s: 1,
        names: names.iter().map(|&name| name.to_owned()).collect(),
        fingerprint: String::new(),
    }
}

#[test]
fn whom_a_certificate_is_for() {
    #[rustfmt::skip]
    let cases = [
        ("itself",                 &["caddy.ha.test"][..],   "caddy.ha.test", true),
        ("upper case",             &["Caddy.ha.test"],       "caddy.HA.test", true),
        ("one of several",         &["a.test", "b.test"],    "b.test",        true),
        ("another",                &["a.test"],              "b.test",        false),
        ("a star",                 &["*.ha.test"],           "caddy.ha.test", true),
        ("a star is one label",    &["*.ha.test"],           "a.b.ha.test",   false),
        ("a star is not nothing",  &["*.ha.test"],           "ha.test",       false),
        ("an address",             &["192.0.2.1"],           "192.0.2.1",     true),
        ("no names",               &[],                      "a.test",        false),
    ];
    for (name, names, wanted, want) in cases {
        assert_eq!(with_names(names).is_for(wanted), want, "{name}");
    }
}

#[test]
fn a_server_that_speaks_something_else_is_wrong_and_not_dead() {
    use std::{io::Write as _, net::TcpListener, thread, time::Duration};
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"220 mail.example ESMTP\r\n").unwrap();
        let _ = io::Read::read(&mut stream, &mut [0; 600]);
    });
    let value = serde_json::json!({ "port": port });
    let hello = parsed(&value, Hello::parse).unwrap();
    let reply = hello.ask(
        IpAddr::from([127, 0, 0, 1]).into(),
        &wire::Clock::of(Duration::from_secs(10)),
    );
    assert!(
        matches!(&reply.outcome, Outcome::Wrong(what) if what == "TLS: it speaks no TLS; is it an http port?"),
        "{reply:?}"
    );
    server.join().unwrap();
    assert_eq!(Certificate::read(b"\x30\x82garbage"), None);
}

#[test]
fn limits_that_contradict_themselves() {
    #[rustfmt::skip]
    let cases = [
        ("none",               r#"{}"#, ""),
        ("both the same",      r#"{"warn_percent":5,"critical_percent":5,"warn_days":3,"critical_days":3}"#, ""),
        ("nothing left",       r#"{"warn_days":0,"critical_days":0}"#, ""),
        ("warns too late",     r#"{"warn_percent":10,"critical_percent":11}"#, "probe.warn_percent is 10, less than critical_percent 11"),
        ("the default's 20",   r#"{"critical_percent":25}"#, "probe.warn_percent is 20, less than critical_percent 25"),
        ("the default's 5",    r#"{"warn_percent":3}"#, "probe.warn_percent is 3, less than critical_percent 5"),
        ("days too late",      r#"{"warn_days":3.5,"critical_days":4}"#, "probe.warn_days is 3.5, less than critical_days 4"),
        ("no such days",       r#"{"warn_days":-1}"#, "probe.warn_days is -1, not a number of at least 0"),
        ("no such days, crit", r#"{"critical_days":-0.5}"#, "probe.critical_days is -0.5, not a number of at least 0"),
        ("no such percent",    r#"{"warn_percent":-1}"#, "probe.warn_percent is -1, not a number from 0 to 100"),
    ];
    for (name, fields, want) in cases {
        let fields: serde_json::Value = serde_json::from_str(fields).unwrap();
        match parsed(&fields, Hello::parse) {
            Ok(_) => assert_eq!(want, "", "{name}"),
            Err(what) => assert!(!want.is_empty() && what.starts_with(want), "{name}: {what}"),
        }
    }
}
