//! What fails is told, undone on its server, and the next server is left alone.

use serde_json::json;

use crate::bed::{Bed, dnsmasq};

const ONE: &str = "192.168.30.51";
const TWO: &str = "192.168.30.52";

/// After a change: what is done to the first server, its code, what is said of it.
#[test]
fn the_old_names_are_back() {
    let Some(bed) = Bed::new("the_old_names_are_back", &["dnsmasq"]) else {
        return;
    };
    let [one, two] = bed.two();
    bed.first().published(true);
    let before = bed.inside("ns-1", "sha256sum /etc/dnsmasq.d/names.conf");
    let with = |key: &str, value: &str| {
        let mut server = one.clone();
        server[key] = json!(value);
        server
    };
    bed.ipam(&[("web", 80), ("db", 71), ("new", 73)]);
    #[rustfmt::skip]
    let cases = [
        ("reload fails",      with("reload", "dns restart; echo no such unit >&2; false"), "reload",     "dns restart; echo no such unit >&2; false: no such unit"),
        ("check fails",       with("check", "echo line 3 is bad; exit 1"), "check",      "line 3 is bad"),
        ("reads nothing",     with("reload", "dns reload"),               "unverified", "new.lab.example A is nothing"),
        ("does not come up",  with("reload", "grep -q new /etc/dnsmasq.d/names.conf && dns stop || dns restart"), "unverified", "no answer to "),
        ("another file has it", with("reload", "echo host-record=mail.lab.example,192.168.30.72 >/etc/dnsmasq.d/other.conf; dns restart"), "unverified", "mail.lab.example A is still 192.168.30.72"),
    ];
    for (what, server, code, part) in cases {
        bed.site(&[server, two.clone()]);
        let answer = bed.publish(&["--apply"]);
        assert_eq!(answer.code, Some(1), "{what}: {answer:#?}");
        assert_eq!(answer.codes(), [code, "not-tried"], "{what}: {answer:#?}");
        assert!(
            answer.message(0).contains(part),
            "{what}: {}",
            answer.message(0)
        );
        assert_eq!(answer.records[0]["changed"], json!(false), "{what}");
        let after = bed.inside("ns-1", "sha256sum /etc/dnsmasq.d/names.conf");
        assert_eq!(after, before, "{what}");
        for address in [ONE, TWO] {
            let said = ["web", "mail", "new"].map(|name| bed.ask(address, name));
            assert_eq!(
                said,
                ["192.168.30.70", "192.168.30.72", ""],
                "{what} {address}"
            );
        }
    }
    bed.inside("ns-1", "rm /etc/dnsmasq.d/other.conf");

    // What wasn't there isn't put back, whatever an earlier run left beside it.
    bed.inside("ns-1", "cd /etc/dnsmasq.d; mv names.conf /root; echo host-record=ghost.lab.example,192.168.30.9 >.names.conf.pvx-old");
    bed.site(&[with("check", "echo line 3 is bad; exit 1")]);
    assert_eq!(bed.publish(&["--apply"]).codes(), ["check"]);
    assert_eq!(bed.inside("ns-1", "ls /etc/dnsmasq.d"), "");
    bed.inside("ns-1", "mv /root/names.conf /etc/dnsmasq.d");
    bed.site(&[one, two]);
    bed.publish(&["--apply"]).published(true);
    assert_eq!(bed.ask(TWO, "web"), "192.168.30.80");
}

