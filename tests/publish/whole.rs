//! The whole way, and again.

use serde_json::json;

use crate::bed::{Bed, dnsmasq};

#[test]
fn from_the_ipam_to_the_answer() {
    let Some(bed) = Bed::new("from_the_ipam_to_the_answer", &["dnsmasq"]) else {
        return;
    };
    for (name, address) in [
        ("ns-1", "192.168.30.51"),
        ("ns-2", "192.168.30.52"),
        ("pi", "192.168.30.53"),
    ] {
        bed.server(name, address);
    }
    // dnsmasq reads its configuration when it starts, addn-hosts at a SIGHUP, and sees what comes into a hostsdir,
    // as Pi-hole 6's resolver, which is dnsmasq, does in /etc/pihole/hosts.
    bed.site(&[
        dnsmasq("ns-1", "192.168.30.51"),
        json!({"name": "ns-2", "address": "192.168.30.52", "host": "root@192.168.30.52", "format": "hosts", "file": "/etc/hosts.d/names", "reload": "dns reload"}),
        json!({"name": "pi", "address": "192.168.30.53", "format": "pihole6", "file": "/etc/hosts.seen/pvx.list"}),
    ]);
    bed.inside("ns-2", "rm /etc/hosts.d/names");

    let shown = bed.publish(&["--accept-new", "ns-1,ns-2,pi"]);
    assert_eq!(shown.code, Some(0), "{shown:#?}");
    assert!(
        shown
            .said
            .contains("+host-record=web.lab.example,web,192.168.30.70"),
        "{}",
        shown.said
    );
    let record = &shown.records[0];
    let seen = (
        &record["changed"],
        &record["dry_run"],
        &record["added"],
        &record["total"],
    );
    assert_eq!(seen, (&json!(false), &json!(true), &json!(3), &json!(3)));
    assert_eq!(bed.inside("ns-1", "ls -A /etc/dnsmasq.d"), "");

    let first = bed.first();
    for record in first.published(true) {
        assert_eq!(
            record["added_names"],
            json!(["db.lab.example", "mail.lab.example", "web.lab.example"]),
            "{record}"
        );
    }
    for address in ["192.168.30.51", "192.168.30.52", "192.168.30.53"] {
        assert_eq!(bed.ask(address, "web"), "192.168.30.70", "{address}");
    }

    // Nothing is written or read again.
    let stat = "stat -c '%i %Y' /etc/dnsmasq.d/names.conf; cat /run/dns.pid; wc -l </run/dns.log; ls -A /etc/dnsmasq.d";
    let before = bed.inside("ns-1", stat);
    bed.publish(&["--apply", "web"]).published(false);
    assert_eq!(bed.inside("ns-1", stat), before);

    // One comes, one goes, one moves; the file stays its owner's.
    bed.inside(
        "ns-1",
        "chmod 640 /etc/dnsmasq.d/names.conf; chown 12:34 /etc/dnsmasq.d/names.conf",
    );
    bed.ipam(&[("web", 80), ("db", 71), ("new", 73)]);
    let again = bed.publish(&["--apply"]);
    for (record, address) in
        again
            .published(true)
            .iter()
            .zip(["192.168.30.51", "192.168.30.52", "192.168.30.53"])
    {
        let names = ["added_names", "removed_names", "moved_names"]
            .map(|key| record[key][0].as_str().unwrap());
        assert_eq!(
            names,
            ["new.lab.example", "mail.lab.example", "web.lab.example"],
            "{record}"
        );
        let said = ["web", "db", "new", "mail"].map(|name| bed.ask(address, name));
        assert_eq!(
            said,
            ["192.168.30.80", "192.168.30.71", "192.168.30.73", ""],
            "{address}"
        );
    }
    assert_eq!(
        bed.inside("ns-1", "stat -c '%a %u %g' /etc/dnsmasq.d/names.conf"),
        "640 12 34"
    );
    assert_eq!(
        bed.inside("ns-1", "ls -A /etc/dnsmasq.d"),
        ".names.conf.pvx-old\nnames.conf"
    );

    // The old file beside it is not read, whenever the server starts.
    bed.inside(
        "pi",
        "ls -A /etc/hosts.seen | grep -qx .pvx.list.pvx-old && dns restart",
    );
    assert_eq!(
        [
            bed.ask("192.168.30.53", "web"),
            bed.ask("192.168.30.53", "mail")
        ],
        ["192.168.30.80", ""]
    );

    // A name that nobody has is no name that is published.
    let stranger = bed.publish(&["--apply", "nobody"]);
    assert_eq!(stranger.code, Some(1), "{stranger:#?}");
    assert!(
        stranger
            .said
            .contains("nobody: no server was to get a host of this name"),
        "{}",
        stranger.said
    );
}

/// By another user than root, of two families, and only the names of one domain.
#[test]
fn by_sudo() {
    let Some(bed) = Bed::new("by_sudo", &["dnsmasq"]) else {
        return;
    };
    bed.server("ns-1", "192.168.30.51");
    bed.inside(
        "ns-1",
        "useradd -m -s /bin/sh admin; cp -r /root/.ssh /home/admin; chown -R admin /home/admin",
    );
    let mut server = dnsmasq("ns-1", "192.168.30.51");
    server["host"] = json!("admin@192.168.30.51");
    server["domain"] = json!("lab.example");
    bed.site(&[server]);
    let rows = "address,status,dns_name,cf_ipalloc_key\n192.168.30.70/24,active,web.lab.example,web\nfd00:30::70/64,active,web.lab.example,web//6\n192.168.30.71/24,active,www.other.example,www\n";
    std::fs::write(bed.path("ipam/ip-addresses.csv"), rows).unwrap();
    std::fs::write(
        bed.path("ipam/prefixes.csv"),
        "prefix,vlan,status\n192.168.30.0/24,30,active\nfd00:30::/64,30,active\n",
    )
    .unwrap();

    let refused = bed.first();
    assert_eq!(refused.codes(), ["login"], "{refused:#?}");
    assert!(
        refused.message(0).contains("sudo: a password is required"),
        "{refused:#?}"
    );
    bed.inside(
        "ns-1",
        "echo 'admin ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/admin",
    );
    let first = bed.first();
    assert_eq!(
        first.published(true)[0]["added_names"],
        json!(["web.lab.example"])
    );
    assert_eq!(
        bed.inside("ns-1", "stat -c %U /etc/dnsmasq.d/names.conf"),
        "root"
    );
    let six =
        "hacheck ask 192.168.30.51 web.lab.example --type AAAA </dev/null | jq -r '.answers[]'";
    assert_eq!(bed.bash(six), "fd00:30::70");

    // What is wrong of one family only is seen.
    bed.inside(
        "ns-1",
        "sed -i s/fd00:30::70/fd00:30::71/ /etc/dnsmasq.d/names.conf; dns restart",
    );
    let moved = bed.publish(&["--apply"]);
    assert_eq!(
        moved.published(true)[0]["moved_names"],
        json!(["web.lab.example"])
    );
    assert_eq!(bed.bash(six), "fd00:30::70");
}
