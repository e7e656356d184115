use super::*;

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
    let hello = Hello::parse(Fields::of(&value).unwrap()).unwrap();
    let reply = hello.ask(
        [127, 0, 0, 1].into(),
        &wire::Clock::of(Duration::from_secs(10)),
    );
    assert!(
        matches!(&reply.outcome, Outcome::Wrong(what) if what.starts_with("TLS: ")),
        "{reply:?}"
    );
    server.join().unwrap();
    assert_eq!(Certificate::read(b"\x30\x82garbage"), None);
}
