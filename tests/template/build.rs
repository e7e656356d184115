//! A template from nothing: cut off, built again, compared with one that was built before, and unpacked.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    Ran, build_template, builds, cache, not_run, root, search_path, site, templates_in, there,
};

/// For what takes a minute, and five on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(900);

/// What a caller may have in the environment, and what neither is to be seen in there nor changes a byte.
const OF_THE_CALLER: [(&str, &str); 5] = [
    ("PROXMOX_VE_API_TOKEN", "root@pam!pvx=secret"),
    ("TZ", "Asia/Tokyo"),
    ("LANG", "de_DE.UTF-8"),
    ("HOME", "/nowhere"),
    ("SOURCE_DATE_EPOCH", "1"),
];

/// What tests/lab/guest is made of.
fn as_the_labs() -> Value {
    json!({"guest": {"packages": ["locales", "sudo"]}})
}

#[test]
fn a_killed_build_leaves_nothing_and_the_same_packages_give_the_same_bytes() {
    if !builds("a template") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path(), &as_the_labs());
    let cache = cache();
    let words = ["guest", &*site, &*cache];
    let work = folder.path().join(".build-template-guest");

    // Killed, with its packages half-way in: what it started is gone with it, what it mounted was seen by none but it.
    let mut script = build_template(folder.path(), &words)
        .envs(OF_THE_CALLER)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let until = Instant::now() + PATIENCE;
    while fs::read_to_string(work.join("step")).unwrap_or_default() != "packages\n" {
        assert!(Instant::now() < until, "it never came to the packages");
        assert_eq!(script.try_wait().unwrap(), None, "it ended");
        thread::sleep(Duration::from_millis(100));
    }
    let mine = work.to_string_lossy().into_owned();
    assert!(!processes(&mine).is_empty(), "nothing is seen of it");
    let seen = environments(&format!("rootfs.bash {mine}"));
    assert!(!seen.is_empty(), "nothing is seen of it");
    for (name, _) in OF_THE_CALLER {
        assert!(!seen.contains(&format!("{name}=")), "{name}");
    }
    script.kill().unwrap();
    script.wait().unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while !processes(&mine).is_empty() {
        assert!(Instant::now() < until, "it goes on: {:?}", processes(&mine));
        thread::sleep(Duration::from_millis(50));
    }
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(!mounts.contains(&mine), "{mounts}");
    assert_eq!(templates_in(folder.path()), Vec::<PathBuf>::new());

    // The same call again: the folder that was left is no hindrance, and goes.
    let ran = Ran::of(
        &build_template(folder.path(), &words)
            .envs(OF_THE_CALLER)
            .output()
            .unwrap(),
    );
    let record = ran.good();
    let path = PathBuf::from(record["file"].as_str().unwrap());
    let path = folder.path().join(path.file_name().unwrap());
    let manifest = read(&path.with_extension("").with_extension("json"));
    assert!(!work.exists());
    assert_eq!(
        (&record["changed"], &record["sha256"], &manifest["sha256"]),
        (&json!(true), &json!(sha256(&path)), &record["sha256"])
    );
    let names = path.file_name().unwrap().to_str().unwrap();
    let start = format!(
        "debian-{}-guest_{}-",
        manifest["debian"]
            .as_str()
            .unwrap()
            .split('.')
            .next()
            .unwrap(),
        manifest["debian"].as_str().unwrap()
    );
    let end = format!(
        "-{}_{}.tar.zst",
        &record["sha256"].as_str().unwrap()[..8],
        manifest["arch"].as_str().unwrap()
    );
    assert!(
        names.starts_with(&start) && names.ends_with(&end),
        "{names}"
    );
    unpacked(folder.path(), &path, &manifest);
    boots(&folder.path().join("root"));

    // That of the labs, of another day and another folder, has the same packages, unless the mirror has newer ones since.
    let labs = rootfs_manifest();
    if labs.as_ref().is_some_and(|labs| {
        ["packages", "recipe"]
            .iter()
            .all(|key| labs[key] == manifest[key])
    }) {
        assert_eq!(labs.unwrap()["sha256"], manifest["sha256"]);
        return;
    }
    let ran = Ran::of(&build_template(folder.path(), &words).output().unwrap());
    assert_eq!(ran.good()["changed"], false, "{ran:?}");
    assert_eq!(ran.good()["sha256"], record["sha256"]);
}

