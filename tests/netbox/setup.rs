//! The custom field: made, found, wrong, and what is done without it.

use std::path::Path;

use serde_json::json;

use crate::{Section, client::Ours, proxy::Reply, server::Lab};

pub const SECTIONS: &[Section] = &[
    ("setup: present, made, without the right, wrong", setup),
    (
        "setup: without the field, by name and with a warning",
        without,
    ),
    ("setup: a field that comes later", later),
];

const ALLOCATOR: &str = "nbt_ipallocAlloc.FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF";
const V2: &str = "nbt_ipallocAdmin.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn setup(lab: &Lab) {
    let ours = lab.ours();
    assert_eq!(
        ours.run("setup").out,
        "{\"field\":\"ipalloc_key\",\"changed\":false}\n"
    );
    lab.drop_field();
    assert_eq!(
        ours.run("setup --dry-run").out,
        "{\"field\":\"ipalloc_key\",\"changed\":true,\"dry_run\":true}\n"
    );
    assert_eq!(
        lab.results("/api/extras/custom-fields/?name=ipalloc_key")
            .len(),
        0,
        "a rehearsal"
    );
    let refused = ours.token(ALLOCATOR).run("setup");
    let record = refused.record();
    assert_eq!(
        (refused.code, &record["error"]["code"]),
        (1, &json!("not-permitted"))
    );
    // The command that an admin is told to run does it.
    let message = record["error"]["message"].as_str().unwrap();
    let command = message.split_once("an admin runs: ").expect("a command").1;
    let mut bash = ours
        .token(V2)
        .command(Path::new("/bin/bash"), &["-c", command]);
    let output = bash.output().unwrap();
    assert!(output.status.success(), "{command}: {output:?}");
    assert_eq!(
        ours.run("setup").out,
        "{\"field\":\"ipalloc_key\",\"changed\":false}\n",
        "made by curl"
    );
    lab.drop_field();
    assert_eq!(
        ours.run("setup").out,
        "{\"field\":\"ipalloc_key\",\"changed\":true}\n"
    );
    assert_eq!(
        ours.run("setup").out,
        "{\"field\":\"ipalloc_key\",\"changed\":false}\n"
    );
    ours.run("allocate --vlan 30 a")
        .ends("0: a 192.168.30.2/24 new", &[]);
    let field = lab.results("/api/extras/custom-fields/?name=ipalloc_key")[0].clone();
    let path = format!("/api/extras/custom-fields/{}/", field["id"]);
    for (change, told) in [
        (json!({"filter_logic": "loose"}), "is not filtered exactly"),
        (
            json!({"unique": false, "filter_logic": "exact"}),
            "is not unique",
        ),
        (
            json!({"unique": true, "object_types": ["ipam.prefix"]}),
            "is not one of IP addresses",
        ),
    ] {
        assert_eq!(lab.api("PATCH", &path, Some(&change)).0, 200);
        let ran = ours.run("setup");
        let error = &ran.record()["error"];
        assert_eq!(
            (ran.code, &error["code"]),
            (1, &json!("field-differs")),
            "{told}"
        );
        assert!(error["message"].as_str().unwrap().contains(told), "{error}");
    }
    // Sixteen at once, where there is none: all agree.
    assert_eq!(lab.api("DELETE", &path, None).0, 204);
    let ran = ours.at_once((0..8).map(|_| "setup".to_owned()));
    let made = ran
        .iter()
        .filter(|ran| ran.out.contains("\"changed\":true"))
        .count();
    assert!(made >= 1 && ran.iter().all(|ran| ran.code == 0), "{ran:?}");
    assert_eq!(
        lab.results("/api/extras/custom-fields/?name=ipalloc_key")
            .len(),
        1
    );
}

const WARNING: &str = "NetBox has no custom field ipalloc_key";

