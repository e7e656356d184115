//! What is in an archive, what the record says of it, and what the call refuses.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use serde_json::json;

use crate::lab::{Answer, Lab, have, names, not_run};

#[test]
fn every_name_and_the_dump_are_in_it_and_what_is_excluded_is_not() {
    let lab = Lab::new();
    lab.bash(
        r"cd data; mkdir -p icon_cache/a 'with space' -- -rf; touch icon_cache/a/x old.log 'with space/b.log'
        printf 1 >$'new\nline'; printf 2 >./-dash; printf 3 >$'\xff'; printf 4 >'*'; ln -s /etc/passwd link; printf 5 >-rf/--checkpoint=1
        chmod 4711 ./-dash; mkfifo pipe",
    );
    lab.site(
        &json!({"before": r#"printf dumped >"$PVX_STAGE/db.dump""#, "exclude": ["icon_cache", "*.log"]}),
        &json!({}),
    );
    let answer = lab.app_backup(&["app"]);
    let record = answer.good();
    assert_eq!(record["service"], "app");
    assert_eq!(record["previous_size"], json!(null));
    assert_eq!(record["changed"], true);
    assert_eq!(record["warnings"], json!([]), "{record}");
    let name = lab.archives().pop().unwrap();
    assert_eq!(
        record["file"],
        lab.path("target/BK_app").join(&name).to_str().unwrap()
    );
    let folder = lab.unpack(&name);
    fs::remove_file(lab.path("data/old.log")).unwrap();
    lab.bash("rm -r data/icon_cache data/'with space'/b.log; printf dumped >data/db.dump");
    let same = lab.bash(&format!("rm data/pipe {0}/pipe; diff -r --no-dereference data {0} && echo same; stat -c %a {0}/-dash; sha256sum {1} | cut -d ' ' -f 1",
        folder.display(), record["file"].as_str().unwrap()));
    assert_eq!(
        same,
        format!("same\n4711\n{}", record["sha256"].as_str().unwrap())
    );
    let members = lab.bash(&format!(
        "tar -tf {} | wc -l",
        record["file"].as_str().unwrap()
    ));
    assert_eq!(record["count"].to_string(), members);
    let mode = fs::metadata(record["file"].as_str().unwrap())
        .unwrap()
        .permissions();
    assert_eq!(mode.mode() & 0o777, 0o600, "it has secrets in it");
    assert!(
        names(&lab.path("tmp")).is_empty(),
        "{:?}",
        names(&lab.path("tmp"))
    );
}

#[test]
fn a_hundred_thousand_files() {
    let lab = Lab::new();
    lab.bash("cd data; seq 100000 | split -l 1 -a 5 - f");
    lab.site(&json!({"compression": "zstd"}), &json!({}));
    if !have("a_hundred_thousand_files", &["zstd"]) {
        return;
    }
    let answer = lab.app_backup(&["--all"]);
    assert_eq!(answer.good()["count"], 100_002);
    assert!(lab.archives()[0].ends_with(".tar.zst"));
}

#[test]
fn older_ones_go_after_a_success_and_those_of_others_stay() {
    let lab = Lab::new();
    let old = |service: &str| {
        let folder = lab.path(&format!("target/BK_{service}"));
        fs::create_dir_all(&folder).unwrap();
        for day in 1..=4 {
            let name = format!("{service}_2026-11-0{day}T020000Z.tar.gz");
            fs::write(folder.join(name), vec![b'x'; 4000]).unwrap();
        }
    };
    old("app");
    old("other");
    lab.bash("head -c 6000 /dev/urandom >data/x");
    lab.site(
        &json!({"keep": "--keep-last 2", "before": "exit 7"}),
        &json!({}),
    );
    lab.app_backup(&["app"]).is(1, "before");
    assert_eq!(
        lab.files().len(),
        4,
        "nothing goes before there is a new one"
    );
    lab.site(&json!({"keep": "--keep-last 2"}), &json!({}));
    let answer = lab.app_backup(&["app"]);
    let record = answer.good();
    assert_eq!(
        [
            &record["kept"],
            &record["removed"],
            &record["previous_size"]
        ],
        [2, 3, 4000]
    );
    assert_eq!(lab.files().len(), 2);
    assert_eq!(lab.files()[0], "app_2026-11-04T020000Z.tar.gz");
    assert_eq!(names(&lab.path("target/BK_other")).len(), 4);
    assert_eq!(record["warnings"], json!([]));
    // One that has lost most of what the others have takes none of them with it.
    for day in 5..=7 {
        let name = format!("target/BK_app/app_2026-11-0{day}T020000Z.tar.gz");
        fs::write(lab.path(&name), vec![b'x'; 20_000]).unwrap();
    }
    let files = lab.files();
    let answer = lab.app_backup(&["app"]);
    let record = answer.good();
    assert_eq!([&record["kept"], &record["removed"]], [6, 0]);
    assert_eq!(lab.files()[..5], files);
    for (at, what) in [(0, "shrunk: "), (1, "not-pruned: shrunk")] {
        let warning = record["warnings"][at].as_str().unwrap();
        assert!(warning.starts_with(what), "{record}");
    }
    for day in 8..=9 {
        let name = format!("target/BK_app/app_2026-11-0{day}T020000Z.tar.gz");
        fs::write(lab.path(&name), vec![b'x'; 20_000]).unwrap();
    }
    let strict = lab.app_backup(&["--strict", "app"]);
    assert_eq!(strict.code, Some(1), "a warning is a failure");
    assert!(
        strict.records[0]["error"].is_null() && strict.said.contains("app: shrunk: "),
        "{strict:?}"
    );
}

#[test]
fn what_stops_a_service() {
    let lab = Lab::new();
    let (before, after) = lab.switch();
    let gone = lab.path("gone");
    #[rustfmt::skip]
    let cases = [
        ("before fails",  json!({"before": format!("{before}; echo no such unit >&2; exit 3"), "after": after}), "before", "before: exit code 3: no such unit", "ba"),
        ("no folder",     json!({"path": gone, "before": before, "after": after}), "no-path", "no folder that can be entered", ""),
        ("after fails",   json!({"before": before, "after": format!("{after}; exit 5")}), "after", "after: exit code 5", "ba"),
    ];
    for (name, app, code, why, log) in cases {
        fs::write(lab.path("log"), "").unwrap();
        lab.site(&app, &json!({}));
        let answer = lab.app_backup(&["app"]);
        answer.is(1, code);
        assert!(answer.said.contains(why), "{name}: {}", answer.said);
        assert_eq!(fs::read_to_string(lab.path("log")).unwrap(), log, "{name}");
        assert!(lab.runs(), "{name}");
    }
}

#[test]
fn a_folder_without_a_file_is_no_backup() {
    let lab = Lab::new();
    lab.app_backup(&["app"]).good();
    let files = lab.files();
    lab.bash("rm data/config.json; mkdir -p data/a/b; touch data/a/x.log");
    lab.site(
        &json!({"exclude": ["*.log"], "keep": "--keep-last 1"}),
        &json!({}),
    );
    lab.app_backup(&["app"]).is(1, "no-files");
    assert_eq!(lab.files(), files);
    // A dump is something.
    lab.site(
        &json!({"exclude": ["*.log"], "before": "echo 1 >$PVX_STAGE/dump"}),
        &json!({}),
    );
    lab.app_backup(&["app"]).good();
}

#[test]
fn what_would_be_owed_is_written_down_or_nothing_is_stopped() {
    let lab = Lab::new();
    let (before, after) = lab.switch();
    lab.site(&json!({"before": before, "after": after}), &json!({}));
    fs::create_dir(lab.path("state/app.owed.new")).unwrap();
    lab.app_backup(&["app"]).is(3, "no-state");
    fs::remove_dir(lab.path("state/app.owed.new")).unwrap();
    // A disk that was full when a note was written.
    for note in ["", "{", "[]"] {
        fs::write(lab.path("state/app.owed"), note).unwrap();
        let answer = lab.app_backup(&["app"]);
        answer.is(1, "owed");
        assert!(answer.said.contains("app.owed"), "{}", answer.said);
    }
    assert!(lab.runs() && lab.files().is_empty() && !lab.path("log").exists());
    fs::remove_file(lab.path("state/app.owed")).unwrap();
    lab.app_backup(&["app"]).good();
}

/// The note of a service that isn't in the site any more: only a run that is going on has a right to one.
#[test]
fn what_a_service_owes_that_is_no_longer_in_the_site() {
    let lab = Lab::new();
    fs::write(lab.path("state/gone.owed"), "{}").unwrap();
    for words in [["--all"].as_slice(), &["--settle", "--all"]] {
        let answer = lab.app_backup(words);
        assert_eq!(answer.records[0]["service"], "gone", "{words:?}");
        assert_eq!(answer.records[0]["error"]["code"], "owed", "{words:?}");
        assert_eq!(answer.code, Some(1), "{words:?}");
        assert!(answer.said.contains("gone.owed"), "{}", answer.said);
    }
    lab.app_backup(&["app"]).good();
    let held = lab.bash("flock state/gone.lock app-backup --all");
    assert!(
        held.contains(r#""service":"app""#) && !held.contains("gone"),
        "{held}"
    );
}

/// A command of the application's that doesn't end is ended.
#[test]
fn a_command_that_does_not_end() {
    let lab = Lab::new();
    let (before, after) = lab.switch();
    let stuck = json!({"before": format!("{before}; sleep 600"), "after": after, "timeout_s": 1});
    lab.site(&stuck, &json!({}));
    let answer = lab.app_backup(&["app"]);
    answer.is(1, "before");
    assert!(
        answer.said.contains("did not end within 1 s (timeout_s)") && lab.runs(),
        "{}",
        answer.said
    );
    lab.site(&json!({"after": "sleep 600", "timeout_s": 1}), &json!({}));
    lab.app_backup(&["app"]).is(1, "after");
    lab.site(&json!({"verify": "sleep 600", "timeout_s": 1}), &json!({}));
    lab.app_backup(&["--restore-test", "app"]).is(1, "verify");
}

#[test]
fn a_host_without_a_domain() {
    let lab = Lab::new();
    lab.shim(
        "hostname",
        "#!/bin/sh\n[ $# = 0 ] && echo me || { echo none >&2; exit 1; }\n",
    );
    lab.site(&json!({"host": "me"}), &json!({}));
    lab.app_backup(&["app"]).good();
}

#[test]
fn one_run_of_a_service_at_a_time_and_no_daemon_keeps_the_lock() {
    let lab = Lab::new();
    lab.site(&json!({"before": "touch begun; until [ -e on ]; do sleep 0.1; done", "after": "sleep 300 & echo $! >daemon"}), &json!({}));
    let first = lab.begin(&["app"]);
    lab.bash("until [ -e data/begun ]; do sleep 0.1; done");
    lab.app_backup(&["app"]).is(1, "busy");
    fs::write(lab.path("data/on"), "").unwrap();
    Answer::of(&first.wait_with_output().unwrap()).good();
    let second = lab.bash("kill -0 $(cat data/daemon); cat data/daemon; rm data/begun");
    lab.app_backup(&["app"]).good();
    lab.bash(&format!("kill {second} $(cat data/daemon)"));
}

#[test]
fn a_site_that_others_may_write_to_is_refused() {
    let lab = Lab::new();
    for (what, mode, back) in [
        ("site.json", 0o664, 0o600),
        ("site.json", 0o602, 0o600),
        (".", 0o770, 0o700),
        (".", 0o707, 0o700),
    ] {
        let set =
            |mode| fs::set_permissions(lab.path(what), fs::Permissions::from_mode(mode)).unwrap();
        set(mode);
        let answer = lab.app_backup(&["app"]);
        assert_eq!(answer.code, Some(2), "{what} {mode:o}");
        assert!(
            answer.said.contains("may be written to by others"),
            "{}",
            answer.said
        );
        set(back);
    }
    lab.app_backup(&["app"]).good();
    if lab.bash("id -u") != "0" {
        not_run("a_site_that_others_own_is_refused", "not root");
        return;
    }
    // Who owns a folder of its way, or of a link's, puts another in its place.
    lab.bash("mkdir -p a/b; cp site.json a/b; mkdir links; ln -s ../a/b/site.json links/site.json");
    for what in ["a/b/site.json", "a/b", "a", "links", "links/site.json"] {
        lab.bash(&format!("chown -h nobody {what}"));
        let answer = lab.app_backup(&["--site", "links/site.json", "app"]);
        assert_eq!(answer.code, Some(2), "{what}");
        let said = format!("{} belongs to nobody", lab.path(what).display());
        assert!(answer.said.contains(&said), "{what}: {}", answer.said);
        lab.bash(&format!("chown -h root {what}"));
    }
    lab.app_backup(&["--site", "links/site.json", "app"]).good();
}

#[test]
fn calls() {
    let lab = Lab::new();
    for (words, said) in [
        (&["ap"][..], "ap is not in its apps; near: app"),
        (&[], "no service is named: NAME... or --all"),
        (&["--all", "app"], "--all and a name, app: which?"),
        (&["app", "app"], "a service is named twice"),
        (
            &["--via", "-oProxyCommand=x", "app"],
            "'-oProxyCommand=x' is no host for ssh",
        ),
        (&["--restore", "app"], "unknown option --restore"),
    ] {
        let answer = lab.app_backup(words);
        assert_eq!(answer.code, Some(2), "{words:?}");
        assert!(answer.said.contains(said), "{words:?}: {}", answer.said);
    }
    let answer = lab.app_backup(&["-n", "--all"]);
    assert_eq!(
        (answer.good()["changed"].clone(), lab.files().len()),
        (json!(false), 0)
    );
    // A link in the place of the service's folder would lead to another's backups.
    Command::new("ln")
        .args(["-s", "data"])
        .arg(lab.path("target/BK_app"))
        .current_dir(lab.path("target"))
        .status()
        .unwrap();
    lab.app_backup(&["app"]).is(3, "target-write");
}