/// A server that was not touched is told, and the next one served.
#[test]
fn the_next_one_is_served() {
    let Some(bed) = Bed::new("the_next_one_is_served", &["dnsmasq"]) else {
        return;
    };
    let [_, two] = bed.two();
    // A key that is known of it by whatever name is not overwritten.
    let elsewhere = "cd $TMPDIR; ssh-keygen -qt ed25519 -N '' -f other; mkdir -p .local/state/pvx; sed 's/^/192.168.30.99,ns-1.lab.example,192.168.30.51 /; s/ [^ ]*$/ 7:x/' other.pub >.local/state/pvx/known_hosts";
    bed.bash(elsewhere);
    let pinned = bed.publish(&["--apply", "--accept-new", "ns-1", "--server", "ns-1"]);
    assert_eq!(pinned.codes()[0], "host-key", "{pinned:#?}");
    bed.bash("rm $TMPDIR/.local/state/pvx/known_hosts");

    let unknown = bed.publish(&["--apply", "--accept-new", "ns-2"]);
    assert_eq!(unknown.codes(), ["host-key", ""], "{unknown:#?}");
    assert!(
        unknown.message(0).contains("then give --accept-new ns-1"),
        "{unknown:#?}"
    );
    assert_eq!(bed.ask(TWO, "web"), "192.168.30.70");
    bed.first();

    bed.ipam(&[("web", 80), ("db", 71), ("mail", 72)]);
    #[rustfmt::skip]
    let cases = [
        ("another's file",  "cd /etc/dnsmasq.d; mv names.conf /root/kept; echo host-record=x.lab.example,192.168.30.9 >names.conf", "mv /root/kept /etc/dnsmasq.d/names.conf", "not-ours", "was not made by publish-names; --adopt"),
        ("a folder there",  "cd /etc/dnsmasq.d; mv names.conf /root/kept; mkdir names.conf", "rmdir /etc/dnsmasq.d/names.conf; mv /root/kept /etc/dnsmasq.d/names.conf", "not-a-file", "it is no plain file"),
        ("no folder",       "mv /etc/dnsmasq.d /etc/gone", "mv /etc/gone /etc/dnsmasq.d", "no-folder", "/etc/dnsmasq.d: there is no such folder"),
        ("no flock",        "mv /usr/bin/flock /usr/bin/no-flock", "mv /usr/bin/no-flock /usr/bin/flock", "missing-tool", "flock is missing"),
        ("key not known there", "mv /root/.ssh/authorized_keys /root/keys", "mv /root/keys /root/.ssh/authorized_keys", "login", "Permission denied"),
    ];
    for (place, (what, before, after, code, part)) in cases.iter().enumerate() {
        bed.ipam(&[
            ("web", 81 + u8::try_from(place).unwrap()),
            ("db", 71),
            ("mail", 72),
        ]);
        bed.inside("ns-1", before);
        let answer = bed.publish(&["--apply"]);
        assert_eq!(answer.code, Some(1), "{what}: {answer:#?}");
        assert_eq!(answer.codes(), [code, ""], "{what}: {answer:#?}");
        assert!(
            answer.message(0).contains(part),
            "{what}: {}",
            answer.message(0)
        );
        assert_eq!(answer.records[1]["changed"], json!(true), "{what}");
        bed.inside("ns-1", after);
        assert_eq!(bed.ask(ONE, "web"), "192.168.30.70", "{what}");
    }

    // Another host at the address, and none.
    bed.inside("ns-1", "dns stop");
    bed.bash("guest down ns-1; until ! ip link show v-51 2>/dev/null >&2; do sleep 0.1; done; guest up ns-1 192.168.30.51; ip neighbour flush dev br0");
    let other = bed.publish(&["--apply"]);
    assert_eq!(other.codes(), ["host-key", ""], "{other:#?}");
    assert!(
        other.message(0).contains("another host answers there"),
        "{other:#?}"
    );
    let accepted = bed.publish(&["--apply", "--accept-new", "ns-1"]);
    assert_eq!(accepted.codes(), ["host-key", ""], "{accepted:#?}");
    bed.bash("guest down ns-1");
    let gone = bed.publish(&["--apply"]);
    assert_eq!(gone.codes(), ["no-sshd", ""], "{gone:#?}");
    bed.site(&[two]);
    bed.publish(&["--apply"]).published(false);
}

