//! Answers that are not NetBox's, or not to the question: told, not believed.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::{
    Section,
    client::Ours,
    lost::nth,
    proxy::{Proxy, Reply, Upstream},
    server::Lab,
    wire::Message,
};

pub const SECTIONS: &[Section] = &[
    ("strange: recorded answers of a NetBox in trouble", trouble),
    ("strange: pages that are not NetBox's", pages),
    (
        "strange: a redirect to another host carries no token",
        redirect,
    ),
    ("strange: next to another host carries no token", next),
    ("strange: an ignored filter", ignored),
    ("strange: an address that was not asked for", another),
    ("strange: nobody there", nobody),
];

/// Those that need [`Lab::loose`].
pub const LOOSE: &[Section] = &[(
    "strange: BASE_PATH, and addresses in every spelling",
    spelled,
)];

fn pages(lab: &Lab) {
    type Answer = fn() -> Reply;
    #[rustfmt::skip]
    let cases: &[(&str, Answer, &str)] = &[
        ("404 HTML",    || Reply::Send(Message::reply(404, "text/html", "<html>Page Not Found")), "status 404 and a page that is not NetBox's API; is the address complete (BASE_PATH)?"),
        ("login page",  || Reply::Send(Message::reply(200, "text/html", "<html>Log In</html>")),  "status 200 and a page that is not JSON; a login page, or a proxy's"),
        ("502 HTML",    || Reply::Send(Message::reply(502, "text/html", "<html>Bad Gateway")),    "status 502 and a page that is not JSON"),
        ("empty 200",   || Reply::Send(Message::reply(200, "text/html", "")),                     "status 200 and nothing else"),
        ("no list",     || Reply::Send(Message::reply(200, "application/json", "{}")),            "the answer is no list of results; is this NetBox?"),
        ("a bare list", || Reply::Send(Message::reply(200, "application/json", "[]")),            "the answer is no list of results; is this NetBox?"),
        ("half a body", || Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"count\":0,".to_vec()), "http://127.0.0.1:"),
        ("garbage",     || Reply::Raw(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),                       "http://127.0.0.1:"),
        ("nothing",     || Reply::Gone,                                                           "http://127.0.0.1:"),
    ];
    for (name, answer, told) in cases {
        let proxy = lab.proxy(move |_, _| answer());
        let ours = Ours::new(&proxy.url);
        for line in ["allocate --vlan 10 a", "release a", "show"] {
            let ran = ours.run(line);
            assert!(
                ran.short() == "3: " && ran.err.contains(told) && ran.err.lines().count() == 1,
                "{name}: {line}: {ran:?}"
            );
        }
        assert_eq!(proxy.count("POST"), 0, "{name}");
    }
    assert_eq!(lab.owned(), [""; 0]);
}

/// A recorded answer of `tests/data/netbox/contract`.
fn recorded(name: &str) -> Reply {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/netbox/contract");
    let text = fs::read_to_string(folder.join(name)).unwrap();
    let response = serde_json::from_str::<Value>(&text).unwrap()["response"].take();
    let body = match (&response["body"], response["body_text"].as_str()) {
        (Value::Null, Some(text)) => text.to_owned(),
        (body, _) => body.to_string(),
    };
    let kind = response["headers"]["Content-Type"].as_str().unwrap();
    let status = response["status"].as_u64().unwrap();
    Reply::Send(Message::reply(status as u16, kind, &body))
}

fn trouble(lab: &Lab) {
    let down = lab.proxy(|_, _| recorded("188-redis-down-get.json"));
    for line in ["allocate --vlan 10 a", "release a", "show"] {
        Ours::new(&down.url).run(line).ends("3: ", &["status 500"]);
    }
    for name in ["186-readonly-db-post.json", "189-redis-down-post.json"] {
        // A while, then it is well again.
        let proxy = nth(lab, "POST", move |n, request, up| {
            if n < 2 {
                recorded(name)
            } else {
                up.pass(request)
            }
        });
        let ran = Ours::new(&proxy.url).run("allocate --vlan 10 a");
        ran.ends("0: a 192.168.10.6/24 new", &[]);
        lab.ours().run("release a");
        // For good: it cannot be known that it did nothing.
        let proxy = nth(lab, "POST", move |_, _, _| recorded(name));
        let ran = Ours::new(&proxy.url).run("allocate --vlan 10 a");
        ran.ends("3: a !unknown-outcome", &["status 500"]);
    }
    assert_eq!(lab.owned(), [""; 0]);
}

