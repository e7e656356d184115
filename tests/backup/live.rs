//! SQLite databases that are written to while they are backed up. The naive way must be seen to fail here, or
//! it would say nothing that ours doesn't.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::json;

use crate::lab::{Lab, ci, have};

/// Commits about a hundred times a second. Each commit has its number in two tables, and moves much: a copy of
/// half a commit, or of pages of two, has sums that differ, or is corrupt.
const WRITER: &str = r#"
import os, random, sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA journal_mode=" + sys.argv[2])
db.execute("PRAGMA busy_timeout=60000")
db.execute("CREATE TABLE a(n INTEGER PRIMARY KEY, x BLOB)")
db.execute("CREATE TABLE b(n INTEGER, x BLOB)")
db.execute("CREATE INDEX i ON b(x)")
n = 0
while os.getppid() == int(sys.argv[3]):
    db.execute("BEGIN IMMEDIATE")
    for _ in range(20):
        n += 1
        x = random.randbytes(600)
        db.execute("INSERT INTO a VALUES(?, ?)", (n, x))
        db.execute("INSERT INTO b VALUES(?, ?)", (n, x))
    if n > 4000:
        db.execute("DELETE FROM a WHERE n <= ?", (n - 4000,))
        db.execute("DELETE FROM b WHERE n <= ?", (n - 4000,))
    db.execute("COMMIT")
    if n == 4000: print("full", flush=True)
    time.sleep(0.004)
"#;

/// Whether a restored folder has a database that is whole and of one moment.
fn is_good(lab: &Lab, folder: &Path) -> bool {
    let check = "PRAGMA integrity_check; SELECT count(*) = 4000 AND (SELECT group_concat(n) FROM (SELECT n FROM a ORDER BY n)) = (SELECT group_concat(n) FROM (SELECT n FROM b ORDER BY n)) FROM a";
    let output = lab
        .command("sqlite3")
        .arg(folder.join("db.sqlite3"))
        .arg(check)
        .output();
    String::from_utf8_lossy(&output.unwrap().stdout) == "ok\n1\n"
}

fn writer(lab: &Lab, mode: &str) -> Child {
    let mut child = Command::new("python3")
        .args(["-c", WRITER])
        .arg(lab.path("data/db.sqlite3"))
        .args([mode, &std::process::id().to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut out, &mut line).unwrap();
    child
}

#[test]
fn a_database_that_is_written_to() {
    if !have("a_database_that_is_written_to", &["sqlite3", "python3"]) {
        return;
    }
    let runs = if ci() { 50 } else { 10 };
    let lab = Lab::new();
    lab.site(&json!({"keep": "--keep-last 1"}), &json!({}));
    let mut child = writer(&lab, "wal");
    let mut naive = 0;
    for _ in 0..20 {
        // As the scripts that people write have it. tar's own complaint (exit code 1) is not looked at there, either.
        lab.bash("mkdir -p target/BK_app naive; tar -czf naive.tar.gz -C data . || true; rm -rf naive/*; tar -xzf naive.tar.gz -C naive");
        naive += usize::from(!is_good(&lab, &lab.path("naive")));
        if naive > 0 {
            break;
        }
    }
    assert!(naive > 0, "tar of a live database did not fail once");
    for run in 0..runs {
        let answer = lab.app_backup(&["app"]);
        let record = answer.good();
        assert_eq!(record["sqlite"], json!(["db.sqlite3"]));
        let folder = lab.unpack(&lab.archives().pop().unwrap());
        assert_eq!(
            crate::lab::names(&folder),
            ["config.json", "db.sqlite3"],
            "run {run}"
        );
        assert!(is_good(&lab, &folder), "run {run}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let answer = lab.app_backup(&["--restore-test", "app"]);
    assert_eq!(answer.good()["sqlite"], json!(["db.sqlite3"]));
}

#[test]
fn a_database_with_a_rollback_journal_and_a_strange_name() {
    if !have(
        "a_database_with_a_rollback_journal",
        &["sqlite3", "python3"],
    ) {
        return;
    }
    let lab = Lab::new();
    let mut child = writer(&lab, "delete");
    lab.bash(r"mkdir data/$'a\n b'; sqlite3 data/$'a\n b'/--x\'\;y 'create table t(x)'; chmod 640 data/$'a\n b'/*");
    for _ in 0..3 {
        let answer = lab.app_backup(&["app"]);
        assert_eq!(
            answer.good()["sqlite"],
            json!(["a\n b/--x';y", "db.sqlite3"])
        );
        let folder = lab.unpack(&lab.archives().pop().unwrap());
        assert!(is_good(&lab, &folder));
        let mode = lab.bash(&format!("stat -c %a {}/a*/*", folder.display()));
        assert_eq!(mode, "640");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_corrupt_database_is_no_backup() {
    if !have("a_corrupt_database_is_no_backup", &["sqlite3"]) {
        return;
    }
    let lab = Lab::new();
    let (before, after) = lab.switch();
    lab.bash("sqlite3 data/db 'create table t(x); insert into t select value from generate_series(1, 5000)'; printf '\\0\\0\\0broken' | dd of=data/db bs=1 seek=8192 conv=notrunc status=none");
    lab.site(&json!({"before": before, "after": after}), &json!({}));
    lab.app_backup(&["app"]).is(1, "sqlite");
    assert!(lab.files().is_empty() && lab.runs());
    lab.site(&json!({"sqlite": "none"}), &json!({}));
    lab.app_backup(&["app"]).good();
    lab.app_backup(&["--restore-test", "app"]).is(1, "corrupt");
}
