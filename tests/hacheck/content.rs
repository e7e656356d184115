//! What members hold beside each other: the answers to names, and NFS exports with their handles.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use crate::{
    FAST, Section,
    lab::{Eyes, Lab, Running, User},
    verdict::Verdict,
};

#[rustfmt::skip]
pub const SECTIONS: &[Section] = &[
    ("nfs_exports_and_handles", &[("LAB_VRRP_VERSION", "3"), ("LAB_ADVERT_INT", "0.1"), ("LAB_NFS", "ganesha3")], exports),
    ("names_that_must_be_the_same", FAST, names),
];

/// Two Pi-holes side by side, as the sample site has them; one of them forgets what it blocks.
fn names(lab: &Lab) {
    let pair = |names: &[&str], vip: bool| {
        let names = json!(names);
        move |pair: &mut Value| {
            if !vip {
                let fields = pair.as_object_mut().unwrap();
                fields.retain(|name, _| ["name", "members"].contains(&name.as_str()));
            }
            pair["probes"] = json!([{"dns": {"name": "nas.ha.test", "type": "A", "port": 5353}, "on": "members"}]);
            pair["same"] = names.clone();
        }
    };
    // Nobody serves there yet, which is told once: by the probe.
    let dead = lab.check_changed("dns", Eyes::Client, pair(&["ads.ha.test"], false));
    dead.wants("member-service-down", "critical", &["probe"])
        .lacks(&["aa-dns-drift", "blind"]);
    let server = |node: &str, records: &[&str]| {
        let mut server = lab.on(node, User::Root, "dnsmasq");
        server.args([
            "-k",
            "-C",
            "/dev/null",
            "-u",
            "root",
            "--no-resolv",
            "--no-hosts",
            "--port=5353",
        ]);
        server.args([
            "--pid-file=",
            "--bind-dynamic",
            "--local=/ha.test/",
            "--cname=alias.ha.test,nas.ha.test",
        ]);
        server.args(records);
        Running(server.spawn().unwrap())
    };
    let nas = [
        "--host-record=nas.ha.test,192.0.2.5,2001:db8::5",
        "--host-record=nas.ha.test,192.0.2.6",
    ];
    let nas_turned = [
        "--host-record=nas.ha.test,192.0.2.6,2001:db8::5",
        "--host-record=nas.ha.test,192.0.2.5",
    ];
    let blocks = ["--address=/ads.ha.test/#"];
    let _n1 = server("n1", &[&nas[..], &blocks].concat());
    let n2 = server("n2", &[&nas_turned[..], &blocks].concat());
    let answers = || {
        let verdict = lab.check_changed("dns", Eyes::Client, pair(&[], false));
        verdict.all("member-service-down").is_empty()
    };
    lab.until("both other servers answer", answers);
    let all = [
        "nas.ha.test",
        "alias.ha.test",
        "ads.ha.test",
        "nobody.ha.test",
    ];
    lab.check_changed("dns", Eyes::Client, pair(&all, false))
        .wants_status("ok")
        .lacks(&["aa-dns-drift", "blind"]);
    drop(n2);
    let n2 = server("n2", &nas);
    lab.until("n2's server is another", answers);
    let drift = |vip: bool, eyes: Eyes| {
        let verdict = lab.check_changed("dns", eyes, pair(&all, vip));
        let said: Vec<&Value> = verdict.all("aa-dns-drift");
        assert_eq!(said.len(), 2, "A and AAAA: {}", verdict.0);
        verdict
            .wants("aa-dns-drift", "warning", &["probe"])
            .wants_message(
                "aa-dns-drift",
                "dns ads.ha.test A: n1 says 0.0.0.0 and n2 says NXDOMAIN",
            )
            .wants_message(
                "aa-dns-drift",
                "dns ads.ha.test AAAA: n1 says :: and n2 says NXDOMAIN",
            );
        verdict
    };
    drift(false, Eyes::Client).wants_status("warning");
    drift(true, Eyes::Both);
    // A member that is down is that, and no drift.
    drop(n2);
    let down = lab.check_changed("dns", Eyes::Client, pair(&all, false));
    down.wants("member-service-down", "warning", &["probe"])
        .lacks(&["aa-dns-drift", "blind"]);
    // And where no probe asks it, it is told here.
    let at_vip = |value: &mut Value| {
        pair(&all, true)(value);
        value["probes"][0]["on"] = json!("vip");
    };
    lab.check_changed("dns", Eyes::Both, at_vip)
        .wants_message("blind", "whether n2 answers as the others do");
}

