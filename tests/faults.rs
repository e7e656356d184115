//! What happens to the embedded IPAM when things go wrong: many processes at
//! once, a kill in the middle of a write, a full disk, a folder that is read-only.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write as _},
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

#[allow(dead_code)] // of which only a part is needed here
mod tools;

const HEADER: &str = "address,vrf,tenant,status,role,device,virtual_machine,interface,fhrp_group,is_primary,is_oob,dns_name,description,owner,comments,tags,cf_ipalloc_key\n";

/// An IPAM with 10.0.0.0/8 on VLAN 10, of which the first `taken` addresses have records.
fn ipam(taken: u32) -> TempDir {
    let folder = TempDir::new().unwrap();
    fill(folder.path(), taken);
    folder
}

fn fill(folder: &Path, taken: u32) {
    fs::write(
        folder.join("prefixes.csv"),
        "prefix,vlan,status\n10.0.0.0/8,10,active\n",
    )
    .unwrap();
    let row = |n: u32| {
        let address = std::net::Ipv4Addr::from_bits(0x0a00_0001 + n);
        format!("{address}/8,,,active,,,,,,,,host-{n},,,,,host-{n}\n")
    };
    let rows: String = (0..taken).map(row).collect();
    fs::write(folder.join("ip-addresses.csv"), format!("{HEADER}{rows}")).unwrap();
}

fn allocate(folder: &Path, name: &str) -> Child {
    Command::new(&tools::tools()["ipalloc"])
        .args(["allocate", "--vlan", "10", "--ipam"])
        .args([folder.as_os_str(), name.as_ref()])
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn record(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn rows(folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(folder.join("ip-addresses.csv")).unwrap();
    assert!(
        text.starts_with(HEADER) && text.ends_with('\n'),
        "the file is not whole"
    );
    text.lines().skip(1).map(str::to_owned).collect()
}

/// The addresses of all rows; each occurs once, and each row has all its cells.
fn addresses(folder: &Path) -> BTreeSet<String> {
    let rows = rows(folder);
    assert!(
        rows.iter().all(|row| row.matches(',').count() == 16),
        "a row is cut off"
    );
    let all: BTreeSet<String> = rows
        .iter()
        .filter_map(|row| row.split(',').next())
        .map(str::to_owned)
        .collect();
    assert_eq!(all.len(), rows.len(), "an address was given twice");
    all
}

#[test]
fn thirty_two_processes_for_one_name() {
    let ipam = ipam(3);
    let children: Vec<Child> = (0..32).map(|_| allocate(ipam.path(), "web")).collect();
    let records: Vec<Value> = children
        .into_iter()
        .map(|child| record(&child.wait_with_output().unwrap()))
        .collect();
    let changed = records
        .iter()
        .filter(|record| record["changed"] == true)
        .count();
    assert_eq!(changed, 1, "one of them allocated");
    assert!(
        records
            .iter()
            .all(|record| record["address"] == "10.0.0.4/8")
    );
    assert_eq!(addresses(ipam.path()).len(), 4);
}

#[test]
fn thirty_two_processes_for_as_many_names() {
    let ipam = ipam(3);
    let children: Vec<Child> = (0..32)
        .map(|n| allocate(ipam.path(), &format!("web-{n}")))
        .collect();
    let given: BTreeSet<String> = children
        .into_iter()
        .map(|child| record(&child.wait_with_output().unwrap())["address"].to_string())
        .collect();
    assert_eq!(given.len(), 32, "each its own");
    assert_eq!(addresses(ipam.path()).len(), 35, "and each is recorded");
}

#[test]
fn killed_at_any_instant() {
    let ipam = ipam(60_000); // so that reading and writing takes long enough to be hit
    let mut before = rows(ipam.path()).len();
    let mut interrupted = 0;
    for round in 0..30_u64 {
        let name = format!("web-{round}");
        let mut child = allocate(ipam.path(), &name);
        thread::sleep(Duration::from_millis(round * 11 % 173));
        child.kill().unwrap(); // SIGKILL
        interrupted += usize::from(!child.wait().unwrap().success());
        let after = addresses(ipam.path()).len();
        assert!(
            after == before || after == before + 1,
            "old or new, nothing between"
        );
        let again = record(&allocate(ipam.path(), &name).wait_with_output().unwrap());
        assert_eq!(
            again["changed"],
            after == before,
            "a rerun finishes what was not done"
        );
        before = addresses(ipam.path()).len();
        assert_eq!(before, 60_001 + round as usize, "one address each");
    }
    assert!(
        interrupted > 5,
        "too few were hit for this to mean anything: {interrupted}"
    );
}

#[test]
fn waits_for_the_lock() {
    let ipam = ipam(3);
    let lock = ipam.path().join(".ipalloc.lock");
    let held = fs::File::create(&lock).unwrap();
    held.lock().unwrap();
    let mut child = allocate(ipam.path(), "web");
    thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none(), "it did not wait");
    assert_eq!(
        rows(ipam.path()).len(),
        3,
        "it did not wait with its change"
    );
    held.unlock().unwrap();
    assert_eq!(
        record(&child.wait_with_output().unwrap())["address"],
        "10.0.0.4/8"
    );
}

/// Runs bash in a mount namespace of its own; none where that is not allowed,
/// which is told aloud, and is a failure under CI=true.
fn with_mounts(test: &str, script: &str) -> Option<Output> {
    let probe = Command::new("unshare")
        .args(["-m", "true"])
        .stderr(Stdio::null())
        .status();
    if !probe.is_ok_and(|status| status.success()) {
        let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!ci, "{test}: no mount namespace to be had");
        // Past the test's capture, so that it can't go unseen.
        let _ = writeln!(
            io::stdout(),
            "NOT RUN: tests/faults, {test}: needs root, for a mount namespace of its own"
        );
        return None;
    }
    let ipalloc = tools::tools()["ipalloc"].parent().unwrap();
    let output = Command::new("unshare")
        .args(["-m", "bash", "-c", &format!("set -eu; {script}"), "bash"])
        .arg(ipalloc.join("ipalloc"))
        .output();
    Some(output.unwrap())
}

