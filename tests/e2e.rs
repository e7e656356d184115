//! Runs the case files of `cases/` against the tools as they are built now.
//!
//! It builds the tools itself, because `cargo test` builds no other package's
//! binaries and would test stale ones. Whatever could make a case not run (an
//! empty folder, a folder nobody runs, a tool that was not built) is a failure.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod answer;
mod case;
mod tools;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
    thread,
    time::Duration,
};

use answer::answer;
use case::Case;
use tools::{search_path, tools};

/// A step that takes longer is killed with all its children, and the case fails.
const LIMIT: Duration = Duration::from_secs(60);

/// Cases of a folder at once: each has a folder of its own, and much of them is waiting.
const SIDE_BY_SIDE: usize = 3;

/// Binaries that are no tools: what the tests stand on.
const HELPERS: [&str; 1] = ["pve-cluster"];

/// Folders of cases that are not the cases of one tool.
const JOINT: [&str; 4] = ["stream", "pipelines", "scripts", "notify"];

/// A `#[test]` per folder of `cases/`, and the list of these folders.
macro_rules! folders {
    ($($test:ident = $folder:literal)*) => {
        const FOLDERS: &[&str] = &[$($folder),*];
        $(#[test] fn $test() { run_folder($folder); })*
    };
}

folders! {
    vmid = "vmid"
    ipalloc = "ipalloc"
    hacheck = "hacheck"
    pbsprune = "pbsprune"
    pvx_migrate = "pvx-migrate"
    stream = "stream"
    pipelines = "pipelines"
    scripts = "scripts"
    notify = "notify"
}

/// A command that passes records on: the cases of `stream/` hold for each of them.
struct Passer {
    command: &'static str,
    /// The word of a case that stands for it, besides `TOOL`: `FLOW` for a command
    /// that prints each record when it is handled, `BATCH` for one that reads its
    /// whole input first and so prints nothing if the input is bad.
    word: &'static str,
}

#[rustfmt::skip]
const PASSERS: &[Passer] = &[
    Passer { command: "vmid encode", word: "FLOW" },
    Passer { command: "vmid decode", word: "FLOW" },
    Passer { command: "vmid check --allow-empty", word: "BATCH" },
    Passer { command: "ipalloc allocate --ipam ipam --site no-site.json --dry-run --vlan 30", word: "BATCH" },
    Passer { command: "ipalloc release --ipam ipam --dry-run", word: "BATCH" },
    Passer { command: "ipalloc check --ipam ipam-with-guests --allow-empty", word: "BATCH" },
    Passer { command: "pvx-migrate place --state state.json --site small-site.json --max-age 876000h", word: "BATCH" },
    Passer { command: "pbsprune --keep-last 1 --no-guards", word: "BATCH" },
];

/// What the commands above find beside the files of a case of `stream/`: an IPAM
/// where VLAN 30 is free, one that knows the guests g1, g2, g3 of the cases, and the
/// state of a cluster that has room for them.
const STREAM_FILES: [(&str, &str); 9] = [
    ("no-site.json", "{}"),
    ("small-site.json", SMALL_SITE),
    ("state.json", include_str!("data/pve/state.json")),
    (
        "ipam/prefixes.csv",
        "prefix,vlan,status\n192.168.30.0/24,30,active\n",
    ),
    ("ipam/ip-addresses.csv", "address,status,dns_name\n"),
    ("ipam/ip-ranges.csv", "start_address,end_address,status\n"),
    (
        "ipam-with-guests/prefixes.csv",
        "prefix,vlan,status\n192.168.30.0/24,30,active\n",
    ),
    (
        "ipam-with-guests/ip-addresses.csv",
        "address,status,dns_name\n\
         192.168.30.66/24,active,g1\n\
         192.168.30.67/24,active,g2\n\
         192.168.30.68/24,active,g3\n",
    ),
    (
        "ipam-with-guests/ip-ranges.csv",
        "start_address,end_address,status\n",
    ),
];

/// A site of that cluster.
const SMALL_SITE: &str = r#"{
    "nodes": [{"name": "node2"}, {"name": "node3"}, {"name": "node5"}, {"name": "node6"}],
    "vlans": [{"vlan": 30, "prefix": "192.168.30.0/24"}]
}"#;

