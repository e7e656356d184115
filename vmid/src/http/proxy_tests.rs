//! A real CONNECT proxy, and what it gets to see: nothing that is a secret.

use std::{
    io::{self, BufRead as _, BufReader, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use super::{
    Client, Fingerprint, Options, Route, Secret,
    tls_tests::{KEY, leaf, options, peer},
};
use rustls::{
    pki_types::{PrivateKeyDer, pem::PemObject as _},
    version::TLS13,
};

/// A proxy that answers CONNECT with `status` and, if that is 200, passes on; the heads of the requests.
fn proxy(status: &'static str) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let heads = seen.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let heads = heads.clone();
            thread::spawn(move || pass(stream, status, &heads));
        }
    });
    (address, seen)
}

fn pass(mut client: TcpStream, status: &str, heads: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(client.try_clone().unwrap());
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).is_ok_and(|n| n > 0) {}
    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
    heads.lock().unwrap().push(head);
    let _ = write!(client, "HTTP/1.1 {status}\r\n\r\n");
    if !status.starts_with("200") {
        return;
    }
    let mut server = TcpStream::connect(target).unwrap();
    let mut back = (server.try_clone().unwrap(), client.try_clone().unwrap());
    thread::spawn(move || io::copy(&mut back.0, &mut back.1));
    let _ = io::copy(&mut reader, &mut server);
    let _ = server.shutdown(Shutdown::Both);
}

fn asked(base: &str, route: &Route, options: &Options) -> Result<u16, String> {
    let secret = Secret::find(Some("HUNTER2"), None).unwrap().unwrap();
    let client = Client::by("test", base, secret, options, route).unwrap();
    let answer = client.send("POST", "/x", &[], Some("{}"));
    let told = |lost: super::NoAnswer| {
        format!("{}{}", lost.cause, if lost.unsent { "" } else { " (sent)" })
    };
    answer.map(|answer| answer.status).map_err(told)
}

fn through(proxy: &str) -> Route {
    let header = ("X-Gate".parse().unwrap(), "HUNTER3".parse().unwrap());
    Route {
        https_proxy: Some(format!("http://kim:HUNTER4@{proxy}")),
        no_proxy: None,
        headers: vec![header],
    }
}

#[test]
fn only_tls_goes_through() {
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
    let server = peer(&TLS13, &key);
    let host = server.trim_start_matches("https://");
    let pinned = Options {
        fingerprint: Some(Fingerprint::of(&leaf())),
        ..options()
    };
    let (address, seen) = proxy("200 Connection established");
    assert_eq!(asked(&server, &through(&address), &pinned), Ok(200));
    let head = seen.lock().unwrap().remove(0);
    assert!(
        head.starts_with(&format!("CONNECT {host} HTTP/1.1\r\n")),
        "{head}"
    );
    assert!(
        head.contains("Proxy-Authorization: Basic a2ltOkhVTlRFUjQ="),
        "{head}"
    );
    assert!(
        !head.contains("HUNTER") && !head.contains("X-Gate"),
        "{head}"
    );
    // Its certificate is checked as without a proxy.
    let other = Options {
        fingerprint: Some(Fingerprint::parse(&"ab".repeat(32)).unwrap()),
        ..options()
    };
    let told = asked(&server, &through(&address), &other).unwrap_err();
    assert!(told.contains("the certificate's fingerprint is"), "{told}");
    seen.lock().unwrap().clear();
    // Not through it: who is in NO_PROXY, and plain http.
    let direct = Route {
        no_proxy: Some("localhost,127.0.0.1".to_owned()),
        ..through(&address)
    };
    assert_eq!(asked(&server, &direct, &pinned), Ok(200));
    let plain = asked(
        &server.replace("https", "http"),
        &through(&address),
        &options(),
    );
    assert!(plain.is_err(), "a TLS port");
    assert_eq!(*seen.lock().unwrap(), [""; 0]);
}

#[test]
fn proxies_that_do_not() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let nobody = free.to_string();
    let (wants, _) = proxy("407 Proxy Authentication Required");
    let (refuses, _) = proxy("403 Forbidden");
    #[rustfmt::skip]
    let cases = [
        ("a password", wants, "it wants a name and a password (status 407): HTTPS_PROXY=http://name:password@host:port"),
        ("a refusal",  refuses, "it does not connect to that host (status 403)"),
        ("nobody",     nobody, "connection refused; does it listen there?"),
    ];
    for (name, address, want) in cases {
        let told = asked("https://nb.invalid", &through(&address), &options()).unwrap_err();
        assert_eq!(
            told,
            format!("through the proxy {address}: {want}"),
            "{name}"
        );
    }
}
