//! Targets that are no share, are full, hang, or go away.

use std::fs;

use serde_json::json;

use crate::{
    far::Sshd,
    lab::{Answer, Lab, have, names, not_run},
};

#[test]
fn a_target_that_is_not_the_share_is_not_written_to() {
    let lab = Lab::new();
    let (before, after) = lab.switch();
    let app = json!({"before": before, "after": after});
    let refused = |said: &str| {
        let answer = lab.app_backup(&["app"]);
        answer.is(3, "target-absent");
        assert!(answer.said.contains(said), "{}", answer.said);
        assert!(lab.files().is_empty() && lab.runs() && !lab.path("log").exists());
    };
    lab.site(&app, &json!({"path": lab.path("nowhere")}));
    refused("No such file or directory");
    lab.site(&app, &json!({"mount": true, "path": "/"}));
    refused("no file .pvx-target is in it");
    lab.site(&app, &json!({}));
    fs::write(lab.path("target/.pvx-target"), "another\n").unwrap();
    refused("does not have the site's name lab as a line");
    fs::remove_file(lab.path("target/.pvx-target")).unwrap();
    refused(&format!(
        "once: echo lab >{}/.pvx-target",
        lab.path("target").display()
    ));
    if lab.bash("stat -c %m target") == "/" {
        fs::write(lab.path("target/.pvx-target"), "lab\n").unwrap();
        lab.site(&app, &json!({"mount": true}));
        refused("is on the file system of /");
    }
}

#[test]
fn a_full_disk() {
    if !have("a_full_disk", &["mkfs.ext4", "losetup", "mount"]) {
        return;
    }
    let lab = Lab::new();
    let (before, after) = lab.switch();
    let mounted = lab.bash(
        "truncate -s 8M disk; mkfs.ext4 -q disk; mount -o loop disk target && echo yes || true",
    );
    if mounted != "yes" {
        not_run("a_full_disk", "no loop device can be mounted");
        return;
    }
    lab.bash("echo lab >target/.pvx-target; head -c 1M /dev/urandom >data/x");
    lab.site(
        &json!({"before": before, "after": after, "keep": "--keep-last 1"}),
        &json!({}),
    );
    lab.app_backup(&["app"]).good();
    let kept = lab.files();
    lab.bash("head -c 16M /dev/urandom >data/y");
    lab.app_backup(&["app"]).is(3, "target-full");
    assert_eq!(
        (lab.files(), lab.runs()),
        (kept.clone(), true),
        "the old one stays, and no .part"
    );
    // Not even begun where twice the last one doesn't fit.
    lab.bash(
        "rm data/y; head -c 5M /dev/zero >target/other || true; log=$(cat log); echo $log >before",
    );
    lab.app_backup(&["app"]).is(3, "no-space");
    assert_eq!(lab.files(), kept);
    assert_eq!(
        lab.bash("cat log"),
        lab.bash("cat before"),
        "it was not stopped for that"
    );
}

#[test]
fn a_share_that_hangs_or_goes_away() {
    let test = "a_share_that_hangs_or_goes_away";
    if !have(test, &["sshfs", "fusermount3"]) {
        return;
    }
    let lab = Lab::new();
    let Some(sshd) = Sshd::start(&lab, test) else {
        return;
    };
    lab.bash("mv target share; mkdir target share/BK_app");
    let mount = "sshfs -o ssh_command=$PWD/bin/ssh far:$PWD/share $PWD/target </dev/null >/dev/null 2>&1 && echo yes || true";
    if lab.bash(mount) != "yes" {
        not_run(test, "no FUSE mount can be had");
        return;
    }
    let (before, after) = lab.switch();
    let app = json!({"before": before, "after": after});
    lab.site(&app, &json!({"mount": true, "timeout_s": 2}));
    lab.app_backup(&["app"]).good();
    let share = || names(&lab.path("share/BK_app"));
    let good = share();

    let sessions = sshd.sessions();
    lab.bash(&format!("kill -STOP {sessions}; rm log"));
    lab.app_backup(&["app"]).is(3, "target-hung");
    assert!(
        lab.runs() && !lab.path("log").exists(),
        "it was not stopped for that"
    );
    lab.bash(&format!(
        "kill -CONT {sessions}; stat target/.pvx-target; head -c 200M /dev/urandom >data/big"
    ));

    // It begins to hang while the archive is written.
    let run = lab.begin(&["app"]);
    lab.bash("until [ -s share/BK_app/*.part ]; do sleep 0.1; done 2>/dev/null");
    lab.bash(&format!("kill -STOP {sessions}"));
    let answer = Answer::of(&run.wait_with_output().unwrap());
    assert!(lab.runs(), "{}", answer.said);
    lab.bash(&format!("kill -CONT {sessions}"));
    answer.is(3, "target-hung");
    lab.bash("rm data/big");

    // Its server dies: below the mount there is a folder, and nothing of the share.
    lab.bash(&format!("kill -9 {sessions}; until ! mountpoint -q target; do fusermount3 -uz target 2>/dev/null || true; sleep 0.1; done"));
    lab.app_backup(&["app"]).is(3, "target-absent");
    assert!(names(&lab.path("target")).is_empty());
    let whole: Vec<String> = share()
        .into_iter()
        .filter(|name| !name.ends_with(".part"))
        .collect();
    assert_eq!(whole, good);
}
