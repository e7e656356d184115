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
    for record in first.good(true) {
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
    bed.publish(&["--apply", "web"]).good(false);
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
            .good(true)
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
