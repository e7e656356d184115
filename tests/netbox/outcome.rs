//! What is said of a request whose reply was lost: made by us, made by another, made but
//! not verified, or not known.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use crate::{
    Section,
    client::Ours,
    lost::{carried_out_but_gone, nth},
    proxy::Reply,
    server::Lab,
    wire::Message,
};

pub const SECTIONS: &[Section] = &[
    ("outcome: nothing but silence after a POST", unknown),
    ("outcome: another run was faster", overtaken),
    ("outcome: the read that verifies fails", unverified),
];

fn unknown(lab: &Lab) {
    for carried_out in [true, false] {
        let gone = AtomicUsize::new(0);
        let proxy = lab.proxy(move |request, up| {
            if request.method() == "POST" && carried_out {
                up.send(request);
            }
            gone.fetch_add(usize::from(request.method() == "POST"), Ordering::SeqCst);
            if gone.load(Ordering::SeqCst) > 0 {
                Reply::Gone
            } else {
                up.pass(request)
            }
        });
        let ran = Ours::new(&proxy.url).run("allocate --vlan 10 a b");
        ran.ends(
            "3: a !unknown-outcome, b !unknown-outcome",
            &["look in NetBox for ipalloc_key a, b"],
        );
        // What it says to do helps.
        let again = lab.ours().run("allocate --vlan 10 a b");
        let new = if carried_out { "" } else { " new" };
        again.ends(
            &format!("0: a 192.168.10.6/24{new}, b 192.168.10.8/24{new}"),
            &[],
        );
        lab.ours().run("release a b");
    }
    // A stream of 502s, with reads that work.
    let proxy = nth(lab, "POST", |_, _, _| {
        Reply::Send(Message::reply(502, "text/html", "<html>Bad Gateway"))
    });
    let ran = Ours::new(&proxy.url).run("allocate --vlan 10 c");
    ran.ends("3: c !unknown-outcome", &["ipalloc_key c", "status 502"]);
    assert_eq!(lab.owned(), [""; 0]);
}

/// The request does not get through, and another run makes the address meanwhile: only
/// that one has changed something.
fn overtaken(lab: &Lab) {
    for (vlan, address) in [("10", "192.168.10.6/24"), ("30", "192.168.30.2/24")] {
        let line = format!("allocate --vlan {vlan} a");
        let (other, again) = (lab.ours(), line.clone());
        let proxy = nth(lab, "POST", move |n, request, up| match n {
            0 => {
                other.run(&again).ends(&format!("0: a {address} new"), &[]);
                Reply::Gone
            }
            _ => up.pass(request),
        });
        let ours = Ours::new(&proxy.url);
        let ran = ours.run(&line);
        assert_eq!(
            (ran.short(), ran.err.as_str(), proxy.count("POST")),
            (format!("0: a {address}"), "", 2)
        );
        // Of two that release it at the same time, one does.
        let other = lab.ours();
        let proxy = nth(lab, "DELETE", move |n, request, up| match n {
            0 => {
                other
                    .run("release a")
                    .ends(&format!("0: a {address} new"), &[]);
                Reply::Gone
            }
            _ => up.pass(request),
        });
        Ours::new(&proxy.url)
            .run("release a")
            .ends("3: ", &["is not there any more"]);
    }
    // Who may not view the change log cannot tell, and says so.
    let token = "nbt_ipallocAlloc.FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF";
    let lossy = || {
        nth(lab, "POST", |n, request, up| match n {
            0 => carried_out_but_gone(request, up),
            _ => up.pass(request),
        })
    };
    let ours = Ours::new(&lossy().url).token(token);
    ours.run("allocate --vlan 10 b").ends(
        "0: b 192.168.10.6/24 new",
        &[
            "note: a reply about b was lost",
            "(may the token view object changes?)",
        ],
    );
    lab.ours().run("release b");
    let user = lab.results("/api/users/users/?username=allocator");
    lab.make(
        "/api/users/permissions/",
        &json!({"name": "log", "object_types": ["core.objectchange"], "actions": ["view"], "users": [user[0]["id"]]}),
    );
    let ran = Ours::new(&lossy().url)
        .token(token)
        .run("allocate --vlan 10 b");
    assert_eq!(
        (ran.short().as_str(), ran.err.as_str()),
        ("0: b 192.168.10.6/24 new", ""),
        "it may view the log now"
    );
    // An address that is not the one it sent is another's in any case.
    let other = lab.ours();
    let proxy = nth(lab, "POST", move |n, request, up| match n {
        0 => {
            other
                .run("allocate --vlan 30 --address 192.168.30.9 c")
                .ends("0: c 192.168.30.9/24 new", &[]);
            Reply::Gone
        }
        _ => up.pass(request),
    });
    let ran = Ours::new(&proxy.url)
        .token(token)
        .run("allocate --vlan 30 c");
    assert_eq!(
        (ran.short().as_str(), ran.err.as_str()),
        ("0: c 192.168.30.9/24", "")
    );
}

/// The address is made, and then NetBox is gone: nobody is to use it yet, or to forget it.
fn unverified(lab: &Lab) {
    for (vlan, first, second) in [
        ("10", "192.168.10.6/24", "192.168.10.8/24"),
        ("30", "192.168.30.2/24", "192.168.30.3/24"),
    ] {
        lab.ours()
            .run(&format!("allocate --vlan {vlan} old{vlan} a{vlan}"))
            .ends(
                &format!("0: old{vlan} {first} new, a{vlan} {second} new"),
                &[],
            );
        lab.ours().run(&format!("release a{vlan}"));
        let posted = AtomicUsize::new(0);
        let proxy = lab.proxy(move |request, up| {
            if posted.load(Ordering::SeqCst) > 0 {
                return Reply::Gone;
            }
            posted.fetch_add(usize::from(request.method() == "POST"), Ordering::SeqCst);
            up.pass(request)
        });
        let line = format!("allocate --vlan {vlan} old{vlan} a{vlan}");
        let ran = Ours::new(&proxy.url).run(&line);
        if vlan == "10" {
            // What the server chose nobody else can have: it is not read back.
            ran.ends(&format!("0: old{vlan} {first}, a{vlan} {second} new"), &[]);
            continue;
        }
        ran.ends(
            &format!("3: old{vlan} {first}, a{vlan} new !unverified"),
            &[
                &format!("ipalloc: made {second}, but could not verify: "),
                "ipalloc: hint: run this again: it gives the same",
            ],
        );
        let message = ran.records()[1]["error"]["message"].clone();
        let want = format!("{second} was made (ipam_id ");
        assert!(message.as_str().unwrap().starts_with(&want), "{message}");
        lab.ours()
            .run(&line)
            .ends(&format!("0: old{vlan} {first}, a{vlan} {second}"), &[]);
    }
}