fn redirect(lab: &Lab) {
    let trap = Proxy::trap();
    for status in [301, 302, 307, 308] {
        for method in ["GET", "POST"] {
            let location = trap.url.clone();
            let proxy = nth(lab, method, move |_, request, _| {
                let mut reply = Message::reply(status, "text/html", "");
                reply
                    .headers
                    .push(("Location".into(), format!("{location}{}", request.target())));
                Reply::Send(reply)
            });
            let ran = Ours::new(&proxy.url).run("allocate --vlan 10 a");
            assert_eq!(ran.code, 3, "{status} {method}: {ran:?}");
            assert!(
                ran.err.contains("redirected to"),
                "{status} {method}: {ran:?}"
            );
        }
    }
    assert_eq!(trap.connections(), 0);
    assert_eq!(lab.owned(), [""; 0]);
}

/// Pages of five results, whose `next` leads elsewhere.
fn paged(lab: &Lab, elsewhere: &str) -> Proxy {
    let elsewhere = elsewhere.to_owned();
    lab.proxy(move |request, up| {
        let smaller = request
            .start
            .replace("limit=1000", "limit=5")
            .replace("limit=250", "limit=5")
            .replace("limit=100", "limit=5");
        let mut reply = up.send(&Message {
            start: smaller,
            ..request.clone()
        });
        let mut value = reply.json();
        if let Some(next) = value.get("next").and_then(Value::as_str) {
            let path = next
                .trim_start_matches("http://")
                .split_once('/')
                .unwrap()
                .1;
            value["next"] = json!(format!("{elsewhere}/{path}"));
            reply.body = value.to_string().into_bytes();
        }
        Reply::Send(reply)
    })
}

fn next(lab: &Lab) {
    let trap = Proxy::trap();
    for elsewhere in [
        trap.url.clone(),
        trap.url.replace("127.0.0.1", "localhost"),
        "http://netbox.invalid".to_owned(),
    ] {
        let proxy = paged(lab, &elsewhere);
        let ours = Ours::new(&proxy.url);
        // VLAN 60 is on the last of the pages, and so is the gateway of VLAN 40.
        ours.run("allocate --vlan 60 a")
            .ends("0: a fd00:30::2/64 new", &[]);
        ours.run("allocate --vlan 40 b")
            .ends("0: b 192.168.40.2/28 new", &[]);
        assert_eq!(ours.run("show").records().len(), 20);
        ours.run("release a b")
            .ends("0: a fd00:30::2/64 new, b 192.168.40.2/28 new", &[]);
    }
    assert_eq!(trap.connections(), 0);
}

/// Passes everything on, but for the filters that begin with one of `names`.
pub fn without_filters(
    names: &'static [&'static str],
) -> impl Fn(&Message, &Upstream) -> Reply + Send + Sync {
    move |request, up| {
        let words: Vec<&str> = request.start.split(' ').collect();
        let (path, query) = words[1].split_once('?').unwrap_or((words[1], ""));
        let kept: Vec<&str> = query
            .split('&')
            .filter(|part| !names.iter().any(|name| part.starts_with(name)))
            .collect();
        let start = format!("{} {path}?{} {}", words[0], kept.join("&"), words[2]);
        up.pass(&Message {
            start,
            ..request.clone()
        })
    }
}

fn ignored(lab: &Lab) {
    lab.fresh_large();
    for names in [
        &["cf_"][..],
        &["dns_name"],
        &["address="],
        &["cf_", "dns_name", "parent=", "address="],
    ] {
        let proxy = lab.proxy(without_filters(names));
        let ran = Ours::new(&proxy.url).run("allocate --vlan 30 --address 192.168.30.5 a");
        ran.ends("3: ", &["was not honoured"]);
        // If an address was made before it was seen, it is the name's own next time.
        let owned = lab.owned();
        assert!(
            owned.is_empty() || owned == ["a 192.168.30.5/24"],
            "{owned:?}"
        );
        lab.ours().run("release a");
    }
    let proxy = lab.proxy(without_filters(&["parent="]));
    Ours::new(&proxy.url)
        .run("show --vlan 30")
        .ends("3: ", &["was not honoured"]);
    // Releasing by a filter that is ignored would be the worst.
    lab.ours()
        .run("allocate --vlan 30 a b")
        .ends("0: a 192.168.30.2/24 new, b 192.168.30.3/24 new", &[]);
    for names in [&["cf_"][..], &["dns_name"], &["cf_", "dns_name"]] {
        let proxy = lab.proxy(without_filters(names));
        Ours::new(&proxy.url)
            .run("release --force nobody")
            .ends("3: ", &["was not honoured"]);
        Ours::new(&proxy.url)
            .run("release a")
            .ends("3: ", &["was not honoured"]);
    }
    assert_eq!(lab.count(), 9 + 260 + 2);
}