fn without(lab: &Lab) {
    lab.drop_field();
    let ours = lab.ours();
    let calls = [
        ("allocate --vlan 10 web", "0: web 192.168.10.6/24 new"),
        ("allocate --vlan 10 web", "0: web 192.168.10.6/24"),
        (
            "allocate --vlan 30 db x",
            "0: db 192.168.30.2/24 new, x 192.168.30.3/24 new",
        ),
        (
            "allocate --vlan 30 --interface eth1 db",
            "0: db 192.168.30.4/24 new",
        ),
        ("allocate --vlan 30 db", "0: db 192.168.30.2/24"),
        (
            "allocate --vlan 10 --adopt gw10",
            "0: gw10 192.168.10.1/24 new",
        ),
        ("allocate --vlan 10 gw10", "0: gw10 192.168.10.1/24"),
        ("release --retire x", "0: x 192.168.30.3/24 new"),
        ("allocate --vlan 30 x", "0: x 192.168.30.3/24 new"),
        ("release x", "0: x 192.168.30.3/24 new"),
        ("release vip", "1: vip !not-ours"),
    ];
    for (line, want) in calls {
        let ran = ours.run(line);
        ran.ends(want, &[WARNING]);
        assert_eq!(ran.err.lines().count(), 1, "{ran:?}");
    }
    assert_eq!(lab.address("192.168.10.6")["description"], "[ipalloc:web]");
    assert_eq!(
        lab.address("192.168.30.4")["description"],
        "[ipalloc:db/eth1]"
    );
    let long = format!(
        "{{\"name\":\"long\",\"vlan\":10,\"description\":\"{}\"}}",
        "ä".repeat(200)
    );
    let ran = ours.fed("allocate", &long);
    ran.ends("0: long 192.168.10.8/24 new", &[WARNING]);
    ours.run("allocate --vlan 10 long")
        .ends("0: long 192.168.10.8/24", &[]);
    // One POST, whatever becomes of its reply.
    let proxy = lab.proxy(|request, up| {
        let reply = up.pass(request);
        if request.method() == "POST" {
            Reply::Gone
        } else {
            reply
        }
    });
    Ours::new(&proxy.url)
        .run("allocate --vlan 10 lost")
        .ends("0: lost 192.168.10.9/24 new", &[WARNING]);
    assert_eq!(proxy.count("POST"), 1);
    let dead = lab.proxy(|request, up| {
        if request.method() == "POST" {
            Reply::Gone
        } else {
            up.pass(request)
        }
    });
    let ran = Ours::new(&dead.url).run("allocate --vlan 10 never");
    ran.ends(
        "3: never !unknown-outcome",
        &["look in NetBox for addresses whose description ends in [ipalloc:never]"],
    );
    assert_eq!(dead.count("POST"), 1);
}

/// Made without the field, recognised when the field is there.
fn later(lab: &Lab) {
    lab.drop_field();
    lab.ours()
        .run("allocate --vlan 10 web")
        .ends("0: web 192.168.10.6/24 new", &[WARNING]);
    lab.ours().run("setup").ends("0: ? new", &[]);
    lab.ours().table(&[
        (
            "known by its mark",
            "allocate --vlan 10 web",
            "",
            "0: web 192.168.10.6/24",
        ),
        ("released", "release web", "", "0: web 192.168.10.6/24 new"),
    ]);
    lab.drop_field();
    lab.fresh_large();
    lab.drop_field();
    lab.ours()
        .run("allocate --vlan 10 web")
        .ends("0: web 192.168.10.6/24 new", &[WARNING]);
    lab.ours().run("setup").ends("0: ? new", &[]);
    lab.ours().table(&[
        (
            "of many: known by its mark",
            "allocate --vlan 10 web",
            "",
            "0: web 192.168.10.6/24",
        ),
        (
            "of many: released",
            "release web",
            "",
            "0: web 192.168.10.6/24 new",
        ),
    ]);
    // An IPAM without any address cannot tell beforehand that there is no field.
    lab.fresh("seeded");
    lab.drop_field();
    for value in lab.results("/api/ipam/ip-addresses/?limit=0") {
        assert_eq!(
            lab.api(
                "DELETE",
                &format!("/api/ipam/ip-addresses/{}/", value["id"]),
                None
            )
            .0,
            204
        );
    }
    lab.ours().run("allocate --vlan 10 web db").ends(
        "0: web 192.168.10.2/24 new, db 192.168.10.3/24 new",
        &[WARNING],
    );
    lab.ours()
        .run("allocate --vlan 10 web db")
        .ends("0: web 192.168.10.2/24, db 192.168.10.3/24", &[WARNING]);
}
