//! The two sample sites, as they stand in the repository: their addresses in the lab's namespaces, with
//! real servers behind them, all well at first and then broken in what only a site shows.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    FAST, Section,
    lab::{Lab, Running, User, python, sh},
    verdict::Verdict,
};

#[rustfmt::skip]
pub const SECTIONS: &[Section] = &[
    ("sample_site_of_four_nodes", FAST, four_nodes),
    ("sample_site_of_two_nodes", FAST, two_nodes),
];

/// A server for each ADDRESS:PORT:STATUS that answers any GET with that status.
const PAGES: &str = r#"import http.server, sys, threading
class Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_):
        pass
for word in sys.argv[1:]:
    address, port, status = word.split(":")
    server = http.server.ThreadingHTTPServer((address, int(port)), Pages)
    server.status = int(status)
    threading.Thread(target=server.serve_forever).start()
"#;

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// The site, where the user nobody can read it.
fn site(lab: &Lab, path: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
    let text = fs::read_to_string(repository(path)).unwrap();
    let mut site = serde_json::from_str(&text).unwrap();
    change(&mut site);
    lab.keep("site", site.to_string().as_bytes())
}

/// Addresses of a node beside those it has.
fn add(lab: &Lab, node: &str, interface: &str, addresses: &[&str]) {
    for address in addresses {
        sh(
            lab,
            node,
            &format!("ip address add {address}/24 dev {interface}"),
        );
    }
}

fn quiet(mut command: Command) -> Running {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    Running(command.spawn().unwrap())
}

fn pages(lab: &Lab, node: &str, words: &[&str]) -> Running {
    let script = lab.keep("pages", PAGES.as_bytes());
    let mut command = lab.on(node, User::Root, python());
    command.arg(script).args(words);
    quiet(command)
}

fn dnsmasq(lab: &Lab, node: &str, words: &[&str]) -> Running {
    let mut command = lab.on(node, User::Root, "dnsmasq");
    let plain = [
        "-k",
        "-C",
        "/dev/null",
        "-u",
        "root",
        "--no-resolv",
        "--no-hosts",
    ];
    command.args(plain).arg("--pid-file=").args(words);
    quiet(command)
}

fn caddy(lab: &Lab, node: &str, config: &str) -> Running {
    let config = format!(
        "{{\n  admin off\n  auto_https disable_redirects\n  skip_install_trust\n}}\n{config}"
    );
    let home = lab.path(&format!("caddy-{node}"));
    let mut command = lab.on(node, User::Root, "caddy");
    command.args(["run", "--adapter", "caddyfile", "--config"]);
    command.arg(lab.keep("Caddyfile", config.as_bytes()));
    command
        .env("HOME", &home)
        .env("XDG_DATA_HOME", home.join("data"));
    command.env("XDG_CONFIG_HOME", home.join("config"));
    quiet(command)
}

/// What `hacheck check` says of all that a site has, or of what `words` choose.
fn check(lab: &Lab, user: User, site: &Path, words: &[&str]) -> Vec<Verdict> {
    let mut command = lab.hacheck("client", user);
    let output = command
        .arg("check")
        .arg("--site")
        .arg(site)
        .args(words)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let records = text.lines().map(|line| serde_json::from_str(line).unwrap());
    records.map(Verdict).collect()
}

fn of_service(lab: &Lab, site: &Path, name: &str) -> Verdict {
    check(lab, User::Nobody, site, &["--service", name]).remove(0)
}

/// `NAME STATUS` of all, a service's marked by its kind.
fn said(verdicts: &[Verdict]) -> Vec<String> {
    let one = |Verdict(record): &Verdict| {
        let kind = record["kind"]
            .as_str()
            .map_or(String::new(), |kind| format!("{kind} "));
        let text = |name: &str| record[name].as_str().unwrap().to_owned();
        format!("{kind}{} {}", text("name"), text("status"))
    };
    verdicts.iter().map(one).collect()
}

fn until_all_are_ok(look: impl Fn() -> Vec<Verdict>, count: usize) {
    let are_ok = || look().iter().all(|verdict| verdict.status() == "ok");
    let until = Instant::now() + Duration::from_secs(30);
    while !are_ok() && Instant::now() < until {
        thread::sleep(Duration::from_millis(100));
    }
    let all = look();
    for verdict in &all {
        verdict.wants_status("ok");
    }
    assert_eq!(all.len(), count, "{:?}", said(&all));
}

