//! The Ansible recipes of the README, run by a real ansible-core (`lab/ansible`): in check mode, for the first time
//! and again. Without a Python for it this is said, and a failure under CI=true.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod tools;

use std::{
    env, fs,
    io::{self, Write as _},
    path::Path,
    process::{Command, Output},
};

use tools::search_path;

/// The exit code of `lab/ansible` if it isn't installed.
const NOT_INSTALLED: i32 = 4;

#[test]
fn recipes_say_what_was_changed() {
    let folder = tempfile::tempdir().unwrap();
    let ipam = folder.path().join("ipam");
    fs::create_dir(&ipam).unwrap();
    fs::write(
        ipam.join("prefixes.csv"),
        "prefix,vlan,status\n192.168.30.0/24,30,active\n",
    )
    .unwrap();
    let guests = folder.path().join("guests.jsonl");
    fs::write(
        &guests,
        "{\"name\":\"wiki\",\"vmid\":30066,\"address\":\"192.168.30.67/24\",\"vlan\":30}\n\
         {\"name\":\"mail\",\"vmid\":30068,\"address\":\"192.168.30.68/24\",\"vlan\":30}\n",
    )
    .unwrap();
    for (name, check, expect) in [
        ("check mode", true, "new"),
        ("the first run", false, "new"),
        ("the second run", false, "same"),
    ] {
        let output = playbook(&ipam, &guests, check, expect);
        if output.status.code() == Some(NOT_INSTALLED) {
            not_run(&String::from_utf8_lossy(&output.stderr));
            return;
        }
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{name}: {said}");
        assert!(said.contains("failed=0"), "{name}: {said}");
        let written = ipam.join("ip-addresses.csv").exists();
        assert_eq!(written, name != "check mode", "{name}: {said}");
    }
}

#[test]
fn the_readme_has_these_recipes() {
    let playbook = fs::read_to_string(root().join("tests/data/ansible/recipes.yml")).unwrap();
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let (_, section) = readme
        .split_once("\n## Ansible\n")
        .expect("README.md: ## Ansible");
    let section = section.split("\n## ").next().unwrap_or_default();
    let recipes: Vec<&str> = section
        .split("\n\n")
        .filter(|block| block.starts_with("    - name: "))
        .collect();
    assert!(recipes.len() >= 3, "{section}");
    for recipe in recipes {
        assert!(playbook.contains(recipe), "not in the playbook:\n{recipe}");
    }
}

fn playbook(ipam: &Path, guests: &Path, check: bool, expect: &str) -> Output {
    let mut ansible = Command::new(root().join("tests/lab/ansible"));
    ansible.args(["playbook", "-i", "localhost,"]);
    for (name, value) in [
        ("ipam", ipam.display().to_string()),
        ("guests", guests.display().to_string()),
        ("expect", expect.to_owned()),
    ] {
        ansible.args(["-e", &format!("{name}={value}")]);
    }
    if check {
        ansible.arg("--check");
    }
    ansible.arg(root().join("tests/data/ansible/recipes.yml"));
    for name in ["NETBOX_URL", "NETBOX_API", "PVX_SITE"] {
        ansible.env_remove(name);
    }
    ansible
        .env("PATH", search_path(&root().join("scripts")))
        .env("LC_ALL", "C.UTF-8")
        .env("ANSIBLE_LOCALHOST_WARNING", "false")
        .env("ANSIBLE_HOME", ipam.with_file_name("ansible"))
        .output()
        .unwrap()
}

/// Says it past the test's capture, so that it can't go unseen.
fn not_run(why: &str) {
    let ci = env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(!ci, "ansible-core is not installed: {why}");
    let _ = writeln!(io::stdout(), "NOT RUN: tests/ansible: {}", why.trim_end());
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ is in the workspace")
}
