//! An application on another host: a real sshd on a port of its own, with keys of its own.

use std::{
    fs,
    net::TcpListener,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use serde_json::json;

use crate::lab::{Lab, have, not_run};

/// sshd for this lab; `ssh` of the lab's path goes there, whatever the host is called.
pub struct Sshd {
    child: Child,
}

impl Sshd {
    /// None where there is no sshd; then it was said.
    pub fn start(lab: &Lab, test: &str) -> Option<Self> {
        if !have(test, &["sshd", "ssh", "ssh-keygen"]) {
            return None;
        }
        // It is free a moment before sshd takes it.
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let folder = lab.path("ssh");
        let at = folder.display();
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("sshd_config"), format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {at}/host\nAuthorizedKeysFile {at}/id.pub\nStrictModes no\nUsePAM no\nPidFile none\nSubsystem sftp internal-sftp\n"
        )).unwrap();
        fs::write(folder.join("config"), format!(
            "Host *\n HostName 127.0.0.1\n Port {port}\n IdentityFile {at}/id\n UserKnownHostsFile {at}/known\n StrictHostKeyChecking accept-new\n"
        )).unwrap();
        lab.bash("cd ssh; for key in host id; do ssh-keygen -q -t ed25519 -N '' -f $key; done; mkdir -p /run/sshd");
        let script = format!("#!/bin/sh\nexec /usr/bin/ssh -F {at}/config \"$@\"\n");
        lab.shim("ssh", &script);
        let child = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f"])
            .arg(folder.join("sshd_config"))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let sshd = Self { child };
        for _ in 0..50 {
            let answer = lab
                .command("ssh")
                .args(["-o", "BatchMode=yes", "far", "true"])
                .output();
            if answer.unwrap().status.success() {
                return Some(sshd);
            }
            thread::sleep(Duration::from_millis(100));
        }
        not_run(test, "sshd takes no connection");
        None
    }

    /// The processes of its sessions.
    pub fn sessions(&self) -> String {
        let own = self.child.id().to_string();
        let script =
            "a=$(ps -o pid= --ppid $1); for p in $a; do echo $p; ps -o pid= --ppid $p; done";
        let output = Command::new("bash")
            .args(["-c", script, "sessions", &own])
            .output();
        String::from_utf8(output.unwrap().stdout)
            .unwrap()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn an_application_on_another_host() {
    let lab = Lab::new();
    let Some(sshd) = Sshd::start(&lab, "an_application_on_another_host") else {
        return;
    };
    let (before, after) = lab.switch();
    lab.bash(r"sqlite3 data/db 'create table t(x)'; touch data/$'new\nline'");
    lab.site(&json!({"before": format!("{before}; printf dump >\"$PVX_STAGE/dump\""), "after": after, "exclude": ["config.json"]}), &json!({}));
    let answer = lab.app_backup(&["--via", "root@far", "app"]);
    let record = answer.good();
    assert_eq!((&record["sqlite"], lab.runs()), (&json!(["db"]), true));
    let folder = lab.unpack(&lab.archives().pop().unwrap());
    assert_eq!(crate::lab::names(&folder), ["db", "dump", "new\nline"]);
    assert_eq!(fs::read_to_string(lab.path("log")).unwrap(), "ba");
    assert_eq!(
        lab.bash("ls -d /var/tmp/app-backup-app-* 2>/dev/null | wc -l"),
        "0"
    );

    // The site's host is this one: no ssh.
    let own = lab.bash("hostname");
    lab.site(&json!({"host": own}), &json!({}));
    lab.bash("mv bin/ssh bin/no-ssh");
    lab.app_backup(&["app"]).good();
    lab.bash("mv bin/no-ssh bin/ssh");

    // The connection breaks while the application is stopped there.
    let cut = format!("{}; touch begun; sleep 2", lab.switch().0);
    lab.site(
        &json!({"host": "far", "before": cut, "after": lab.switch().1}),
        &json!({}),
    );
    let run = lab.begin(&["app"]);
    lab.bash("until [ -e data/begun ]; do sleep 0.1; done");
    lab.bash(&format!("kill -9 {}", sshd.sessions()));
    let answer = crate::lab::Answer::of(&run.wait_with_output().unwrap());
    answer.is(3, "unreachable");
    let archives = lab.archives().len();
    lab.app_backup(&["app"]).good();
    assert!(lab.runs() && lab.archives().len() == archives + 1);

    // The run is killed here, and its copy goes on there: `after` is not run under it, nor a second one begun.
    let (before, after) = lab.switch();
    // It goes on for half a minute, if it is not told to end.
    let slow = format!(
        "{before}; touch slow; n=0; until [ -e ../go ] || [ $((n += 1)) = 300 ]; do sleep 0.1; done"
    );
    lab.site(
        &json!({"host": "far", "before": slow, "after": after}),
        &json!({}),
    );
    lab.bash("setsid -f bash -c 'echo $$ >pid; exec app-backup app >/dev/null 2>&1'; until [ -e data/slow ]; do sleep 0.1; done");
    lab.bash("kill -9 $(ps -o pid= -s $(cat pid))");
    lab.app_backup(&["app"]).is(1, "busy");
    assert!(!lab.runs(), "its copy still needs it stopped");
    lab.bash("touch go; until [ -e running ]; do sleep 0.1; done");
    lab.app_backup(&["app"]).good();

    drop(sshd);
    lab.app_backup(&["app"]).is(3, "unreachable");
    assert_eq!(crate::lab::names(&lab.path("state")), ["app.lock"]);
}
