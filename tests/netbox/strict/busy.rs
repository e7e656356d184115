//! Servers that are too busy to answer at once, or are being restarted.

use crate::{client::Ours, proxy::Reply, server::Strict, wire::Message};

/// A refusal with a header.
fn refusal(status: u16, header: (&str, &str)) -> Option<Reply> {
    let mut reply = Message::reply(
        status,
        "application/json",
        r#"{"detail":"Request was throttled."}"#,
    );
    reply
        .headers
        .push((header.0.to_owned(), header.1.to_owned()));
    Some(Reply::Send(reply))
}

/// Each request meets it once; then it is carried out, once.
#[test]
fn too_many_requests() {
    for wish in ["0", "1", "Thu, 01 Jan 1970 00:00:00 GMT"] {
        let strict = Strict::with((4, 5), move |n, _, _| {
            (n % 2 == 0).then(|| refusal(429, ("Retry-After", wish)))?
        });
        let ran = Ours::new(&strict.proxy.url).run("allocate --vlan 30 a");
        assert_eq!(
            (ran.short().as_str(), ran.err.as_str()),
            ("0: a 192.168.30.2/24 new", ""),
            "{wish}"
        );
        assert_eq!(strict.ipam.lock().unwrap().addresses.len(), 2);
    }
}

/// A wish that is too long, on a read and on each way of writing: given up at once, and said.
#[test]
fn too_long_to_wait() {
    for (method, line) in [
        ("GET", "allocate --vlan 10 a"),
        ("POST", "allocate --vlan 10 a"),
        ("POST", "allocate --vlan 30 a"),
        ("PATCH", "allocate --vlan 10 --adopt gw10"),
        ("DELETE", "release --force gw10"),
    ] {
        let strict = Strict::with((4, 5), move |_, request, _| {
            (request.method() == method).then(|| refusal(429, ("Retry-After", "61")))?
        });
        let ran = Ours::new(&strict.proxy.url).run(line);
        ran.ends(
            "3: ",
            &[
                "status 429: Request was throttled.",
                "1m in all are waited at most (Retry-After: 61)",
            ],
        );
        assert_eq!(
            strict.proxy.count(method),
            if method == "GET" { 3 } else { 1 },
            "{method}"
        );
    }
}

/// Reads are repeated while a server is restarted; a POST without a reply that can be used is the
/// matter of its key.
#[test]
fn restarts() {
    for status in [502, 503, 504] {
        let strict = Strict::with((4, 5), move |n, _, _| {
            (n < 3).then(|| refusal(status, ("X", "x")))?
        });
        Ours::new(&strict.proxy.url)
            .run("show --vlan 10")
            .ends("0: ?", &[]);
    }
    let strict = Strict::with((4, 5), |_, _, _| {
        Some(Reply::Send(Message::reply(
            502,
            "text/html",
            "<html>Bad Gateway</html>",
        )))
    });
    let ran = Ours::new(&strict.proxy.url).run("show --vlan 10");
    ran.ends(
        "3: ",
        &["status 502 and a page that is not JSON; a login page, or a proxy's, 4 times"],
    );
    // An error of the server's own says nothing of a restart.
    let strict = Strict::with((4, 5), |_, _, _| refusal(500, ("X", "x")));
    Ours::new(&strict.proxy.url)
        .run("show --vlan 10")
        .ends("3: ", &["status 500: Request was throttled."]);
    assert_eq!(strict.proxy.count("GET"), 3);
}