/// The server gives something else than what it was asked for.
fn another(lab: &Lab) {
    type Change = fn(&mut Value);
    #[rustfmt::skip]
    let cases: &[(&str, Change)] = &[
        ("outside of the prefix", |record| record["address"] = json!("10.99.0.1/24")),
        ("without its key",       |record| record["custom_fields"]["ipalloc_key"] = Value::Null),
        ("with another's key",    |record| record["custom_fields"]["ipalloc_key"] = json!("other")),
        ("in a VRF",              |record| record["vrf"] = json!({"id": 1, "name": "blue"})),
    ];
    for vlan in ["10", "30"] {
        for (name, change) in cases {
            let proxy = nth(lab, "POST", move |_, request, up| {
                let mut reply = up.send(request);
                let mut value = reply.json();
                change(&mut value[0]);
                reply.body = value.to_string().into_bytes();
                Reply::Send(reply)
            });
            let ran = Ours::new(&proxy.url).run(&format!("allocate --vlan {vlan} a"));
            ran.ends("3: ", &["which is not what was asked for"]);
            assert!(!ran.out.contains("10.99"), "{name}");
            lab.ours().run("release a");
        }
    }
}

fn spelled(lab: &Lab) {
    let plain = &lab.url;
    let below = lab.loose();
    for url in [
        plain.clone(),
        format!("{plain}/"),
        format!("{plain}/api"),
        format!("{plain}/api/"),
    ] {
        Ours::new(&url)
            .run("allocate --vlan 10 --dry-run a")
            .ends("0: a 192.168.10.6/24 new", &[]);
    }
    for url in [
        below.to_owned(),
        format!("{below}/"),
        format!("{below}/api/"),
        format!("{below}/api"),
    ] {
        let ours = Ours::new(&url);
        ours.run("allocate --vlan 10 a")
            .ends("0: a 192.168.10.6/24 new", &[]);
        ours.run("release a").ends("0: a 192.168.10.6/24 new", &[]);
    }
    assert_eq!(Ours::new(below).run("setup").code, 0);
    let forgotten = below.trim_end_matches("/ipam/nb");
    Ours::new(forgotten)
        .run("allocate --vlan 10 a")
        .ends("3: ", &["is the address complete (BASE_PATH)?"]);
    Ours::new(&format!("{plain}/nb"))
        .run("allocate --vlan 10 a")
        .ends("3: ", &["is the address complete (BASE_PATH)?"]);
    for (bad, told) in [
        (
            "ftp://127.0.0.1",
            "is not an address of the form https://host[:port][/path]",
        ),
        (
            "http://user:pw@127.0.0.1",
            "the address http://***@127.0.0.1 has a user name or password in it",
        ),
        (
            "http://127.0.0.1/?a=b",
            "is not an address of the form https://host[:port][/path]",
        ),
        ("http://", "address"),
    ] {
        Ours::new(bad)
            .run("allocate --vlan 10 a")
            .ends("2: ", &[told]);
    }
}

fn nobody(_: &Lab) {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let ours = Ours::new(&format!("http://127.0.0.1:{free}"));
    for line in ["allocate --vlan 10 a", "release a", "show", "setup"] {
        ours.run(line)
            .ends("3: ", &[&format!("http://127.0.0.1:{free}")]);
    }
    Ours::new("https://netbox.invalid")
        .run("show")
        .ends("3: ", &["the DNS has no address for \"netbox.invalid\""]);
    Ours::new("http://netbox.invalid")
        .run("show")
        .ends("2: ", &["would send the token in clear"]);
    // It accepts and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    Ours::new(&url)
        .run("show --timeout 1s")
        .ends("3: ", &[&url, "no answer within 1s"]);
}