/// The lab's own servers of names and pages make room for the site's.
fn make_room(lab: &Lab) {
    for (node, service) in [
        ("n1", "dns"),
        ("n1", "caddy"),
        ("n2", "dns"),
        ("n2", "caddy"),
    ] {
        lab.run(&["kill-service", node, service]);
    }
    add(lab, "client", "e10", &["192.168.1.50"]);
}

/// The keepalived pairs are the lab's own, by their members' other addresses.
fn four_nodes(lab: &Lab) {
    make_room(lab);
    add(lab, "n1", "e10", &["192.168.10.111", "192.168.1.192"]);
    add(lab, "n2", "e10", &["192.168.10.112", "192.168.1.193"]);
    add(
        lab,
        "n1",
        "e30",
        &["192.168.30.160", "192.168.30.164", "192.168.30.66"],
    );
    add(
        lab,
        "n2",
        "e30",
        &["192.168.30.162", "192.168.30.166", "192.168.30.152"],
    );
    let (certificate, key) = certificate(lab, "status.home.example");
    let mut running = Vec::new();
    for node in ["n1", "n2"] {
        running.push(dnsmasq(
            lab,
            node,
            &[
                "--local=/home.example/",
                "--host-record=dns.home.example,192.168.10.110",
                "--host-record=nas.home.example,192.168.1.20",
                &format!("--txt-record=whoami.home.example,{node}"),
            ],
        ));
        let page = format!(
            "https://status.home.example {{\n  tls {} {}\n  header X-Node {node}\n  respond ok\n}}\n",
            certificate.display(),
            key.display()
        );
        running.push(caddy(lab, node, &page));
    }
    let semaphore = pages(lab, "n1", &["192.168.30.66:3000:200"]);
    let _vaultwarden = pages(lab, "n2", &["192.168.30.152:8000:200"]);
    let stamp = lab.keep("stamp", b"");
    let site = site(lab, "scripts/site.json", |site| {
        let nfs = site["pairs"].as_array_mut().unwrap().iter_mut();
        let nfs = nfs.into_iter().find(|pair| pair["name"] == "nfs").unwrap();
        nfs["files"][0]["path"] = stamp.to_str().unwrap().into();
    });
    let facts = |node: &str| {
        let mut member = lab.hacheck(node, User::Root);
        let output = member
            .args(["member", "--file"])
            .arg(&stamp)
            .output()
            .unwrap();
        let path = lab.keep("facts", &output.stdout);
        path.to_str().unwrap().to_owned()
    };
    let look = || {
        let (n1, n2) = (facts("n1"), facts("n2"));
        check(lab, User::NetRaw, &site, &["--raw", "--facts", &n1, &n2])
    };
    until_all_are_ok(look, 9);
    drop(semaphore);
    let dead = of_service(lab, &site, "semaphore");
    dead.wants_status("critical")
        .wants("service-down", "critical", &["probe"])
        .wants_message(
            "service-down",
            "192.168.30.66: tcp 3000: connection refused",
        );
    of_service(lab, &site, "vaultwarden").wants_status("ok");
    // The VIP answers for both: the service, and the pair that it is on.
    running.drain(..2);
    lab.until("the names are gone with n1's server", || {
        of_service(lab, &site, "dns").status() == "critical"
    });
    let pair = &check(lab, User::Nobody, &site, &["--pair", "dns"])[0];
    pair.wants("vip-up-holder-dead", "critical", &["probe"]);
}