/// What a new guest must find, and must not.
fn unpacked(folder: &Path, template: &Path, manifest: &Value) {
    let into = folder.join("root");
    fs::create_dir(&into).unwrap();
    let tar = Command::new("tar")
        .arg("-C")
        .arg(&into)
        .args(["--numeric-owner", "--xattrs", "--xattrs-include=*", "-xpf"])
        .arg(template)
        .status();
    assert!(tar.unwrap().success());
    let is = |path: &str| fs::symlink_metadata(into.join(path)).is_ok();
    for there in [
        "etc/debian_version",
        "etc/os-release",
        "etc/systemd/system/systemd-firstboot.service",
        "etc/network/interfaces",
        "usr/sbin/sshd",
        "usr/share/zoneinfo/Europe/Berlin",
    ] {
        assert!(is(there), "{there}");
    }
    let init = fs::read_link(into.join("sbin/init")).unwrap();
    assert!(init.ends_with("systemd/systemd"), "{}", init.display());
    assert!(is("etc/systemd/system/multi-user.target.wants/ssh.service"));
    for gone in [
        "etc/hostname",
        "etc/resolv.conf",
        "usr/sbin/policy-rc.d",
        "var/lib/dbus/machine-id",
        "etc/apt/apt.conf.d/99pvx-build",
        "etc/dpkg/dpkg.cfg.d/pvx-build",
    ] {
        assert!(!is(gone), "{gone}");
    }
    assert_eq!(fs::read(into.join("etc/machine-id")).unwrap(), b"");
    let names = |folder: &str| -> Vec<String> {
        let all = fs::read_dir(into.join(folder)).unwrap();
        all.map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    };
    assert!(
        !names("etc/ssh")
            .iter()
            .any(|name| name.starts_with("ssh_host_"))
    );
    for empty in [
        "dev",
        "proc",
        "sys",
        "run",
        "tmp",
        "var/tmp",
        "var/lib/apt/lists",
        "var/cache/apt/archives",
    ] {
        assert_eq!(names(empty), Vec::<String>::new(), "{empty}");
    }
    let bytes_of_logs = Command::new("find")
        .arg(into.join("var/log"))
        .args(["-type", "f", "-size", "+0"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&bytes_of_logs.stdout), "");
    let newest = Command::new("find")
        .arg(&into)
        .args(["-newermt", manifest["date"].as_str().unwrap()])
        .output()
        .unwrap();
    // The folder itself was made here; its times are its entries'.
    assert_eq!(String::from_utf8_lossy(&newest.stdout), "");
    // The file capability of ping is there: an extended attribute.
    let capability = Command::new("getfattr")
        .args(["-m", "-", "--only-values", "-n", "security.capability"])
        .arg(into.join("usr/bin/ping"))
        .output();
    if let Ok(capability) = capability {
        assert!(!capability.stdout.is_empty(), "{capability:?}");
    }
    let query = Command::new("dpkg-query")
        .arg(format!(
            "--admindir={}",
            into.join("var/lib/dpkg").display()
        ))
        .args(["-W", "-f", "${Package} ${Version}\n"])
        .output()
        .unwrap();
    let text = String::from_utf8(query.stdout).unwrap();
    let installed: BTreeSet<(String, String)> = text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, version)| (name.to_owned(), version.to_owned()))
        .collect();
    let told: BTreeSet<(String, String)> = manifest["packages"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, version)| (name.clone(), version.as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(told, installed);
    for name in ["systemd-sysv", "openssh-server", "ifupdown", "sudo"] {
        assert!(manifest["packages"][name].is_string(), "{name}");
    }
}

/// What a guest says of itself when it has come up.
const PROBE: &str = "[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c '{ systemctl --failed --plain --no-legend; systemctl is-active ssh dbus networking; test -s /etc/machine-id && ss -ltnH; } >/probe 2>&1; systemctl poweroff'
[Install]
WantedBy=multi-user.target
";

