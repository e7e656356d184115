//! Replies that get lost: one address all the same, and the truth about it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::json;

use crate::{
    Section,
    client::Ours,
    proxy::{Proxy, Reply, Upstream},
    server::Lab,
    wire::Message,
};

pub const SECTIONS: &[Section] = &[
    ("lost: the reply to a POST, cut after commit", post_once),
    ("lost: every reply to a POST", post_always),
    ("lost: the reply to a PATCH or DELETE", changes),
    ("lost: a first POST held for longer than the time-out", held),
    (
        "lost: a kept connection that the server has closed",
        kept_alive,
    ),
    ("lost: refusals in another language", german),
];

/// What the `n`th request of a method meets; the others pass.
pub fn nth(
    lab: &Lab,
    method: &'static str,
    does: impl Fn(usize, &Message, &Upstream) -> Reply + Send + Sync + 'static,
) -> Proxy {
    let count = AtomicUsize::new(0);
    lab.proxy(move |request, up| {
        if request.method() == method {
            does(count.fetch_add(1, Ordering::SeqCst), request, up)
        } else {
            up.pass(request)
        }
    })
}

pub fn carried_out_but_gone(request: &Message, up: &Upstream) -> Reply {
    up.send(request);
    Reply::Gone
}

/// The ways in which a reply to a request that was carried out may look, and a first name for each.
#[allow(clippy::type_complexity)]
pub const SPOILED: &[(&str, fn(&Message) -> Reply)] = &[
    ("cut", |_| Reply::Gone),
    ("half", |reply| {
        let bytes = reply.bytes();
        Reply::Raw(bytes[..bytes.len() - reply.body.len() / 2].to_vec())
    }),
    ("garbage", |_| {
        Reply::Raw(b"\x16\x03\x01garbage\r\n\r\n".to_vec())
    }),
    ("no-json", |reply| {
        Reply::Send(Message {
            body: b"[{\"id\":".to_vec(),
            ..reply.clone()
        })
    }),
    ("page502", |_| {
        Reply::Send(Message::reply(502, "text/html", "<html>Bad Gateway</html>"))
    }),
    ("page200", |_| {
        Reply::Send(Message::reply(200, "text/html", "<html>Log in</html>"))
    }),
    ("empty200", |_| {
        Reply::Send(Message::reply(200, "text/html", ""))
    }),
    ("empty201", |_| {
        Reply::Send(Message::reply(201, "application/json", ""))
    }),
    ("list-of-0", |_| {
        Reply::Send(Message::reply(201, "application/json", "[]"))
    }),
    ("error500", |_| {
        Reply::Send(Message::reply(
            500,
            "application/json",
            r#"{"error":"x","exception":"y"}"#,
        ))
    }),
];

fn post_once(lab: &Lab) {
    // On VLAN 10 NetBox chooses the address, on VLAN 30 we do.
    for vlan in ["10", "30"] {
        // Each way on one of the two, and a cut one on both.
        let here = |n: usize| n == 0 || n.is_multiple_of(2) == (vlan == "10");
        for (_, (how, spoil)) in SPOILED.iter().enumerate().filter(|(n, _)| here(*n)) {
            let proxy = nth(lab, "POST", move |n, request, up| match n {
                0 => spoil(&up.send(request)),
                _ => up.pass(request),
            });
            let ran = Ours::new(&proxy.url).run(&format!("allocate --vlan {vlan} {how}-a {how}-b"));
            let text = format!("VLAN {vlan}, {how}: {ran:?}");
            assert!(
                ran.code == 0 && ran.err.is_empty() && proxy.count("POST") == 2,
                "{text}"
            );
            let owned = lab.owned();
            for record in ran.records() {
                let address = record["address"].as_str().unwrap();
                let name = record["name"].as_str().unwrap();
                assert!(
                    record["changed"] == true && owned.contains(&format!("{name} {address}")),
                    "{text}"
                );
            }
            let keys: Vec<&String> = owned.iter().filter(|line| line.starts_with(how)).collect();
            assert_eq!(keys.len(), 2, "{text}: {keys:?}");
            lab.ours().run(&format!("release {how}-a {how}-b"));
        }
        // It never came to NetBox.
        let proxy = nth(lab, "POST", |n, request, up| {
            if n < 2 { Reply::Gone } else { up.pass(request) }
        });
        let ran = Ours::new(&proxy.url).run(&format!("allocate --vlan {vlan} dropped"));
        assert!(
            ran.short().starts_with("0: dropped") && ran.short().ends_with("new"),
            "{ran:?}"
        );
        lab.ours().run("release dropped");
    }
}

