//! Servers that people run behind a VIP, each with its own way to be bound: whether a standby's would answer is told of
//! those that wouldn't, and of no other. Each is really asked after a failover.

use std::{fs, process::Stdio};

use serde_json::{Value, json};

use crate::{
    FAST, Section,
    lab::{Eyes, Lab, Running, User, has, sh},
};

#[rustfmt::skip]
pub const SECTIONS: &[Section] = &[
    ("servers_bind_rebinds", FAST, bind),
    ("servers_unbound", FAST, unbound),
    ("servers_nginx_and_haproxy_on_a_vip_that_is_elsewhere", FAST, web),
];

/// A server on a node, as long as this is there. HOME in `words` is a folder of its own, with `config` in it.
fn serve(lab: &Lab, node: &str, words: &str, config: &[(&str, String)]) -> Running {
    let home = format!("/run/{}/{node}/server", lab.folder_name());
    fs::create_dir_all(&home).unwrap();
    for (name, text) in config {
        fs::write(format!("{home}/{name}"), text.replace("HOME", &home)).unwrap();
    }
    let words = words.replace("HOME", &home);
    let log = fs::File::create(format!("{home}/log")).unwrap();
    let mut command = lab.on(node, User::Root, "env");
    command.args(words.split(' ')).stdout(Stdio::null());
    Running(command.stderr(log).spawn().unwrap())
}

fn octet(node: &str) -> u32 {
    if node == "n1" { 11 } else { 12 }
}

/// No word of `rebinds`, as somebody writes who doesn't know of it.
fn unsaid(pair: &mut Value) {
    pair["probes"][0]["rebinds"] = json!(false);
}

/// dnsmasq makes way for another server.
fn without_dnsmasq(lab: &Lab) {
    for node in ["n1", "n2"] {
        lab.run(&["kill-service", node, "dns"]);
    }
}

fn both_answer(lab: &Lab, pair: &str) {
    lab.until("both answer", || {
        let verdict = lab.check(pair, Eyes::Facts);
        verdict.status() == "ok"
    });
}

/// The holder is stopped, and the other one's server really answers at the VIP.
fn fails_over(lab: &Lab, pair: &str, change: impl Fn(&mut Value)) {
    lab.run(&["kill-master", "stop", pair]);
    lab.until_held(pair, "n2");
    lab.until("n2 answers at the VIP", || {
        let verdict = lab.check_changed(pair, Eyes::Raw, &change);
        verdict.status() == "warning"
    });
    lab.check_changed(pair, Eyes::Raw, &change)
        .wants_holder("n2", &["mac", "adverts"])
        .lacks(&["vip-down", "vip-wrong-source", "vip-up-holder-dead"]);
}

/// BIND has a socket for each address, and takes new ones by itself.
fn bind(lab: &Lab) {
    if !has("named", "bind9") {
        return;
    }
    without_dnsmasq(lab);
    let _servers = ["n1", "n2"].map(|node| {
        let config = "options { directory \"HOME\"; listen-on { any; }; listen-on-v6 { none; }; recursion no; dnssec-validation no;\n\
            pid-file none; session-keyfile none; };\ncontrols { };\nzone \"ha.test\" { type primary; file \"HOME/zone\"; };\n";
        let zone = format!(
            "$TTL 60\n@ SOA ns hostmaster 1 60 60 60 60\n@ NS ns\nns A 192.0.2.9\n@ A 192.0.2.1\nwhoami TXT {node}\n"
        );
        let config = [("named.conf", config.to_owned()), ("zone", zone)];
        serve(lab, node, "named -f -n 1 -c HOME/named.conf", &config)
    });
    both_answer(lab, "dns");
    for eyes in [Eyes::Facts, Eyes::Both, Eyes::RootFacts] {
        lab.check("dns", eyes)
            .wants_status("ok")
            .lacks(&["standby-not-listening"]);
    }
    // Its sockets look like those of a server that does not rebind, so that is to be said.
    lab.check_changed("dns", Eyes::Facts, unsaid)
        .wants("standby-not-listening", "warning", &["facts"])
        .wants_message(
            "standby-not-listening",
            "set \"rebinds\": true on the probe",
        );
    fails_over(lab, "dns", |_| {});
}