#[test]
fn full_disk() {
    let source = ipam(4000);
    let script = format!(
        r#"mount -t tmpfs -o size=400k none /mnt; cp {}/*.csv /mnt; cp /mnt/ip-addresses.csv /tmp/old.$$
        "$1" allocate --ipam /mnt --vlan 10 web || echo "code $?"
        cmp /mnt/ip-addresses.csv /tmp/old.$$ && echo same; rm /tmp/old.$$; ls -A /mnt
        umount /mnt; mount -t tmpfs -o size=4m none /mnt; cp {0}/*.csv /mnt
        : >/mnt/.ip-addresses.csv.ipalloc-new # left behind by a kill
        "$1" allocate --ipam /mnt --vlan 10 web | grep -c '"changed":true'"#,
        source.path().display()
    );
    let Some(output) = with_mounts("full_disk", &script) else {
        return;
    };
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    let want = "code 3\nsame\n.ipalloc.lock\nip-addresses.csv\nprefixes.csv\n1\n";
    assert_eq!(out, want, "{err}");
    let said = "ipalloc: /mnt/ip-addresses.csv: not changed: no space left on device";
    assert!(err.starts_with(said), "{err}");
}

#[test]
fn read_only_folder() {
    let source = ipam(3);
    let script = format!(
        r#"mount -t tmpfs none /mnt; cp {}/*.csv /mnt; mount -o remount,ro /mnt
        "$1" allocate --ipam /mnt --vlan 10 web || echo "code $?"
        "$1" allocate --ipam /mnt --vlan 10 --dry-run web | grep -c 10.0.0.4
        "$1" show --ipam /mnt | grep -c '"used":3'"#,
        source.path().display()
    );
    let Some(output) = with_mounts("read_only_folder", &script) else {
        return;
    };
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert_eq!(out, "code 3\n1\n1\n", "{err}");
    assert!(
        err.contains("/mnt/.ipalloc.lock: read-only file system"),
        "{err}"
    );
}
