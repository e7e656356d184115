//! The template for Semaphore, as scripts/README.md has its words, and the timer's unit.

use std::{collections::BTreeSet, fs, os::unix::fs::symlink, process::Output};

use serde_json::Value;

use crate::{
    bed::root,
    whole::{Lab, READS, web, with_backups},
};

/// The texts between backticks of a row of the template.
fn words(row: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join("scripts/README.md")).unwrap();
    let table = text.split_once("| of the template | words |").unwrap().1;
    let begin = format!("| {row} | ");
    let line = table.lines().find(|line| line.starts_with(&begin));
    let line = line.unwrap_or_else(|| panic!("{row}: {table}"));
    line[begin.len()..]
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// The template as Semaphore's app Bash runs it: in the repository, with an environment of its own and nothing to read.
fn task(lab: &Lab, survey: &[&str]) -> Output {
    let repository = lab.bed.path("repository");
    if !repository.exists() {
        fs::create_dir(&repository).unwrap();
        symlink(root().join("scripts"), repository.join("scripts")).unwrap();
        symlink(lab.bed.path("ipam"), repository.join("ipam")).unwrap();
        symlink(lab.bed.path("site.json"), repository.join("site.json")).unwrap();
    }
    let [script] = &words("script")[..] else {
        panic!("one script")
    };
    let [arguments] = &words("arguments")[..] else {
        panic!("one list")
    };
    let arguments: Vec<String> = serde_json::from_str(arguments).unwrap();
    let known = words("survey, all optional");
    for word in survey {
        let name = word.split('=').next().unwrap();
        assert!(known.iter().any(|own| own == name), "{name}: {known:?}");
    }
    // What the lab has besides is how it is to be reached; PVX_SITE is the template's own.
    let mut names: BTreeSet<String> = ["PATH", "TMPDIR", "PBS_CA"].map(str::to_owned).into();
    let mut environment = String::new();
    for word in [
        words("variable group"),
        words("secrets, of type environment"),
    ]
    .concat()
    {
        match word.split_once('=') {
            Some(("PVX_SITE", file)) => environment.push_str(&format!(" PVX_SITE={file}")),
            Some((name, _)) => assert!(names.insert(name.to_owned())),
            None => assert!(names.insert(word)),
        }
    }
    for name in names {
        environment.push_str(&format!(" {name}=\"${name}\""));
    }
    let script = format!(
        "cd repository && exec env -i HOME=\"$HOME\" PWD=\"$PWD\"{environment} bash {script} \"$@\" </dev/null"
    );
    let server = root().join("tests/lab/pbs-api");
    let mut command = lab.bed.command(
        server.to_str().unwrap(),
        &["pbs.json", "bash", "-c", &script, "task"],
    );
    command
        .args(arguments)
        .args(survey)
        .envs(lab.sim.environment());
    command.output().unwrap()
}

#[test]
fn the_template_of_semaphore() {
    let guests = [web(30050, "paperless", "a", 50), web(30099, "web", "b", 51)];
    let lab = with_backups(&guests, &READS);
    let output = task(&lab, &[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("severity  subject"), "{text}");
    for found in ["id-mismatch", "30099 web", "never"] {
        assert!(text.contains(found), "{found}: {text}");
    }
    assert!(!text.contains("not-run"), "{text}");

    // The values of a survey, of which one is left empty.
    let output = task(&lab, &["without=cover,schedule", "format=json"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let all: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let cover = all
        .iter()
        .find(|record| record["part"] == "backup-coverage");
    assert_eq!(cover.unwrap()["ran"], false, "{text}");
    let output = task(&lab, &["without=", "format="]);
    assert!(output.stdout.starts_with(b"severity  "), "{output:?}");
}

/// The timer's user sees no home: the unit's drills are where README says that they are to be noted, and not in a folder that
/// only that user may open.
#[test]
fn the_drills_of_the_timers_page() {
    let unit = fs::read_to_string(root().join("scripts/systemd/audit.service")).unwrap();
    let readme = fs::read_to_string(root().join("scripts/README.md")).unwrap();
    let line = unit
        .lines()
        .find(|line| line.starts_with("ExecStart="))
        .unwrap();
    let words: Vec<&str> = line.split(' ').collect();
    let at = words.iter().position(|word| *word == "--drills").unwrap();
    let path = words[at + 1].replace("%S", "/var/lib");
    let said = format!("failover-drill PAIR --drills {path}");
    assert!(unit.contains(&said) && readme.contains(&said), "{path}");
    let own = unit
        .lines()
        .find_map(|line| line.strip_prefix("StateDirectory="))
        .unwrap();
    assert!(!path.starts_with(&format!("/var/lib/{own}/")), "{path}");
}