/// unbound binds once: to all addresses by interface-automatic, or to those that it was told.
fn unbound(lab: &Lab) {
    if !has("unbound", "unbound") {
        return;
    }
    without_dnsmasq(lab);
    let start = |node: &str, interface: &str| {
        let config = format!(
            "server:\n  {interface}\n  access-control: 0.0.0.0/0 allow\n  do-daemonize: no\n  username: \"\"\n  chroot: \"\"\n  directory: \"HOME\"\n  pidfile: \"\"\n\
            \x20 use-syslog: no\n  module-config: \"iterator\"\n  local-zone: \"ha.test.\" static\n  local-data: \"ha.test. A 192.0.2.1\"\n  local-data: 'whoami.ha.test. TXT \"{node}\"'\n\
            remote-control:\n  control-enable: no\n"
        );
        serve(
            lab,
            node,
            "unbound -d -c HOME/unbound.conf",
            &[("unbound.conf", config)],
        )
    };
    let _first = start("n1", "interface-automatic: yes");
    let second = start("n2", "interface-automatic: yes");
    both_answer(lab, "dns");
    for eyes in [Eyes::Facts, Eyes::Both, Eyes::RootFacts] {
        lab.check_changed("dns", eyes, unsaid).wants_status("ok");
    }
    drop(second);
    let _second = start("n2", "interface: 192.168.10.12");
    both_answer(lab, "dns");
    for eyes in [Eyes::Facts, Eyes::Both] {
        lab.check_changed("dns", eyes, unsaid)
            .wants_status("warning")
            .wants_message(
                "standby-not-listening",
                "n2: port 53 (udp) is served on 192.168.10.12 only",
            );
    }
    // And so it is.
    lab.run(&["kill-master", "stop"]);
    lab.until_held("dns", "n2");
    lab.check_changed("dns", Eyes::Raw, unsaid)
        .wants_status("critical");
}

/// Both are bound to the VIP on both hosts, which the kernel allows with ip_nonlocal_bind.
fn web(lab: &Lab) {
    if !has("nginx", "nginx") || !has("haproxy", "haproxy") {
        return;
    }
    for node in ["n1", "n2"] {
        lab.run(&["kill-service", node, "caddy"]);
        sh(lab, node, "echo 1 >/proc/sys/net/ipv4/ip_nonlocal_bind");
    }
    let http = |pair: &mut Value| {
        pair["probes"].as_array_mut().unwrap().truncate(1);
    };
    let nginx = format!(
        "daemon off;\nuser root;\nworker_processes 1;\npid HOME/pid;\nevents {{ worker_connections 64; }}\nhttp {{\n  access_log off;\n\
        \x20 server {{ listen 192.168.30.161:80; listen 192.168.30.{}:80; add_header X-Node n1; return 200 ok; }}\n}}\n",
        octet("n1")
    );
    let _nginx = serve(
        lab,
        "n1",
        "nginx -p HOME -e HOME/log -c HOME/nginx.conf",
        &[("nginx.conf", nginx)],
    );
    let haproxy = format!(
        "defaults\n  mode http\n  timeout connect 5s\n  timeout client 5s\n  timeout server 5s\nfrontend web\n  bind 192.168.30.161:80\n  bind 192.168.30.{}:80\n\
        \x20 http-request return status 200 content-type text/plain string ok hdr X-Node n2\n",
        octet("n2")
    );
    let _haproxy = serve(
        lab,
        "n2",
        "haproxy -db -f HOME/haproxy.cfg",
        &[("haproxy.cfg", haproxy)],
    );
    lab.until("both answer", || {
        lab.check_changed("caddy", Eyes::Facts, http).status() == "ok"
    });
    for eyes in [Eyes::Raw, Eyes::Facts, Eyes::Both, Eyes::RootFacts] {
        lab.check_changed("caddy", eyes, http)
            .wants_status("ok")
            .lacks(&["standby-not-listening", "vip-not-used"]);
    }
    fails_over(lab, "caddy", http);
}
