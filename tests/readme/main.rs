//! Runs the commands of the READMEs and compares what they print with what the READMEs show.
//!
//! The commands of a README are one shell session in a folder that has its files of `data/readme`, the repository's
//! `scripts`, their `site.json` and a `cluster.json` of the simulated homelab. What needs a NetBox, a cluster, a PBS or a network is named in [`NOT_RUN`], by how
//! the command begins; a name there that fits no command, or one that could be run, is a failure.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

#[path = "../answer.rs"]
mod answer;
mod block;
#[allow(dead_code)]
#[path = "../case.rs"]
mod case;
#[path = "../tools.rs"]
mod tools;

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use answer::answer;
use tools::{search_path, tools};

/// All commands of a README together.
const LIMIT: Duration = Duration::from_secs(120);

const NETBOX: &str = "needs a NetBox";
const CLUSTER: &str = "needs a cluster";
const PBS: &str = "needs a Proxmox Backup Server";
const NET: &str = "needs a network";

/// README, how a command of it begins, and why it isn't run.
#[rustfmt::skip]
const NOT_RUN: &[(&str, &str, &str)] = &[
    ("README.md", "cargo build", "the tools under test are built already"),
    ("README.md", "scripts/init-site", CLUSTER),
    ("README.md", "ipalloc allocate --ipam ipam --site site.json <guests.jsonl", "tests/cases/pipelines/from-a-cluster.case runs it"),
    ("README.md", "pvx-migrate plan drain pve-c", "tests/cases/pipelines/from-a-cluster.case runs it"),
    ("README.md", "NETBOX_URL=", NETBOX),
    ("README.md", "pvx-migrate state", CLUSTER),
    ("README.md", "pvx-migrate run", CLUSTER),
    ("README.md", "proxmox-backup-client", PBS),
    ("README.md", "hacheck ", NET),
    ("README.md", "set -o pipefail; scripts/inventory", CLUSTER),
    ("README.md", "scripts/inventory", CLUSTER),
    ("README.md", "tests/lab/homelab", "needs root; tests/apply does the same"),
    ("README.md", "scripts/provision --apply", "tests/apply does the same"),
    ("README.md", "ssh ", "tests/apply does the same"),
    ("README.md", "scripts/deprovision --apply", CLUSTER),
    ("vmid/README.md", "ssh ", NET),
    ("ipalloc/README.md", "export NETBOX_URL", NETBOX),
    ("ipalloc/README.md", "ipalloc allocate --vlan", NETBOX),
    ("ipalloc/README.md", "ipalloc allocate <", NETBOX),
    ("ipalloc/README.md", "ipalloc allocate --assign", NETBOX),
    ("ipalloc/README.md", "scripts/inventory", CLUSTER),
    ("ipalloc/README.md", "ipalloc allocate --ipam ipam --site site.json <guests.jsonl", "tests/cases/pipelines/from-a-cluster.case runs it"),
    ("ipalloc/README.md", "ipalloc setup", NETBOX),
    ("hacheck/README.md", "dig ", NET),
    ("hacheck/README.md", "hacheck ", NET),
    ("hacheck/README.md", "for n in", NET),
    ("pbsprune/README.md", "proxmox-backup-client", PBS),
    ("pbsprune/README.md", "jq -r '\"\\(.[\"backup-type", PBS),
    ("pbsprune/README.md", "pbsprune diff --a keep-last=7 --server", PBS),
    ("pvx-migrate/README.md", "pvx-migrate state", CLUSTER),
    ("pvx-migrate/README.md", "set -o pipefail; pvx-migrate run", CLUSTER),
];

/// What a session finds in its folder besides the files of `data/readme`.
const SET_UP: &str = r#"
cp -R "$ROOT/scripts" scripts && cp scripts/site.json site.json
pve-cluster homelab site.json >homelab.json
pve-cluster homelab.json pvx-migrate state >cluster.json
jq '(.at | fromdate) as $at | [.guests[] | {"backup-type": (if .type == "lxc" then "ct" else "vm" end), "backup-id": "\(.vmid)",
    "backup-time": ($at - 28800), comment: .name, files: [{filename: "index.json.blob", size: 512}]}]' cluster.json >snapshots.json
"#;