/// With its own systemd as init, in a container that gives it what PVE's gives it: host keys and a name.
fn boots(into: &Path) {
    if !there("systemd-nspawn") {
        not_run("a guest that starts", "systemd-nspawn isn't installed");
        return;
    }
    let key = into.join("etc/ssh/ssh_host_ed25519_key");
    let keygen = ["-q", "-t", "ed25519", "-N", "", "-f"];
    let made = Command::new("ssh-keygen").args(keygen).arg(key).status();
    assert!(made.unwrap().success());
    fs::write(into.join("etc/hostname"), "paperless\n").unwrap();
    let units = into.join("etc/systemd/system");
    fs::write(units.join("probe.service"), PROBE).unwrap();
    symlink(
        "../probe.service",
        units.join("multi-user.target.wants/probe.service"),
    )
    .unwrap();
    let machine = format!("pvx-template-{}", std::process::id());
    let ran = Command::new("timeout")
        .args([
            "-k",
            "5",
            "300",
            "unshare",
            "--mount",
            "systemd-nspawn",
            "--boot",
            "--private-network",
            "--register=no",
            "--keep-unit",
            "-M",
        ])
        .arg(machine)
        .arg("-D")
        .arg(into)
        .env("PATH", search_path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = fs::read_to_string(into.join("probe")).unwrap_or_else(|_| panic!("{ran:?}"));
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.get(..3), Some(&["active"; 3][..]), "{said}");
    assert!(said.contains("0.0.0.0:22"), "{said}");
}

#[test]
fn what_fails_in_there_is_named() {
    if !builds("steps that fail") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let site = site(
        folder.path(),
        &json!({"base": {"packages": ["no-such-package-of-anybody"]}}),
    );
    // Ended by a signal, it takes away what it began.
    let mut script = build_template(folder.path(), &["base", &site, &cache()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let step = folder.path().join(".build-template-base/step");
    let until = Instant::now() + PATIENCE;
    while !step.exists() {
        assert!(Instant::now() < until, "it never began");
        assert_eq!(script.try_wait().unwrap(), None, "it ended");
        thread::sleep(Duration::from_millis(20));
    }
    let ended = Command::new("kill").arg(script.id().to_string()).status();
    assert!(ended.unwrap().success());
    let ran = Ran::of(&script.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.records.len()), (Some(3), 0), "{ran:?}");
    assert!(
        ran.said.contains("cut off: nothing was given its name"),
        "{ran:?}"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "the site");

    let ran = Ran::of(
        &build_template(folder.path(), &["base", &site, &cache()])
            .output()
            .unwrap(),
    );
    let error = &ran.records[0]["error"];
    assert_eq!(
        (ran.code, &error["code"], &error["step"]),
        (Some(1), &json!("build"), &json!("packages")),
        "{ran:?}"
    );
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("no-such-package-of-anybody"), "{message}");
    assert_eq!(ran.records[0]["changed"], false);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "the site");

    // A disk of 100 MiB.
    let script = "mount -t tmpfs -o size=100m tmpfs \"$1\" && cd \"$1\" && \"${@:2}\"";
    let mut full = build_template(folder.path(), &[]);
    let program = full.get_program().to_owned();
    let small = folder.path().join("small");
    fs::create_dir(&small).unwrap();
    full = Command::new("unshare");
    full.args(["--mount", "bash", "-c", script, "-"])
        .arg(&small)
        .arg(program)
        .args(["base", &site, &cache()])
        .env("PATH", search_path());
    let ran = Ran::of(&full.output().unwrap());
    let error = &ran.records[0]["error"];
    let message = error["message"].as_str().unwrap();
    assert_eq!(
        (ran.code, &error["code"]),
        (Some(3), &json!("build")),
        "{ran:?}"
    );
    assert!(message.starts_with("no space is left"), "{message}");
}

/// The command lines of processes that are at this folder.
fn processes(folder: &str) -> Vec<String> {
    let all = fs::read_dir("/proc").unwrap();
    all.filter_map(|entry| fs::read(entry.ok()?.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(folder))
        .collect()
}

/// The environments of processes that have this in their command lines.
fn environments(part: &str) -> String {
    let all = fs::read_dir("/proc").unwrap();
    all.filter_map(|entry| {
        let process = entry.ok()?.path();
        let line = fs::read(process.join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        let theirs = line.contains(part);
        theirs.then(|| fs::read(process.join("environ")).ok())?
    })
    .map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', "\n"))
    .collect()
}

fn sha256(path: &Path) -> String {
    let output = Command::new("sha256sum").arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap()[..64].to_owned()
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The manifest of what tests/lab/guest has; none if it was made by hand, or not at all.
fn rootfs_manifest() -> Option<Value> {
    let named = std::env::var_os("GUEST_ROOTFS").map(PathBuf::from);
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let rootfs = named.unwrap_or_else(|| target.join("guest-rootfs"));
    let rootfs = fs::canonicalize(root().join(rootfs)).ok()?;
    Some(read(&rootfs.with_extension("json")))
}