/// The folder that both export.
fn folder(lab: &Lab) -> String {
    format!("/run/{}/export", lab.folder_name())
}

/// The pair with its exports asked for as well.
fn look(lab: &Lab, eyes: Eyes, nfs: Value) -> Verdict {
    lab.check_changed("nfs", eyes, |pair| pair["probes"] = json!([{"nfs": nfs}]))
}

fn exports(lab: &Lab) {
    let path = folder(lab);
    let asked = |port: Value| json!({"version": 4, "exports": [path], "mount_port": port});
    // By the portmapper, and by the port.
    for port in [Value::Null, json!(20048)] {
        look(lab, Eyes::Both, asked(port))
            .wants_status("ok")
            .wants_only(&["holder", "blind"]);
    }
    look(
        lab,
        Eyes::Client,
        json!({"version": 4, "exports": ["/nope"]}),
    )
    .wants("nfs-exports-differ", "warning", &["probe"])
    .wants_message("nfs-exports-differ", "/nope is not exported by n1 and n2");
    let settings = PathBuf::from(format!("/run/{}/n2/ganesha.conf", lab.folder_name()));
    let first = fs::read_to_string(&settings).unwrap();
    let again = |from: &str, to: &str| {
        let changed = first.replacen(from, to, 1);
        assert_ne!(changed, first, "{from}");
        fs::write(&settings, changed).unwrap();
        lab.run(&["kill-service", "n2", "nfs"]);
        lab.run(&["start-service", "n2", "nfs"]);
        lab.until("n2's NFS server is up again", || {
            let verdict = look(lab, Eyes::Client, asked(Value::Null));
            let told = verdict.0.to_string();
            verdict.all("member-service-down").is_empty() && !told.contains("refused")
        });
        look(lab, Eyes::Both, asked(Value::Null))
    };
    again("Export_Id = 1", "Export_Id = 2")
        .wants_status("warning")
        .wants("nfs-handle-differs", "warning", &["probe"])
        .lacks(&["nfs-exports-differ"]);
    let only = |clients: &str| {
        format!("Access_Type = NONE; CLIENT {{ Clients = {clients}; Access_Type = RO; }}")
    };
    again("Access_Type = RO;", &only("192.168.30.50, 192.168.30.60"))
        .wants_status("warning")
        .wants("nfs-exports-differ", "warning", &["probe"])
        .wants_message(
            "nfs-exports-differ",
            "by n1 to everybody and by n2 to 192.168.30.50",
        )
        .lacks(&["nfs-handle-differs"]);
    // A server may hide what isn't for who asks.
    again("Access_Type = RO;", &only("192.168.30.60"))
        .wants("nfs-exports-differ", "warning", &["probe"])
        .wants_message(
            "nfs-exports-differ",
            "is exported by n1, and not by n2, as this host is told",
        );
    again("EXPORT {", "# EXPORT {")
        .wants("nfs-exports-differ", "warning", &["probe"])
        .wants_message("nfs-exports-differ", "is exported by n1, and not by n2");
    let four = again("Protocols = 3, 4; MNT_Port", "Protocols = 4; MNT_Port");
    four.wants_message("blind", "its portmapper knows no MOUNT version 3 over TCP");
}
