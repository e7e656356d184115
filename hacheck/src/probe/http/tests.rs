use super::*;
use serde_json::json;
use std::{net::TcpListener, thread, time::Duration};

use crate::{fields::parsed, probe::How};

const LOCAL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// A server that sends `answer` to the first who asks, in pieces, and hands over the request.
fn server(answer: &'static str) -> (u16, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let handle = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = vec![0; 2000];
        let length = stream.read(&mut request).unwrap();
        for piece in answer.as_bytes().chunks(7) {
            stream.write_all(piece).unwrap();
        }
        String::from_utf8(request[..length].to_vec()).unwrap()
    });
    (port, handle)
}

fn get(port: u16, mut fields: serde_json::Value) -> Get {
    fields["url"] = json!(format!("http://{{address}}:{port}/x?y"));
    parsed(&fields, Get::parse).unwrap()
}

fn soon() -> wire::Clock {
    wire::Clock::of(Duration::from_secs(10))
}

#[test]
fn what_is_expected_and_what_is_not() {
    const OK: &str = "HTTP/1.1 200 OK\r\nX-Node: n1\r\nContent-Length: 6\r\n\r\nok n1\n";
    #[rustfmt::skip]
    let cases = [
        ("status", OK, json!({}), ""),
        ("body", OK, json!({"body":"ok n"}), ""),
        ("other body", OK, json!({"body":"nope"}), "\"nope\" is not in the body (6 bytes)"),
        ("header", OK, json!({"header":"x-node: n1"}), ""),
        ("other header", OK, json!({"header":"X-Node: n2"}), "header X-Node is \"n1\", not \"n2\""),
        ("no header", OK, json!({"header":"X-Other"}), "no header X-Other"),
        ("other status", OK, json!({"status":204}), "status 200, not 204"),
        ("redirect", "HTTP/1.1 301 M\r\nLocation: https://x/\r\n\r\n", json!({}), "status 301 (to https://x/), not 200"),
        ("no HTTP", "220 mail ESMTP\r\n", json!({}), "no HTTP answer: its first line is of another protocol"),
        ("no status", "HTTP/1.1 abc\r\n\r\n", json!({}), "no HTTP answer: its status is no number of three digits"),
        ("bad header", "HTTP/1.1 200 OK\r\nX Y: 1\r\n\r\n", json!({}), "no HTTP answer: a header line is against the rules"),
        ("cut head", "HTTP/1.1 200 OK\r\nX-", json!({}), "the answer ends in its head"),
    ];
    for (name, answer, fields, want) in cases {
        let (port, server) = server(answer);
        match get(port, fields).ask(LOCAL.into(), &soon()).outcome {
            Outcome::Good => assert_eq!(want, "", "{name}"),
            Outcome::Wrong(what) => {
                assert!(!want.is_empty() && what.starts_with(want), "{name}: {what}")
            }
            other => panic!("{name}: {other:?}"),
        }
        let request = server.join().unwrap();
        assert!(
            request.starts_with("GET /x?y HTTP/1.1\r\nHost: 127.0.0.1:"),
            "{request}"
        );
    }
}

#[test]
fn who_answers() {
    const OK: &str = "HTTP/1.1 200 OK\r\nX-Node: n1\r\n\r\n";
    for fields in [
        json!({"header":"X-Node"}),
        json!({"identity":{"header":"x-node"}}),
    ] {
        let (port, _) = server(OK);
        let reply = get(port, fields).ask(LOCAL.into(), &soon());
        assert_eq!(reply.identity.as_deref(), Some("n1"));
    }
}

#[test]
fn silence_is_no_answer() {
    let (port, _) = server("");
    let reply = get(port, json!({})).ask(LOCAL.into(), &soon());
    assert!(
        matches!(reply.outcome, Outcome::Dead(How::Closed, _)),
        "{reply:?}"
    );
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = mute.local_addr().unwrap().port();
    let reply = get(port, json!({})).ask(LOCAL.into(), &wire::Clock::of(Duration::from_millis(50)));
    assert!(
        matches!(reply.outcome, Outcome::Dead(How::Timeout, _)),
        "{reply:?}"
    );
}

#[test]
fn urls() {
    let url = |text: &str| Url::parse(text).map(|u| (u.tls, u.host, u.port, u.authority, u.path));
    let of = |tls, host: &str, port, authority: &str, path: &str| {
        Ok((
            tls,
            host.to_owned(),
            port,
            authority.to_owned(),
            path.to_owned(),
        ))
    };
    assert_eq!(
        url("http://192.0.2.1/"),
        of(false, "192.0.2.1", 80, "192.0.2.1", "/")
    );
    assert_eq!(
        url("https://ha.test:8443"),
        of(true, "ha.test", 8443, "ha.test:8443", "/")
    );
    assert_eq!(
        url("https://[fd10::1]/a?b#c"),
        of(true, "fd10::1", 443, "[fd10::1]", "/a?b")
    );
    assert_eq!(
        url("http://[fd10::1]:80?b"),
        of(false, "fd10::1", 80, "[fd10::1]:80", "/?b")
    );
    for bad in [
        "",
        "ftp://x/",
        "http://",
        "http://x:0/",
        "http://x:y/",
        "http://u@x/",
        "http://x/a b",
        "http://x/\r\nX: y",
    ] {
        assert!(url(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_password_in_a_url_is_not_told() {
    const REFUSED: &str = "probe.url has user information (name:password@), which is not sent; an @ of path or query is written %40";
    #[rustfmt::skip]
    let cases = [
        ("name and password",   "http://admin:s3cret@x/",       REFUSED),
        ("password alone",      "https://:s3cret@{address}:8/", REFUSED),
        ("an @ in it",          "http://admin:s3cret@1@x/",     REFUSED),
        ("a slash in it",       "http://admin:s3cret/1@x/",     REFUSED),
        ("a mark in it",        "http://admin:s3cret?1@x/",     REFUSED),
        ("an @ of the query",   "http://x/a%40b?c@d",           REFUSED),
        ("another scheme",      "ftp://admin:s3cret@x/",        REFUSED),
        ("no scheme",           "admin:s3cret@x/",              REFUSED),
        ("one slash",           "http:/admin:s3cret@x/",        REFUSED),
    ];
    for (name, url, want) in cases {
        let fields = json!({ "url": url });
        let refused = parsed(&fields, Get::parse).expect_err(name);
        assert_eq!(refused, want, "{name}");
    }
    assert!(
        Url::parse("http://x/a%40b?c%40d").is_ok(),
        "as they are written"
    );
    let labelled = json!({"url": "http://{address}:8/x?key=s3cret#more"});
    let label = parsed(&labelled, Get::parse).unwrap().label();
    assert_eq!(label, "http http://{address}:8/x?...");
}
