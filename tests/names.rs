//! What `ipalloc list` prints for resolvers, zones and inventories, read by what it is for: dnsmasq, which is then
//! asked, named-checkzone, ansible-inventory. What isn't installed is named, and fails under CI=true.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod tools;

use std::{
    env, fs,
    io::{self, Write as _},
    net::UdpSocket,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use simple_dns::{CLASS, Name, Packet, PacketFlag, QTYPE, Question, TYPE, rdata::RData};
use tempfile::TempDir;

/// Two families, an address that two hosts share and one that a second record has, a name with two
/// addresses, and what names no host.
const ADDRESSES: &str = "\
address,status,role,dns_name,cf_ipalloc_key
192.168.30.2/24,active,,Paperless.lab.example,paperless
192.168.30.2/24,active,,second.lab.example,second
fd00:30::2/64,active,,paperless.lab.example,paperless//6
192.168.30.3/24,active,vip,wiki.lab.example.,
192.168.30.3/24,active,vip,docs.lab.example,
192.168.40.3/24,active,,wiki.lab.example,
192.168.30.4/24,active,,nas,nas
192.168.30.5/24,active,,www.example.net,
192.168.30.6/24,deprecated,,old.lab.example,old
192.168.30.7/24,active,,a_b.lab.example,
192.168.30.8/24,active,,\"x y;$INCLUDE /etc/passwd\",
";

fn ipam() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let prefixes = "prefix,vlan,status\n192.168.30.0/24,30,active\n192.168.40.0/24,40,active\nfd00:30::/64,30,active\n";
    fs::write(folder.path().join("prefixes.csv"), prefixes).unwrap();
    fs::write(folder.path().join("ip-addresses.csv"), ADDRESSES).unwrap();
    folder
}

fn list(folder: &TempDir, words: &[&str]) -> String {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts");
    let output = Command::new("ipalloc")
        .env("PATH", tools::search_path(&scripts))
        .args(["list", "--ipam"])
        .arg(folder.path())
        .args(words)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("with a name that is no host's"), "{said}");
    String::from_utf8(output.stdout).unwrap()
}

/// Whether the program is there; else it is told past the test's capture, and fails under CI=true.
fn have(program: &str) -> bool {
    let folders = env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let there = env::split_paths(&folders).any(|folder| folder.join(program).exists());
    there || not_run(program)
}

fn not_run(program: &str) -> bool {
    assert_ne!(env::var("CI").as_deref(), Ok("true"), "{program}");
    let _ = writeln!(
        io::stdout(),
        "NOT RUN: tests/names: not installed: {program}"
    );
    false
}

fn run(program: &str, words: &[&str], folder: &Path) -> Output {
    let path = env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let mut command = Command::new(program);
    command.args(words).current_dir(folder).env("PATH", path);
    command.output().unwrap()
}

struct Dnsmasq {
    child: Child,
    port: u16,
}

impl Dnsmasq {
    fn start(config: &Path) -> Self {
        // It is free a moment before dnsmasq takes it.
        let port = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = port.local_addr().unwrap().port();
        let path = env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
        let child = Command::new("dnsmasq")
            .args([
                "--keep-in-foreground",
                "--no-resolv",
                "--no-hosts",
                "--pid-file",
                "--bind-interfaces",
            ])
            .args(["--listen-address=127.0.0.1", "--user=root", "--conf-file"])
            .arg(format!("--port={port}"))
            .arg(format!("--conf-file={}", config.display()))
            .env("PATH", path)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, port }
    }

    /// The answers to a question, as texts, sorted.
    fn ask(&self, name: &str, kind: TYPE) -> Vec<String> {
        let mut packet = Packet::new_query(7);
        packet.set_flags(PacketFlag::RECURSION_DESIRED);
        let name = Name::new(name).unwrap().into_owned();
        packet.questions.push(Question::new(
            name,
            QTYPE::TYPE(kind),
            CLASS::IN.into(),
            false,
        ));
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket
            .set_read_timeout(Some(Duration::from_millis(200)))
            .unwrap();
        let question = packet.build_bytes_vec().unwrap();
        let mut answer = [0; 1500];
        // It takes a moment until it listens.
        for _ in 0..100 {
            socket.send_to(&question, ("127.0.0.1", self.port)).unwrap();
            let Ok(length) = socket.recv(&mut answer) else {
                std::thread::sleep(Duration::from_millis(50));
                continue;
            };
            let packet = Packet::parse(&answer[..length]).unwrap();
            let mut texts: Vec<String> = packet
                .answers
                .iter()
                .map(|record| text(&record.rdata))
                .collect();
            texts.sort();
            return texts;
        }
        panic!("dnsmasq does not answer");
    }
}

