//! Jobs as they run at night and each minute: a notice that a real Apprise delivers, and the systemd units and the alerts,
//! as far as they can be judged where they aren't installed. What can't be tried here is said, and a failure under CI=true.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod alerts;
mod tools;

use std::{
    env, fs,
    io::{self, Write as _},
    os::unix::fs::{PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tools::search_path;

#[test]
fn apprise_delivers() {
    let folder = Command::new(root().join("tests/lab/apprise"))
        .arg("folder")
        .output()
        .unwrap();
    if !folder.status.success() {
        not_run("apprise", &text(&folder.stderr));
        return;
    }
    let work = tempfile::tempdir().unwrap();
    let urls = "echo \"json://${RECEIVER#*//}/apprise/$TOKEN\" >urls";
    let notify =
        "APPRISE_URLS_FILE=urls notify --title night -- bash -c 'echo half done >&2; exit 3'";
    let script = format!(
        "PATH={}:$PATH; {urls}; {notify}",
        text(&folder.stdout).trim()
    );
    let ran = run(work.path(), &["notices", "bash", "-c", &script]);
    assert_eq!(ran.status.code(), Some(3), "{ran:?}");
    assert_eq!(text(&ran.stderr), "half done\n");
    let got = fs::read_to_string(work.path().join("got")).unwrap();
    assert!(got.starts_with("/apprise/TOKEN "), "{got}");
    for part in ["night: failed, exit code 3", "half done", "\"failure\""] {
        assert!(got.contains(part), "{part}: {got}");
    }
}

/// A database that is written to is backed up, told of, pruned, and comes back.
#[test]
fn a_live_application_is_saved_told_of_pruned_and_restored() {
    if !there("sqlite3") {
        not_run("app-backup", "sqlite3 is not installed");
        return;
    }
    let work = tempfile::tempdir().unwrap();
    let night = root().join("tests/data/jobs/night");
    let ran = run(work.path(), &["notices", "bash", night.to_str().unwrap()]);
    assert_eq!(text(&ran.stdout), "2\nok\n1\n", "{ran:?}");
    assert!(ran.status.success(), "{ran:?}");
    let got = fs::read_to_string(work.path().join("got")).unwrap();
    let told: Vec<&str> = got.lines().collect();
    assert_eq!(told.len(), 4, "{got}");
    for (line, part) in told.iter().zip([
        "B, 1 kept\"",
        "B, 2 kept\"",
        "B, 2 kept, 1 removed\"",
        "app-backup wiki: can be restored, ",
    ]) {
        assert!(line.contains(part), "{part}: {got}");
    }
    assert!(told[0].contains("\"app-backup wiki: ok, "), "{got}");
}

/// A job whose own output fills the disk that its notice is made on ends as it would without a notice.
#[test]
fn a_full_disk_is_no_matter_of_the_job() {
    let alone = Command::new("unshare").args(["-rm", "true"]).output();
    if !alone.is_ok_and(|alone| alone.status.success()) {
        not_run("a full disk", "unshare -rm: no mount namespace");
        return;
    }
    let work = tempfile::tempdir().unwrap();
    let full = root().join("tests/data/jobs/full");
    let ran = run(
        work.path(),
        &["notices", "unshare", "-rm", "bash", full.to_str().unwrap()],
    );
    assert_eq!(
        text(&ran.stdout),
        "7 40001 later 7\n40001\n7 40001 later 7\n",
        "{ran:?}"
    );
    let said = text(&ran.stderr);
    assert!(
        said.ends_with("tmp: it can't be written to\n") && said.lines().count() == 1,
        "{said}"
    );
    let got = fs::read_to_string(work.path().join("got")).unwrap();
    for part in ["\"much: at least ", "\"much: failed, exit code 7\""] {
        assert!(got.contains(part), "{part}: {got}");
    }
}

/// Every unit of scripts/systemd, in a tree that has what it starts. An instance stands for a template.
#[test]
fn units_are_what_systemd_takes_them_for() {
    if !there("systemd-analyze") {
        not_run("systemd-analyze", "it is not installed");
        return;
    }
    let tree = tempfile::tempdir().unwrap();
    let units = unit_tree(tree.path());
    assert!(units.len() >= 12, "{units:?}");
    for unit in &units {
        let verified = analyze(
            tree.path(),
            &["verify", "--man=no", "--recursive-errors=no", unit],
        );
        let said = text(&verified.stderr);
        assert!(
            verified.status.success() && said.is_empty(),
            "{unit}: {said}"
        );
    }
    // What systemd calls exposure, in tenths. app-backup runs commands of the site's own, so nothing bounds it.
    for (unit, most) in [
        ("prune-tarballs.service", 15),
        ("prune-datastore.service", 15),
        ("backup-coverage.service", 15),
        ("audit.service", 15),
        ("notify@x.service", 17),
        // The power to send what it likes, and to hear all.
        ("hacheck.service", 19),
        ("hacheck-watch@x.service", 15),
        ("app-backup@x.service", 100),
        ("app-backup-settle.service", 100),
    ] {
        if !units.iter().any(|known| known == unit) {
            continue;
        }
        let judged = analyze(
            tree.path(),
            &[
                "security",
                "--offline=true",
                &format!("--threshold={most}"),
                unit,
            ],
        );
        let said = text(&judged.stdout);
        let figure = said.lines().last().unwrap_or_default().to_owned();
        let _ = writeln!(io::stdout(), "{figure}");
        assert!(judged.status.success(), "{unit}: {figure}");
    }
}

/// A nightly timer runs after a night that the machine was off, and not at the minute of all others.
#[test]
fn timers_and_services_belong_together() {
    let folder = root().join("scripts/systemd");
    let mut timers = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let content = fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().display().to_string();
        if path.extension().is_some_and(|suffix| suffix == "timer") {
            timers += 1;
            assert!(path.with_extension("service").exists(), "{name}");
            assert!(content.contains("WantedBy=timers.target"), "{name}");
            for line in ["Persistent=true", "RandomizedDelaySec="] {
                // What is looked at each minute was not missed in the night.
                let nightly = !name.starts_with("hacheck");
                assert!(content.contains(line) == nightly, "{name}: {line}");
            }
        } else if name != "notify@.service" {
            for line in [
                "OnFailure=notify@%N.service",
                "OnSuccess=notify@%N.service",
                "TimeoutStartSec=",
            ] {
                // Of a boot after which nothing was owed there is nothing to tell.
                let at_boot = name == "app-backup-settle.service" && line.starts_with("OnSuccess");
                assert!(content.contains(line) != at_boot, "{name}: {line}");
            }
            if name.starts_with("app-backup") {
                // Or what `after` has started ends with the unit, and what it owes waits for the next night.
                assert!(content.contains("\nKillMode=process\n"), "{name}");
                assert!(content.contains("/app-backup --settle "), "{name}");
            }
        }
    }
    assert!(timers >= 3, "{timers}");
}

/// prune-tarballs with the powers that its unit leaves it removes files of others, in folders of others.
#[test]
fn prune_tarballs_has_what_it_needs() {
    let work = tempfile::tempdir().unwrap();
    let folder = work.path().join("backups/BK_wiki");
    fs::create_dir_all(&folder).unwrap();
    for day in ["01", "02", "03"] {
        let path = folder.join(format!("wiki_2026-11-{day}T020000Z.tar"));
        fs::write(&path, "some bytes").unwrap();
        if chown(&path, Some(65534), Some(65534)).is_err() {
            not_run("prune-tarballs with few powers", "that needs root");
            return;
        }
    }
    chown(&folder, Some(65534), Some(65534)).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(work.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let unit = fs::read_to_string(root().join("scripts/systemd/prune-tarballs.service")).unwrap();
    let powers = unit
        .lines()
        .find_map(|line| line.strip_prefix("CapabilityBoundingSet="));
    let powers: Vec<String> = powers
        .unwrap()
        .split_whitespace()
        .map(|power| format!("+{}", power.trim_start_matches("CAP_").to_lowercase()))
        .collect();
    let bounds = format!("--bounding-set=-all,{}", powers.join(","));
    let prune = [
        "prune-tarballs",
        "--apply",
        "backups",
        "--keep-last",
        "1",
        "--tz",
        "UTC",
    ];
    let ran = run(
        work.path(),
        &[&["setpriv", "--no-new-privs", &bounds, "--"], &prune[..]].concat(),
    );
    assert!(ran.status.success(), "{ran:?}");
    let left: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["wiki_2026-11-03T020000Z.tar"], "{ran:?}");
}

/// A root folder with the scripts and units where the units say that they are, and the names of the units.
fn unit_tree(tree: &Path) -> Vec<String> {
    let system = tree.join("etc/systemd/system");
    for folder in [
        &system,
        &tree.join("opt/pvx"),
        &tree.join("usr/lib/systemd"),
    ] {
        fs::create_dir_all(folder).unwrap();
    }
    let copy = |from: &Path, to: PathBuf| {
        let copied = Command::new("cp")
            .arg("-rL")
            .args([from, to.as_path()])
            .status();
        assert!(copied.unwrap().success(), "{}", from.display());
    };
    copy(&root().join("scripts"), tree.join("opt/pvx/scripts"));
    let built = tree.join("opt/pvx/target/release");
    fs::create_dir_all(&built).unwrap();
    // Any program of that name will do.
    copy(&root().join("scripts/notify"), built.join("hacheck"));
    fs::create_dir_all(tree.join("bin")).unwrap();
    copy(&root().join("scripts/notify"), tree.join("bin/sh"));
    copy(
        Path::new("/lib/systemd/system"),
        tree.join("usr/lib/systemd/system"),
    );
    let mut units = Vec::new();
    for entry in fs::read_dir(root().join("scripts/systemd")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().display().to_string();
        copy(&entry.path(), system.join(&name));
        units.push(name.replace("@.", "@x."));
    }
    units.sort();
    units
}

fn analyze(tree: &Path, words: &[&str]) -> Output {
    let mut analyze = Command::new("systemd-analyze");
    analyze
        .arg(words[0])
        .arg(format!("--root={}", tree.display()));
    analyze
        .args(&words[1..])
        .env("SYSTEMD_COLORS", "0")
        .output()
        .unwrap()
}

/// Runs a command, of the labs, of the scripts or of the machine, in `work`.
fn run(work: &Path, words: &[&str]) -> Output {
    let lab = root().join("tests/lab").join(words[0]);
    let mut command = match lab.exists() {
        true => Command::new(lab),
        false => Command::new(words[0]),
    };
    command
        .args(&words[1..])
        .current_dir(work)
        .env("PATH", search_path(&root().join("scripts")));
    for name in [
        "DISCORD_WEBHOOK_URL",
        "NTFY_URL",
        "HEALTHCHECKS_URL",
        "APPRISE_URLS",
        "PVX_SITE",
    ] {
        command.env_remove(name).env_remove(format!("{name}_FILE"));
    }
    command.output().unwrap()
}

fn there(name: &str) -> bool {
    env::split_paths(&env::var_os("PATH").unwrap_or_default())
        .any(|folder| folder.join(name).exists())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Says it past the test's capture, so that it can't go unseen.
fn not_run(what: &str, why: &str) {
    let ci = env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(!ci, "{what}: {why}");
    let _ = writeln!(
        io::stdout(),
        "NOT RUN: tests/jobs: {what}: {}",
        why.trim_end()
    );
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ is in the workspace")
}
