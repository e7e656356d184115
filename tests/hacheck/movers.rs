//! What moves a VIP besides keepalived: FRR's vrrpd and ucarp. Well as they are, and found when they aren't.

use std::{fs, process::Stdio};

use serde_json::{Value, json};

use crate::{
    FAST, Section,
    lab::{Eyes, Lab, Running, User, has, sh},
};

#[rustfmt::skip]
pub const SECTIONS: &[Section] = &[
    ("moved_by_frr", FAST, frr),
    ("moved_by_ucarp", FAST, ucarp),
];

const NODES: [(&str, u32); 2] = [("n1", 11), ("n2", 12)];

/// keepalived has the other pairs alone.
fn without_keepalived(lab: &Lab) {
    for (node, _) in NODES {
        lab.run(&["reconfigure", node, "LAB_INSTANCES=caddy nfs"]);
    }
    lab.until_held("dns", "");
}

fn start(lab: &Lab, node: &str, line: &str) -> Running {
    let mut command = lab.on(node, User::Root, "sh");
    command.args(["-c", &format!("exec {line}")]);
    let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
    Running(quiet.spawn().unwrap())
}

/// It answers there, and everybody sees it well.
fn is_well(lab: &Lab, change: impl Fn(&mut Value), eyes: &[Eyes]) {
    lab.until("n1 has it, and answers", || {
        lab.check_changed("dns", Eyes::Both, &change).status() == "ok"
    });
    for eyes in eyes {
        crate::quiet::calm(|| lab.check_changed("dns", *eyes, &change));
    }
}

/// vrrpd has the VIP on a macvlan of both hosts, and holds the standby's down.
fn frr(lab: &Lab) {
    if !has("/usr/lib/frr/vrrpd", "frr") {
        return;
    }
    without_keepalived(lab);
    let mut daemons = Vec::new();
    for (node, octet) in NODES {
        let home = format!("/run/{}/{node}/frr", lab.folder_name());
        fs::create_dir_all(&home).unwrap();
        // As FRR's manual has it: a macvlan with the virtual MAC and the VIP, whose parent answers ARP for nothing but its own.
        let macvlan = "ip link add vrrp4-2-1 link e10 type macvlan mode bridge && ip link set vrrp4-2-1 address 00:00:5e:00:01:37 \
            && ip address add 192.168.10.110/32 dev vrrp4-2-1 && ip link set vrrp4-2-1 up";
        sh(
            lab,
            node,
            &format!("echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore && {macvlan}"),
        );
        let priority = 300 - 10 * octet; // n1's is the higher one
        let config = format!(
            "interface e10\n vrrp 55 version 3\n vrrp 55 priority {priority}\n vrrp 55 advertisement-interval 100\n vrrp 55 ip 192.168.10.110\n"
        );
        fs::write(format!("{home}/vrrpd.conf"), config).unwrap();
        fs::write(format!("{home}/zebra.conf"), "").unwrap();
        sh(lab, node, &format!("chown -R frr:frr {home}")); // who else is not in the group that its daemons want
        for daemon in ["zebra", "vrrpd"] {
            let line = format!(
                "/usr/lib/frr/{daemon} -P 0 -z {home}/zserv -i {home}/{daemon}.pid --vty_socket {home} -f {home}/{daemon}.conf"
            );
            daemons.push(start(lab, node, &line));
            lab.until("FRR's daemon is there", || {
                fs::exists(format!("{home}/{daemon}.pid")).unwrap()
            });
        }
    }
    is_well(lab, |_| {}, &[Eyes::Raw, Eyes::Facts, Eyes::Both]);
    lab.check("dns", Eyes::Facts).wants_message(
        "vip-not-used",
        "n2 has 192.168.10.110 on vrrp4-2-1, which is down",
    );
    // Its daemons are ended, and the macvlan stays up: the other one takes the VIP, too.
    for daemon in daemons.drain(..2) {
        drop(daemon);
    }
    lab.until("both hold it", || {
        let verdict = lab.check("dns", Eyes::Both);
        !verdict.all("split-brain").is_empty()
    });
}

/// CARP, which has VRRP's protocol number and another format.
fn ucarp(lab: &Lab) {
    if !has("ucarp", "ucarp") {
        return;
    }
    without_keepalived(lab);
    let change = |pair: &mut Value| {
        pair["vrrp"] = json!(false);
        pair["by"] = json!("carp");
        pair.as_object_mut().unwrap().remove("vrid");
    };
    let mut daemons = Vec::new();
    for (node, octet) in NODES {
        let home = format!("/run/{}/{node}", lab.folder_name());
        for (name, verb) in [("carp-up", "add"), ("carp-down", "del")] {
            let script = format!("#!/bin/sh\nip address {verb} 192.168.10.110/24 dev e10\n");
            fs::write(format!("{home}/{name}"), script).unwrap();
            sh(lab, node, &format!("chmod +x {home}/{name}"));
        }
        let skew = octet * 5; // n1's is the smaller one, which wins
        let line = format!(
            "ucarp --interface=e10 --srcip=192.168.10.{octet} --vhid=55 --pass=secret --addr=192.168.10.110 --advbase=1 --advskew={skew} \
            --preempt --upscript={home}/carp-up --downscript={home}/carp-down"
        );
        daemons.push(start(lab, node, &line));
    }
    lab.until_held("dns", "n1");
    is_well(
        lab,
        change,
        &[Eyes::Raw, Eyes::Facts, Eyes::Both, Eyes::RootFacts],
    );
    let heard = lab
        .hacheck("client", User::NetRaw)
        .args(["listen", "--for", "2500ms"])
        .output()
        .unwrap();
    assert_eq!(heard.status.code(), Some(0), "{heard:?}");
    let heard = String::from_utf8(heard.stdout).unwrap();
    assert!(heard.contains("an advert of CARP (vhid 55)"), "{heard}");
    // Killed, it leaves the address where it is, and the other one takes it, too.
    drop(daemons.remove(0));
    lab.until_held("dns", "n1 n2");
    for eyes in [Eyes::Raw, Eyes::Facts] {
        lab.until("both are seen to hold it", || {
            let verdict = lab.check_changed("dns", eyes, change);
            !verdict.all("split-brain").is_empty()
        });
    }
}