#[test]
fn readmes_print_what_they_show() {
    let readmes = readmes();
    assert!(readmes.len() >= 6, "{readmes:?}");
    let mut failures = String::new();
    for readme in &readmes {
        if let Err(failed) = run_readme(readme) {
            failures += &failed;
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
}

#[test]
fn what_is_not_run_is_there() {
    for (readme, start, _) in NOT_RUN {
        let text = fs::read_to_string(root().join(readme)).unwrap();
        let mut commands = block::commands(&text).into_iter();
        assert!(
            commands.any(|command| command.text.starts_with(start)),
            "{readme} has no command that begins with {start}"
        );
    }
}

/// The READMEs of the repository: that of the root, and those of its folders.
fn readmes() -> Vec<String> {
    let folders = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap());
    let mut found: Vec<String> = folders
        .map(|folder| format!("{}/README.md", folder.file_name().display()))
        .chain(["README.md".to_owned()])
        .filter(|readme| root().join(readme).is_file())
        .collect();
    found.sort();
    found
}

fn run_readme(readme: &str) -> Result<(), String> {
    let text = fs::read_to_string(root().join(readme)).map_err(|error| error.to_string())?;
    let (mut run, mut left_out) = (Vec::new(), Vec::new());
    for command in block::commands(&text) {
        let why = NOT_RUN
            .iter()
            .find(|(name, start, _)| *name == readme && command.text.starts_with(start));
        match why {
            Some((_, _, why)) => left_out.push((command, why)),
            None => run.push(command),
        }
    }
    for (command, why) in left_out {
        println!(
            "not run: {readme}:{}: {why}: {}",
            command.line, command.text
        );
    }
    let temporary = tempfile::tempdir().map_err(|error| error.to_string())?;
    let [work, home, out] = ["work", "home", "out"].map(|name| temporary.path().join(name));
    for folder in [&work, &home, &out] {
        fs::create_dir(folder).map_err(|error| error.to_string())?;
    }
    let folder = readme.strip_suffix("/README.md").unwrap_or("root");
    let files = root().join("tests/data/readme").join(folder);
    if files.is_dir() {
        copy_files(&files, &work);
    }
    let mut script = format!("{{ {SET_UP} }} >/dev/null || exit 70\n");
    for command in &run {
        let place = out.join(command.line.to_string());
        let place = place.display();
        // In the shell itself, so that the next command has its variables.
        writeln!(
            script,
            "{{ {}\n}} >{place}.out 2>{place}.err\necho $? >{place}.code",
            command.text
        )
        .unwrap();
    }
    let mut bash = Command::new("bash");
    bash.arg("-c").arg(&script).current_dir(&work).env_clear();
    bash.envs([("LC_ALL", "C.UTF-8"), ("TZ", "UTC")]);
    bash.env("HOME", &home).env("ROOT", root());
    bash.env("PATH", search_path(&root().join("scripts")));
    let answered = answer(bash, LIMIT)?;
    if answered.code == 70 {
        let said = String::from_utf8_lossy(&answered.stderr);
        return Err(format!("{readme}: the session could not begin: {said}\n"));
    }
    let mut failures = String::new();
    for command in &run {
        let place = out.join(command.line.to_string());
        let read = |suffix| fs::read(place.with_extension(suffix)).unwrap_or_default();
        let [out, err] =
            ["out", "err"].map(|suffix| String::from_utf8_lossy(&read(suffix)).into_owned());
        // A terminal shows both, and a README what it is about.
        let shown = [format!("{err}{out}"), format!("{out}{err}"), out];
        let fits = shown
            .iter()
            .any(|came| block::is_shown(&command.shown, came));
        let came = &shown[0];
        let code = fs::read_to_string(place.with_extension("code")).unwrap_or_default();
        let failed = !["0\n", "1\n"].contains(&code.as_str()); // 1 is an answer
        if failed || !command.shown.is_empty() && !fits {
            let code = code.trim();
            let shown = command.shown.join("\n");
            writeln!(
                failures,
                "{readme}:{}: $ {}\nexit code {code}, shown:\n{shown}\ncame:\n{came}",
                command.line, command.text
            )
            .unwrap();
        }
    }
    if failures.is_empty() {
        Ok(())
    } else {
        Err(failures)
    }
}

fn copy_files(from: &Path, to: &Path) {
    let mut cp = Command::new("cp");
    cp.arg("-R")
        .arg(from.join("."))
        .arg(to)
        .stdin(Stdio::null());
    assert!(cp.status().unwrap().success(), "{}", from.display());
}

fn root() -> &'static Path {
    assert!(!tools().is_empty());
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ is in the workspace")
}