/// An IPAM that says too little empties no server; one that can't be read is no list.
#[test]
fn a_list_that_shrinks() {
    let Some(bed) = Bed::new("a_list_that_shrinks", &["dnsmasq"]) else {
        return;
    };
    bed.server("ns-1", ONE);
    bed.site(&[dnsmasq("ns-1", ONE)]);
    bed.first().published(true);
    #[rustfmt::skip]
    let cases = [
        ("empty",        vec![],                     "empty",   "--shrink publishes an empty list"),
        ("two of three", vec![("web", 70)],          "shrinks", "2 of its 3 names would go"),
        ("others",       vec![("a", 90), ("b", 91)], "shrinks", "3 of its 3 names would go"),
    ];
    for (what, hosts, code, part) in cases {
        bed.ipam(&hosts);
        let answer = bed.publish(&["--apply"]);
        assert_eq!(answer.code, Some(1), "{what}: {answer:#?}");
        assert_eq!(answer.codes(), [code], "{what}");
        assert!(answer.message(0).contains(part), "{what}: {answer:#?}");
        assert_eq!(bed.ask(ONE, "web"), "192.168.30.70", "{what}");
    }
    std::fs::write(bed.path("ipam/ip-addresses.csv"), "half a ro").unwrap();
    let unread = bed.publish(&["--apply", "--shrink", "web"]);
    assert!(!unread.said.contains("no server was to"), "{unread:#?}");
    assert_eq!(
        (unread.code, unread.codes()),
        (Some(2), vec!["ipam"]),
        "{unread:#?}"
    );
    assert_eq!(bed.ask(ONE, "web"), "192.168.30.70");

    bed.ipam(&[("web", 70)]);
    bed.publish(&["--apply", "--shrink"]).published(true);
    assert_eq!(bed.ask(ONE, "db"), "");
    // The last one goes, as it was removed; and with nothing left to ask for, the server is asked all the same.
    bed.ipam(&[]);
    assert_eq!(bed.publish(&["--apply", "--gone", "db"]).codes(), ["empty"]);
    bed.publish(&["--apply", "--gone", "web"]).published(true);
    assert_eq!(bed.ask(ONE, "web"), "");
    bed.publish(&["--apply", "--gone", "web"]).published(false);
    let mut silent = dnsmasq("ns-1", ONE);
    silent["reload"] = json!("true");
    bed.site(&[silent]);
    bed.inside("ns-1", "dns stop");
    assert_eq!(bed.publish(&["--apply"]).codes(), ["unverified"]);
    bed.site(&[dnsmasq("ns-1", ONE)]);

    // What others wrote goes only if told so, and is kept beside it.
    bed.ipam(&[("web", 70)]);
    bed.inside(
        "ns-1",
        "echo host-record=hand.lab.example,192.168.30.9 >/etc/dnsmasq.d/names.conf; dns restart",
    );
    let adopted = bed.publish(&["--apply", "--adopt", "--shrink"]);
    assert_eq!(
        adopted.published(true)[0]["removed_names"],
        json!(["hand.lab.example"])
    );
    assert_eq!(
        bed.inside("ns-1", "cat /etc/dnsmasq.d/.names.conf.pvx-old"),
        "host-record=hand.lab.example,192.168.30.9"
    );
    bed.ipam(&[("web", 70), ("db", 71)]);
    bed.publish(&["--apply"]).published(true);
    assert_eq!(
        bed.inside("ns-1", "cat /etc/dnsmasq.d/.names.conf.pvx-adopted"),
        "host-record=hand.lab.example,192.168.30.9"
    );
}

/// A disk without room has the old file, and nothing half-written.
#[test]
fn no_room() {
    let Some(bed) = Bed::new("no_room", &["dnsmasq"]) else {
        return;
    };
    bed.server("ns-1", ONE);
    bed.site(&[dnsmasq("ns-1", ONE)]);
    bed.bash("mount -t tmpfs -o size=16k full /mnt/ns-1/root/etc/dnsmasq.d");
    bed.first().published(true);
    let many: Vec<String> = (0..200)
        .map(|number| format!("a-rather-long-name-of-a-guest-{number}"))
        .collect();
    let many: Vec<(&str, u8)> = many
        .iter()
        .zip(2..)
        .map(|(name, last)| (name.as_str(), last))
        .collect();
    let more: Vec<(&str, u8)> = [("web", 70), ("db", 71), ("mail", 72)]
        .into_iter()
        .chain(
            many.into_iter()
                .filter(|(_, last)| !(70..=72).contains(last)),
        )
        .collect();
    bed.ipam(&more);
    let answer = bed.publish(&["--apply"]);
    assert_eq!(answer.codes(), ["write"], "{answer:#?}");
    assert!(
        answer.message(0).contains("No space left on device"),
        "{answer:#?}"
    );
    assert_eq!(bed.inside("ns-1", "ls -A /etc/dnsmasq.d"), "names.conf");
    assert_eq!(bed.ask(ONE, "web"), "192.168.30.70");
    bed.bash("mount -o remount,size=1m /mnt/ns-1/root/etc/dnsmasq.d");
    // A decoder that ends half-way, without a word.
    bed.inside("ns-1", "cd /usr/bin; mv base64 whole; printf '#!/bin/sh\\n[ \"$1\" = -d ] && whole -d | head -c 100 || whole\\n' >base64; chmod +x base64");
    let half = bed.publish(&["--apply"]);
    assert_eq!(half.codes(), ["write"], "{half:#?}");
    assert!(
        half.message(0)
            .contains("what was written is not what was sent"),
        "{half:#?}"
    );
    bed.inside("ns-1", "mv /usr/bin/whole /usr/bin/base64");
    let record = &bed.publish(&["--apply"]).published(true)[0].clone();
    assert_eq!(
        (&record["total"], &record["added"]),
        (&json!(200), &json!(197))
    );
    assert_eq!(record["added_names"].as_array().unwrap().len(), 20);
}
