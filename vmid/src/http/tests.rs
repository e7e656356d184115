//! Peers that misbehave, played by a thread behind a real socket.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
};

use super::{Client, Options, Secret};

/// The address of a peer that does `what` with each of `times` connections.
fn peer(what: fn(&mut TcpStream), times: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming().take(times) {
            what(&mut stream.unwrap());
        }
    });
    address
}

fn client(base: &str) -> anyhow::Result<Client> {
    let options = Options {
        ca_cert: None,
        fingerprint: None,
        insecure: false,
        timeout: Duration::from_secs(5),
        verbose: false,
    };
    let secret = Secret::find(Some("HUNTER2"), None)?.unwrap();
    Client::new("test", base, secret, &options)
}

/// Reads a TLS greeting, or a POST of `{}`, whose head and body may come apart: where the body is
/// left unread, the close resets the connection, and the answer may be lost.
fn swallow(stream: &mut TcpStream) {
    let (mut seen, mut piece) = (Vec::new(), [0; 4096]);
    while !seen.starts_with(b"\x16") && !seen.ends_with(b"\r\n\r\n{}") {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return,
            Ok(length) => seen.extend_from_slice(&piece[..length]),
        }
    }
}

fn plain_http(stream: &mut TcpStream) {
    swallow(stream);
    let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
}

fn too_much(stream: &mut TcpStream) {
    swallow(stream);
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
    let piece = vec![b'0'; 1 << 20];
    while stream.write_all(&piece).is_ok() {}
}

fn no_http(stream: &mut TcpStream) {
    swallow(stream);
    let _ = stream.write_all(b"\x15\x03\x01\x00\x02\x02\x16");
}

fn nothing(stream: &mut TcpStream) {
    swallow(stream);
}

fn half(stream: &mut TcpStream) {
    swallow(stream);
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{");
}

#[test]
fn what_is_said_of_them() {
    let cut_off = "the connection was cut off before an answer was complete";
    #[rustfmt::skip]
    let cases: &[(&str, &str, fn(&mut TcpStream), &str, bool)] = &[
        ("TLS to an http port", "https", plain_http, "it speaks no TLS; is it an http port?", true),
        ("more than 32 MiB",    "http",  too_much,   "the answer is larger than 32 MiB", false),
        ("http to a TLS port",  "http",  no_http,    "what came is no HTTP; is it an https port?", false),
        ("closed at once",      "http",  nothing,    cut_off, false),
        ("closed in between",   "http",  half,       cut_off, false),
        ("closed before TLS",   "https", nothing,    "the connection was closed before TLS stood; does it speak TLS?", true),
    ];
    for (name, scheme, what, want, unsent) in cases {
        let client = client(&format!("{scheme}://{}", peer(*what, 9))).unwrap();
        let lost = client.send("POST", "/", &[], Some("{}")).unwrap_err();
        assert_eq!(
            (lost.cause.as_str(), lost.unsent),
            (*want, *unsent),
            "{name}"
        );
    }
    let client = client("http://127.0.0.1:9").unwrap();
    let lost = client.send("GET", "/", &[], None).unwrap_err();
    assert_eq!(lost.cause, "connection refused; does it listen there?");
    assert!(lost.unsent);
}

#[test]
fn no_token_goes_in_clear() {
    let refused = client("http://netbox.example").unwrap_err().to_string();
    assert!(refused.contains("it must be https://"), "{refused}");
}
