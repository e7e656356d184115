//! A restore test passes only what can be restored.

use std::fs;

use serde_json::json;

use crate::lab::{Lab, have};

#[test]
fn a_restore_test_passes_and_fails() {
    if !have("a_restore_test_passes_and_fails", &["sqlite3"]) {
        return;
    }
    let lab = Lab::new();
    lab.bash("sqlite3 data/db 'create table t(x); insert into t values(7)'");
    let seven = json!({"verify": r#"[ "$(sqlite3 db 'select x from t')" = 7 ] || { echo "not 7"; exit 1; }"#, "max_age_s": 3600});
    lab.site(&seven, &json!({}));
    lab.app_backup(&["--restore-test", "app"])
        .is(1, "no-backup");
    lab.app_backup(&["app"]).good();
    let answer = lab.app_backup(&["--restore-test", "--all"]);
    let record = answer.good();
    assert_eq!(record["sqlite"], json!(["db"]));
    assert_eq!(record["changed"], false);

    let name = lab.archives().pop().unwrap();
    let file = lab.path("target/BK_app").join(&name);
    let good = fs::read(&file).unwrap();
    let broken = lab.path("broken");
    #[rustfmt::skip]
    let cases = [
        ("cut off",           good[..good.len() / 2].to_vec(), "unreadable"),
        ("a byte is another", { let mut bad = good.clone(); let middle = bad.len() / 2; bad[middle] ^= 0xff; bad }, "unreadable"),
        ("empty",             Vec::new(), "unreadable"),
        ("no archive",        b"gone with the wind".to_vec(), "unreadable"),
    ];
    for (what, bytes, code) in cases {
        fs::write(&file, bytes).unwrap();
        let answer = lab.app_backup(&["--restore-test", "app"]);
        assert_eq!(answer.code, Some(1), "{what}");
        answer.is(1, code);
    }
    let pack = |script: &str| {
        let _ = fs::remove_dir_all(&broken);
        lab.bash(&format!(
            "mkdir broken; cd broken; {script}; tar -czf {} .",
            file.display()
        ));
    };
    pack("sqlite3 db 'create table t(x); insert into t values(8)'");
    let answer = lab.app_backup(&["--restore-test", "app"]);
    answer.is(1, "verify");
    assert!(
        answer.said.contains("verify: exit code 1: not 7"),
        "{}",
        answer.said
    );
    // A page of a database that is not what it was, in an archive that is whole.
    pack(
        "sqlite3 db 'create table t(x); insert into t select value from generate_series(1, 5000)' && printf broken | dd of=db bs=1 seek=9000 conv=notrunc status=none && printf '\\0\\0\\0' | dd of=db bs=1 seek=8192 conv=notrunc status=none",
    );
    lab.app_backup(&["--restore-test", "app"]).is(1, "corrupt");
    fs::remove_file(&file).unwrap();
    fs::write(
        lab.path("target/BK_app/app_2026-01-01T000000Z.tar.gz"),
        &good,
    )
    .unwrap();
    lab.app_backup(&["--restore-test", "app"]).is(1, "stale");
    assert!(crate::lab::names(&lab.path("tmp")).is_empty());
}

#[test]
fn an_archive_of_the_future_is_told_and_is_not_the_previous_one() {
    let lab = Lab::new();
    lab.bash(
        "mkdir target/BK_app; head -c 9000 /dev/zero >target/BK_app/app_2099-01-01T000000Z.tar.gz",
    );
    lab.site(&json!({"max_age_s": 3600}), &json!({}));
    let answer = lab.app_backup(&["app"]);
    let record = answer.good();
    assert_eq!(record["previous_size"], json!(null));
    let warning = record["warnings"][0].as_str().unwrap();
    assert!(warning.starts_with("future: app_2099"), "{record}");
    lab.bash("cd target/BK_app; mv app_20[2-8]* app_2099-01-01T000000Z.tar.gz");
    lab.app_backup(&["--restore-test", "app"]).is(1, "future");
}

#[test]
fn what_is_not_there_is_not_restored() {
    let lab = Lab::new();
    lab.site(&json!({}), &json!({}));
    lab.app_backup(&["app"]).good();
    // A tar that says what it would unpack; one that unpacks a part; one that takes its folder away.
    for (what, script) in [
        (
            "none",
            r#"[ "$1" = --extract ] || exec /bin/tar "$@"; exec /bin/tar --list --file=-"#,
        ),
        (
            "a part",
            r#"/bin/tar "$@"; rm -f "$LAB"/tmp/app-restore-*/data/config.json "$LAB"/tmp/app-restore-*/config.json"#,
        ),
        (
            "no folder",
            r#"/bin/tar "$@"; rm -rf "$LAB"/tmp/app-restore-*"#,
        ),
    ] {
        let script = format!("#!/bin/sh\nLAB={}\n{script}\n", lab.path("").display());
        lab.shim("tar", &script);
        let answer = lab.app_backup(&["--restore-test", "app"]);
        assert_eq!(answer.code, Some(1), "{what}: {:?}", answer.records);
        let code = answer.records[0]["error"]["code"].as_str().unwrap();
        assert!(["unreadable", "no-stage"].contains(&code), "{what}: {code}");
    }
}

#[test]
fn what_is_restored_for_a_test_is_not_for_others() {
    let lab = Lab::new();
    lab.bash("chmod 755 data; chmod 644 data/config.json");
    let verify = r#"[ "$(stat -c %a ..)" = 700 ] && [ "$PWD" = "$PVX_RESTORED" ] && [ -s config.json ] && stat -c %a . >"$HOME/mode""#;
    lab.site(&json!({"verify": verify}), &json!({}));
    lab.app_backup(&["app"]).good();
    lab.app_backup(&["--restore-test", "app"]).good();
    assert_eq!(lab.bash("cat home/mode"), "755");
    assert!(crate::lab::names(&lab.path("tmp")).is_empty());
}
