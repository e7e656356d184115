//! A zone of BIND's: whole, with a serial that rises, and as records for a zone file of somebody's own.

use serde_json::json;

use crate::bed::Bed;

const ONE: &str = "192.168.30.51";

/// named on the server, with the zone file that it is to have; and how it is made to read it.
fn named(bed: &Bed, zone: &str) {
    bed.server("ns-1", ONE);
    bed.inside("ns-1", "dns stop");
    let config = "options { directory \"/etc/zones\"; pid-file \"/run/named.pid\"; session-keyfile \"/run/session.key\"; listen-on { any; }; listen-on-v6 { none; }; recursion no; dnssec-validation no; }; controls { }; zone \"lab.example\" { type primary; file \"/etc/zones/lab.example\"; };";
    std::fs::write(bed.path("named.conf"), config).unwrap();
    std::fs::write(bed.path("zone"), zone).unwrap();
    bed.bash("cp $TMPDIR/named.conf /mnt/ns-1/root/etc/named.conf; cp $TMPDIR/zone /mnt/ns-1/root/etc/zones/lab.example");
    let said = bed.inside(
        "ns-1",
        "chmod 777 /etc/zones; named -c /etc/named.conf 2>&1",
    );
    bed.bash(
        "for i in $(seq 100); do [ ! -e /mnt/ns-1/root/run/named.pid ] || break; sleep 0.1; done",
    );
    assert_eq!(said, "");
}

#[test]
fn a_whole_zone() {
    let Some(bed) = Bed::new("a_whole_zone", &["named", "named-checkzone"]) else {
        return;
    };
    // By date, as hands make serials: it must not fall.
    let before = "$TTL 60\n@ IN SOA ns.other.example. root.lab.example. (\n  2099010100 ; serial\n  3600 600 86400 60)\n@ IN NS ns.other.example.\nold IN A 192.168.30.9\n";
    named(&bed, before);
    bed.site(&[json!({"name": "ns-1", "address": ONE, "format": "zone", "file": "/etc/zones/lab.example", "primary": "ns.other.example",
        "check": "named-checkzone lab.example /etc/zones/lab.example", "reload": "kill -HUP $(cat /run/named.pid); ! rm /run/once 2>/dev/null"})]);
    let refused = bed.publish(&["--apply", "--accept-new", "ns-1"]);
    assert_eq!(refused.codes(), ["not-ours"], "{refused:#?}");
    // A zone that was read and withdrawn: a secondary may have it, so its serial is not another's.
    bed.inside("ns-1", "touch /run/once");
    let undone = bed.publish(&["--apply", "--adopt"]);
    assert_eq!(undone.codes(), ["reload"], "{undone:#?}");
    assert_eq!(bed.ask(ONE, "old"), "192.168.30.9");
    let adopted = bed.publish(&["--apply", "--adopt"]);
    assert_eq!(
        adopted.published(true)[0]["serial"],
        json!(2_099_010_103_u32)
    );
    assert_eq!(
        [bed.ask(ONE, "web"), bed.ask(ONE, "old")],
        ["192.168.30.70", ""]
    );
    assert_eq!(
        bed.publish(&["--apply"]).published(false)[0]["serial"],
        json!(2_099_010_103_u32)
    );
    bed.inside("ns-1", "touch /run/once");
    bed.ipam(&[("web", 99), ("db", 71), ("mail", 72)]);
    assert_eq!(bed.publish(&["--apply"]).codes(), ["reload"]); // 104
    assert_eq!(bed.ask(ONE, "web"), "192.168.30.70");
    let soa = "hacheck ask 192.168.30.51 lab.example --type SOA </dev/null | jq -r '.answers[0]'";
    assert_eq!(bed.bash(soa), "2099010105");
    for serial in [2_099_010_106_u32, 2_099_010_107] {
        bed.ipam(&[("web", 80 + (serial % 10) as u8), ("db", 71), ("mail", 72)]);
        assert_eq!(
            bed.publish(&["--apply"]).published(true)[0]["serial"],
            json!(serial)
        );
    }
    assert_eq!(bed.ask(ONE, "web"), "192.168.30.87");
}

#[test]
fn records_of_a_zone() {
    let Some(bed) = Bed::new("records_of_a_zone", &["named", "named-checkzone"]) else {
        return;
    };
    let own = "$TTL 60\n@ IN SOA ns.other.example. root.lab.example. 7 3600 600 86400 60\n@ IN NS ns.other.example.\nwww IN CNAME web\n";
    named(&bed, own);
    bed.inside(
        "ns-1",
        "echo '$INCLUDE /etc/zones/guests' >>/etc/zones/lab.example",
    );
    bed.site(&[json!({"name": "ns-1", "address": ONE, "format": "zone", "file": "/etc/zones/guests",
        "check": "named-checkzone lab.example /etc/zones/lab.example", "reload": "kill -HUP $(cat /run/named.pid)"})]);
    assert_eq!(bed.first().published(true)[0]["serial"], json!(null));
    assert_eq!(
        [bed.ask(ONE, "web"), bed.ask(ONE, "www")],
        ["192.168.30.70", "192.168.30.70"]
    );
    // A name that is there twice in a way that no zone may have: the check says so, and the old file is back.
    bed.ipam(&[("web", 81), ("db", 71), ("mail", 72), ("www", 90)]);
    let answer = bed.publish(&["--apply"]);
    assert_eq!(answer.codes(), ["check"], "{answer:#?}");
    assert!(
        answer.message(0).contains("CNAME and other data"),
        "{answer:#?}"
    );
    assert_eq!(bed.ask(ONE, "web"), "192.168.30.70");
}