fn post_always(lab: &Lab) {
    for (vlan, address) in [("10", "192.168.10.6/24"), ("30", "192.168.30.2/24")] {
        let proxy = nth(lab, "POST", |_, request, up| {
            carried_out_but_gone(request, up)
        });
        Ours::new(&proxy.url)
            .run(&format!("allocate --vlan {vlan} a{vlan}"))
            .ends(&format!("0: a{vlan} {address} new"), &[]);
        assert!(proxy.count("POST") > 1);
    }
    assert_eq!(lab.owned(), ["a10 192.168.10.6/24", "a30 192.168.30.2/24"]);
}

fn changes(lab: &Lab) {
    let asked = ["cut", "half", "page502"];
    for (how, spoil) in SPOILED.iter().filter(|(how, _)| asked.contains(how)) {
        lab.fresh("seeded");
        lab.make(
            "/api/ipam/ip-addresses/",
            &json!({"address": "192.168.30.77/24", "dns_name": "old"}),
        );
        lab.ours()
            .run("allocate --vlan 30 a")
            .ends("0: a 192.168.30.2/24 new", &[]);
        let once = |method| {
            nth(lab, method, move |n, request, up| match n {
                0 => {
                    let reply = up.send(request);
                    // What a body of nothing can be cut off from is not cut off.
                    if reply.body.is_empty() {
                        Reply::Gone
                    } else {
                        spoil(&reply)
                    }
                }
                _ => up.pass(request),
            })
        };
        let call = |method, line: &str, want: &str| {
            let proxy = once(method);
            let ran = Ours::new(&proxy.url).run(line);
            assert_eq!(
                (ran.short().as_str(), ran.err.as_str()),
                (want, ""),
                "{how}: {line}"
            );
        };
        call(
            "PATCH",
            "allocate --vlan 30 --adopt old",
            "0: old 192.168.30.77/24 new",
        );
        call(
            "PATCH",
            "release --retire old",
            "0: old 192.168.30.77/24 new",
        );
        call(
            "PATCH",
            "allocate --vlan 30 old",
            "0: old 192.168.30.77/24 new",
        );
        call(
            "DELETE",
            "release a old",
            "0: a 192.168.30.2/24 new, old 192.168.30.77/24 new",
        );
        assert_eq!(lab.owned(), [""; 0], "{how}");
    }
}

fn held(lab: &Lab) {
    for (before, vlan, address) in [
        (true, "10", "192.168.10.6/24"),
        (false, "30", "192.168.30.2/24"),
    ] {
        let done = Arc::new(AtomicBool::new(false));
        let until = done.clone();
        let proxy = nth(lab, "POST", move |n, request, up| {
            if n > 0 {
                return up.pass(request);
            }
            // Held until the client has ended, on its way there or on its way back.
            let hold = || {
                while !until.load(Ordering::SeqCst) {
                    thread::sleep(Duration::from_millis(20));
                }
            };
            if before {
                hold();
            }
            up.send(request);
            if !before {
                hold();
            }
            Reply::Gone
        });
        let ours = Ours::new(&proxy.url);
        let line = format!("allocate --timeout 2s --vlan {vlan} a{vlan}");
        // On a busy machine a read may take more than the 2 s, before there is a POST.
        let mut ran = loop {
            let ran = ours.run(&line);
            if proxy.count("POST") > 0 {
                break ran;
            }
        };
        done.store(true, Ordering::SeqCst);
        // What comes after the POST may be too slow, too: the look at the change log, which
        // is told, or the read that verifies; then another run gives the same.
        if ran.code == 3 {
            ran = lab.ours().run(&line.replace("--timeout 2s", ""));
        } else {
            ran.ends(&format!("0: a{vlan} {address} new"), &[]);
        }
        assert_eq!(
            ran.short().trim_end_matches(" new"),
            format!("0: a{vlan} {address}")
        );
        proxy.settle();
        let owned: Vec<String> = lab
            .owned()
            .into_iter()
            .filter(|line| line.starts_with(&format!("a{vlan} ")))
            .collect();
        assert_eq!(
            owned,
            [format!("a{vlan} {address}")],
            "the held one was carried out, too"
        );
    }
}