impl Drop for Dnsmasq {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(data: &RData<'_>) -> String {
    match data {
        RData::A(a) => std::net::Ipv4Addr::from(a.address).to_string(),
        RData::AAAA(a) => std::net::Ipv6Addr::from(a.address).to_string(),
        RData::PTR(name) => name.to_string(),
        other => format!("{other:?}"),
    }
}

#[test]
fn dnsmasq_answers_from_it() {
    if !have("dnsmasq") {
        return;
    }
    let folder = ipam();
    let config = folder.path().join("dnsmasq.conf");
    fs::write(&config, list(&folder, &["--format", "dnsmasq"])).unwrap();
    let tested = run(
        "dnsmasq",
        &["--test", &format!("--conf-file={}", config.display())],
        folder.path(),
    );
    assert!(
        tested.status.success(),
        "{}",
        String::from_utf8_lossy(&tested.stderr)
    );
    let dnsmasq = Dnsmasq::start(&config);
    #[rustfmt::skip]
    let cases: &[(&str, TYPE, &[&str])] = &[
        ("paperless.lab.example", TYPE::A,    &["192.168.30.2"]),
        ("paperless",             TYPE::A,    &["192.168.30.2"]),
        ("paperless.lab.example", TYPE::AAAA, &["fd00:30::2"]),
        ("wiki.lab.example",      TYPE::A,    &["192.168.30.3", "192.168.40.3"]),
        ("docs.lab.example",      TYPE::A,    &["192.168.30.3"]),
        ("nas",                   TYPE::A,    &["192.168.30.4"]),
        ("old.lab.example",       TYPE::A,    &[]),
        ("second.lab.example",    TYPE::A,    &[]),
        ("2.30.168.192.in-addr.arpa", TYPE::PTR, &["paperless.lab.example"]),
    ];
    for (name, kind, want) in cases {
        assert_eq!(dnsmasq.ask(name, *kind), *want, "{name} {kind:?}");
    }
}

/// The lines stand in zone files of people's own, behind a head with SOA and NS.
#[test]
fn named_checkzone_takes_the_zones() {
    if !have("named-checkzone") {
        return;
    }
    let folder = ipam();
    let head = "$TTL 3600\n@ IN SOA ns.lab.example. root.lab.example. 1 3600 600 86400 60\n@ IN NS ns.lab.example.\n";
    #[rustfmt::skip]
    let cases: &[(&str, &[&str], usize)] = &[
        ("lab.example",             &["--format", "zone", "--domain", "lab.example"], 6),
        ("30.168.192.in-addr.arpa", &["--format", "reverse", "192.168.30.0/24"], 5),
    ];
    for (zone, words, count) in cases {
        let lines = list(&folder, words);
        assert_eq!(lines.lines().count(), *count, "{lines}");
        let mut file = head.to_owned();
        if *zone == "lab.example" {
            file += "ns IN A 192.168.30.1\n";
        }
        file += "$INCLUDE lines\n";
        fs::write(folder.path().join("lines"), lines).unwrap();
        fs::write(folder.path().join("zone"), file).unwrap();
        let checked = run(
            "named-checkzone",
            &["-k", "fail", "-D", zone, "zone"],
            folder.path(),
        );
        let said = String::from_utf8_lossy(&checked.stdout);
        assert!(
            checked.status.success() && !said.contains("out-of-zone"),
            "{said}"
        );
        assert!(said.lines().count() > *count, "{said}");
    }
}

#[test]
fn ansible_reads_the_inventory() {
    let folder = ipam();
    let file = folder.path().join("inventory.yml");
    fs::write(&file, list(&folder, &["--format", "ansible"])).unwrap();
    let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join("lab/ansible");
    let output = run(
        lab.to_str().unwrap(),
        &["inventory", "-i", file.to_str().unwrap(), "--list"],
        folder.path(),
    );
    if output.status.code() == Some(4) {
        not_run("ansible-core");
        return;
    }
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && !said.contains("WARNING"),
        "{said}"
    );
    let read: Value = serde_json::from_slice(&output.stdout).unwrap();
    let hosts = &read["_meta"]["hostvars"];
    assert_eq!(hosts["paperless"], json!({"ansible_host": "192.168.30.2"}));
    assert_eq!(
        hosts["wiki.lab.example"],
        json!({"ansible_host": "192.168.30.3"})
    );
    assert_eq!(hosts.as_object().unwrap().len(), 5, "{hosts}");
    assert_eq!(read["vlan_30"]["hosts"].as_array().unwrap().len(), 5);
}