#[test]
fn every_folder_is_run_and_every_tool_has_one() {
    let folders: BTreeSet<String> = entries(&cases()).into_keys().collect();
    let run: BTreeSet<String> = FOLDERS.iter().map(|&folder| folder.to_owned()).collect();
    assert_eq!(
        folders, run,
        "left: folders of tests/cases/, right: folders! in e2e.rs"
    );
    for tool in tools()
        .keys()
        .filter(|tool| !HELPERS.contains(&tool.as_str()))
    {
        assert!(
            run.contains(tool),
            "the tool {tool} has no cases in tests/cases/{tool}/"
        );
    }
}

/// Runs all cases of a folder, and fails with all that failed.
fn run_folder(folder: &str) {
    let tools = tools();
    assert!(
        JOINT.contains(&folder) || tools.contains_key(folder),
        "no tool {folder} was built"
    );
    let path = cases().join(folder);
    let entries = entries(&path);
    assert!(!entries.is_empty(), "{} has no case", path.display());

    let count = entries.len();
    let left = Mutex::new(entries.into_iter());
    let failures = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                loop {
                    let Some((name, path)) = left.lock().unwrap().next() else {
                        return;
                    };
                    if let Err(complaint) = run_file(folder, &name, &path) {
                        failures.lock().unwrap().insert(name, complaint);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    let failures: Vec<String> = failures
        .iter()
        .map(|(name, complaint)| format!("tests/cases/{folder}/{name}: {}\n", complaint.trim_end()))
        .collect();
    let failed = failures.len();
    assert!(
        failed == 0,
        "{failed} of {count} cases failed\n\n{}",
        failures.join("\n")
    );
}

/// Runs a case of a folder.
fn run_file(folder: &str, name: &str, path: &Path) -> Result<(), String> {
    if !name.ends_with(".case") || !path.is_file() {
        return Err("not a .case file".to_owned());
    }
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let case = case::parse(&text)?;
    match folder {
        "stream" => run_for_passers(&case),
        _ => run_case(&case, LIMIT),
    }
}

/// Runs a case of `stream/` once for each command that its word stands for.
fn run_for_passers(case: &Case) -> Result<(), String> {
    let mut case = case.clone();
    case.files
        .extend(STREAM_FILES.map(|(name, text)| (name.to_owned(), text.to_owned())));
    let mut words = vec!["TOOL", "FLOW", "BATCH"];
    words.retain(|word| put_in(&case, word, "") != case);
    let [word] = words[..] else {
        return Err(format!("uses {words:?} and not one of TOOL, FLOW, BATCH"));
    };
    let passers = PASSERS
        .iter()
        .filter(|passer| ["TOOL", passer.word].contains(&word));
    let failed = passers.filter_map(|passer| {
        let complaint = run_case(&put_in(&case, word, passer.command), LIMIT).err()?;
        Some(format!("with {}, {complaint}", passer.command))
    });
    let failed: Vec<String> = failed.collect();
    if failed.is_empty() {
        Ok(())
    } else {
        Err(failed.join(""))
    }
}

/// The case with `command` for each `word` in its steps.
fn put_in(case: &Case, word: &str, command: &str) -> Case {
    let mut case = case.clone();
    for step in &mut case.steps {
        step.command = replace_word(&step.command, word, command);
    }
    case
}

fn replace_word(text: &str, word: &str, by: &str) -> String {
    let in_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let (mut replaced, mut done) = (String::new(), 0);
    for (at, _) in text.match_indices(word) {
        let end = at + word.len();
        if !text[..at].ends_with(in_word) && !text[end..].starts_with(in_word) {
            replaced += &text[done..at];
            replaced += by;
            done = end;
        }
    }
    replaced + &text[done..]
}

/// Runs the steps of a case, in a folder of its own, until one fails.
fn run_case(case: &Case, limit: Duration) -> Result<(), String> {
    let temporary = tempfile::tempdir().map_err(|error| error.to_string())?;
    let [work, home, tmp] = ["work", "home", "tmp"].map(|name| temporary.path().join(name));
    for folder in [&work, &home, &tmp] {
        fs::create_dir(folder).map_err(|error| error.to_string())?;
    }
    for (name, content) in &case.files {
        let path = work.join(name);
        fs::create_dir_all(path.parent().unwrap_or(&work)).map_err(|error| error.to_string())?;
        fs::write(&path, content).map_err(|error| format!("{name}: {error}"))?;
    }
    for step in &case.steps {
        let mut bash = Command::new("bash");
        // Nothing of the caller's environment: no NETBOX_URL, no locale, no time zone.
        bash.arg("-c")
            .arg(&step.command)
            .current_dir(&work)
            .env_clear();
        bash.envs([("LC_ALL", "C.UTF-8"), ("TZ", "UTC")]);
        bash.envs([
            ("HOME", &home),
            ("TMPDIR", &tmp),
            ("DATA", &root().join("tests/data")),
        ]);
        bash.env("PATH", search_path(&root().join("scripts")));
        let complaint = match answer(bash, limit) {
            Ok(answer) => case::complaint(&step.expected, &answer),
            Err(error) => Some(format!("  {error}\n")),
        };
        if let Some(complaint) = complaint {
            let command = step.command.replace('\n', "\n    ");
            return Err(format!("line {}\n  $ {command}\n{complaint}", step.line));
        }
    }
    Ok(())
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ is in the workspace")
}

fn cases() -> PathBuf {
    root().join("tests/cases")
}

/// Names and paths in a folder, in order; none if there is no such folder.
fn entries(folder: &Path) -> BTreeMap<String, PathBuf> {
    let entries = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap());
    entries
        .map(|entry| (entry.file_name().display().to_string(), entry.path()))
        .collect()
}

mod tests {
    use super::*;

    #[test]
    fn a_case_has_its_files_and_a_clean_environment() {
        let case = |steps: &str| case::parse(&format!("Why.\n{steps}")).unwrap();
        let good =
            case("$ cat a/b; env | grep -c NETBOX\nx\n0\n? 1\n$ pwd\n[..]/work\n--- a/b\nx\n");
        assert_eq!(run_case(&good, LIMIT), Ok(()));
        let bad = case("$ true\n$ echo 1\n2\n$ echo never\n");
        let complaint = run_case(&bad, LIMIT).unwrap_err();
        assert_eq!(complaint, "line 3\n  $ echo 1\n  - 2\n  + 1\n");
        let slow = case("$ sleep 60\n");
        let complaint = run_case(&slow, Duration::from_millis(100)).unwrap_err();
        assert!(complaint.contains("killed"), "{complaint}");
    }

    #[test]
    fn replaces_whole_words() {
        let cases = [
            ("alone", "TOOL", "a b"),
            ("in a pipe", "TOOL <x | TOOL | cat", "a b <x | a b | cat"),
            (
                "part of a word",
                "MYTOOL TOOLS TOOL_1 $TOOL",
                "MYTOOL TOOLS TOOL_1 $a b",
            ),
            ("side by side", "TOOLTOOL", "TOOLTOOL"),
            ("absent", "tool", "tool"),
        ];
        for (name, text, want) in cases {
            assert_eq!(replace_word(text, "TOOL", "a b"), want, "{name}");
        }
    }

    #[test]
    fn a_stream_case_uses_one_of_the_words() {
        for steps in ["$ true\n", "$ TOOL\n$ FLOW\n"] {
            let case = case::parse(&format!("Why.\n{steps}")).unwrap();
            let refusal = run_for_passers(&case).unwrap_err();
            assert!(
                refusal.ends_with("not one of TOOL, FLOW, BATCH"),
                "{refusal}"
            );
        }
    }
}