/// A proxy with three routes, Pi-holes side by side, and services of one guest each.
fn two_nodes(lab: &Lab) {
    make_room(lab);
    add(
        lab,
        "n1",
        "e10",
        &["192.168.1.192", "192.168.1.194", "192.168.10.250"],
    );
    add(
        lab,
        "n2",
        "e10",
        &["192.168.1.193", "192.168.1.210", "192.168.1.211"],
    );
    add(
        lab,
        "n2",
        "e10",
        &["192.168.1.212", "192.168.1.213", "192.168.10.240"],
    );
    let names = [
        "--host-record=nas.example.com,192.168.1.20",
        "--address=/ads.example.net/0.0.0.0",
        "--address=/ads.example.net/::",
        "--local=/example.com/",
    ];
    let pihole_1 = dnsmasq(lab, "n1", &names);
    let pihole_2 = dnsmasq(lab, "n2", &names);
    let route = |host: &str, backend: &str| {
        format!(
            "https://{host} {{\n  bind 192.168.1.194\n  tls internal\n  reverse_proxy http://{backend}\n}}\n"
        )
    };
    let arr = route("arr.example.com", "192.168.1.211:7878");
    let others = [
        route("example.com", "192.168.1.210:7896"),
        route("dashboard.example.com", "192.168.1.213:5000"),
        "https://192.168.10.250:8007 {\n  bind 192.168.10.250\n  tls internal\n}\n".to_owned(),
    ]
    .concat();
    let proxy = caddy(lab, "n1", &format!("{arr}{others}"));
    let radarr = || pages(lab, "n2", &["192.168.1.211:7878:302"]);
    let arr_vm = radarr();
    let _others = pages(
        lab,
        "n2",
        &[
            "192.168.1.210:7896:302",
            "192.168.1.212:8080:200",
            "192.168.1.213:5000:200",
            "192.168.10.240:9090:200",
        ],
    );
    let site = site(lab, "tests/data/site-b.json", |_| ());
    let look = || check(lab, User::Nobody, &site, &[]);
    until_all_are_ok(look, 9);

    // The second one lacks a name's address of the other family, which no probe asks for.
    drop(pihole_2);
    let more = "--host-record=nas.example.com,fd01::20";
    let _pihole_2 = dnsmasq(lab, "n2", &[&names[..], &[more]].concat());
    let of_pair = || check(lab, User::Nobody, &site, &["--pair", "pihole"]).remove(0);
    lab.until("the other answers otherwise", || {
        !of_pair().all("aa-dns-drift").is_empty()
    });
    of_pair()
        .wants_status("warning")
        .wants_message("aa-dns-drift", "dns nas.example.com AAAA: pihole-1 says")
        .wants_only(&["aa-dns-drift"]);

    // A Pi-hole less is a warning of the pair and of the service on it.
    drop(pihole_1);
    of_service(lab, &site, "dns")
        .wants_status("warning")
        .wants_message("service-down", "192.168.1.192");
    check(lab, User::Nobody, &site, &["--pair", "pihole"])[0].wants(
        "member-service-down",
        "warning",
        &["probe"],
    );

    // The backend is dead: the proxy's other routes are well, and the finding names the backend first.
    drop(arr_vm);
    let traefik = || of_service(lab, &site, "traefik");
    let backend = "the backend http://192.168.1.211:7878/: connection refused, and the proxy 192.168.1.194: status 502";
    lab.until("the proxy has noticed it", || {
        !traefik().all("route-down").is_empty()
    });
    let dead = traefik();
    dead.wants("route-down", "critical", &["probe"]);
    dead.wants_message("route-down", backend)
        .wants_only(&["route-down"]);
    assert_eq!(dead.all("route-down").len(), 1, "{}", dead.0);
    of_service(lab, &site, "arr").wants("service-down", "critical", &["probe"]);
    of_service(lab, &site, "plex").wants_status("ok");

    // The backend lives, and the proxy does not know its name any more.
    let _arr_vm = radarr();
    lab.until("the backend is there again", || traefik().status() == "ok");
    drop(proxy);
    let proxy = caddy(lab, "n1", &others);
    lab.until("the proxy is there again", || {
        traefik().all("service-down").is_empty()
    });
    let unknown = traefik();
    unknown
        .wants("route-down", "critical", &["probe"])
        .wants_message(
            "route-down",
            "the backend http://192.168.1.211:7878/ answers",
        );
    assert_eq!(unknown.all("route-down").len(), 1, "{}", unknown.0);

    drop(proxy);
    let gone = traefik();
    gone.wants("service-down", "critical", &["probe"]);
    assert_eq!(gone.all("route-down").len(), 3, "{}", gone.0);
    gone.wants_message(
        "route-down",
        "the proxy 192.168.1.194: connection refused; the backend",
    );
}

/// A certificate for that name, of its own signature, and its key.
fn certificate(lab: &Lab, name: &str) -> (PathBuf, PathBuf) {
    let (certificate, key) = (lab.path("certificate.pem"), lab.path("key.pem"));
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ])
        .args(["-days", "90", "-subj", &format!("/CN={name}")])
        .args(["-addext", &format!("subjectAltName=DNS:{name}"), "-out"])
        .arg(&certificate)
        .arg("-keyout")
        .arg(&key)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    (certificate, key)
}