fn kept_alive(lab: &Lab) {
    // Each reply says that the connection stays, and it does not.
    let proxy = lab.proxy(|request, up| Reply::Raw(up.send(request).bytes()));
    let ours = Ours::new(&proxy.url);
    for (line, want) in [
        ("allocate --vlan 30 a", "0: a 192.168.30.2/24 new"),
        (
            "allocate --vlan 10 b c",
            "0: b 192.168.10.6/24 new, c 192.168.10.8/24 new",
        ),
        ("release --retire a", "0: a 192.168.30.2/24 new"),
        (
            "release a b c",
            "0: a 192.168.30.2/24 new, b 192.168.10.6/24 new, c 192.168.10.8/24 new",
        ),
    ] {
        ours.run(line).ends(want, &[]);
    }
}

fn german(lab: &Lab) {
    let translated =
        |status: u16, body: &str| Reply::Send(Message::reply(status, "application/json", body));
    // Another run of the same name was faster: its address is the answer.
    let proxy = nth(lab, "POST", move |n, request, up| match n {
        0 => {
            assert_eq!(up.send(request).status(), 201);
            assert_eq!(up.send(request).status(), 400);
            translated(
                400,
                r#"{"__all__":["Feld ipalloc_key muss eindeutig sein."]}"#,
            )
        }
        _ => up.pass(request),
    });
    Ours::new(&proxy.url)
        .run("allocate --vlan 10 a")
        .ends("0: a 192.168.10.6/24", &[]);
    // The chosen address was taken meanwhile: the next one, whatever the words.
    for (name, words) in [("b", true), ("c", false)] {
        let proxy = nth(lab, "POST", move |n, request, up| {
            if n > 0 {
                return up.pass(request);
            }
            let chosen = request.json()[0]["address"].clone();
            let other = Message::request(
                "POST",
                request.target(),
                request.header("authorization").unwrap(),
                Some(&json!({"address": chosen})),
            );
            assert_eq!(up.send(&other).status(), 201);
            let reply = up.send(request);
            assert_eq!(reply.status(), 400);
            if words {
                translated(
                    400,
                    r#"[{"address":["Doppelte IP-Adresse in globaler Tabelle gefunden"]}]"#,
                )
            } else {
                Reply::Send(reply)
            }
        });
        let ran = Ours::new(&proxy.url).run(&format!("allocate --vlan 30 {name}"));
        // Those who were overtaken spread out, so it need not be the very next.
        let address = ran.record()["address"].as_str().unwrap().to_owned();
        assert!(ran.code == 0 && ran.err.is_empty(), "{ran:?}");
        assert!(lab.owned().contains(&format!("{name} {address}")));
        assert_eq!(proxy.count("POST"), 2);
    }
    // Words that nobody knows are shown.
    let proxy = lab.proxy(move |_, _| translated(403, r#"{"detail":"Token abgelaufen"}"#));
    Ours::new(&proxy.url)
        .run("allocate --vlan 10 d")
        .ends("2: ", &["denied: Token abgelaufen"]);
    let proxy = nth(lab, "POST", move |_, _, _| {
        translated(400, r#"{"dns_name":["Ungültig"]}"#)
    });
    Ours::new(&proxy.url)
        .run("allocate --vlan 10 d")
        .ends("1: d !refused-value", &[]);
    // 409: too few are left, in any language; then what is seen decides.
    let proxy = nth(lab, "POST", move |n, request, up| match n {
        0 => translated(409, r#"{"detail":"Nicht genug"}"#),
        _ => up.pass(request),
    });
    Ours::new(&proxy.url)
        .run("allocate --vlan 10 d")
        .ends("0: d 192.168.10.8/24 new", &[]);
}
