//! What the log of a task tells of its end. Pure.
//!
//! The exit status of a migration says that it was aborted and no more; the reason is in a line of
//! its log. Where that line is a pipe of commands (`PVE::Storage::storage_migrate`), which may have
//! 600 characters, what the commands said themselves stands before it.

use super::{leftover, seen::End};

/// The longest command that is shown whole, in characters.
const SHORT: usize = 60;

/// How a task ended: its exit status, and the log, which alone has the reason.
#[must_use]
pub fn end(exit: &str, log: &[String]) -> End {
    let exit = exit.trim();
    let has = |text: &str| log.iter().any(|line| line.contains(text));
    End {
        ok: exit == "OK" || exit.starts_with("WARNINGS"),
        // The log tells of the copy only after it has stopped.
        told_to_stop: has("shutdown CT") && !has("starting migration of CT"),
        reason: reason(exit, log),
        begun: leftover::begun(log),
    }
}

/// Whether by its log the migration of a container to `to` has come to the copy: the container is
/// down, and its volumes are on their way (`PVE::LXC::Migrate::phase1`).
#[must_use]
pub fn copies(log: &[String], vmid: u32, to: &str) -> bool {
    let begins = format!("starting migration of CT {vmid} to node '{to}'");
    log.iter().any(|line| line.contains(&begins))
}

fn reason(exit: &str, log: &[String]) -> String {
    if let Some(words) = words_of_ha(log) {
        return words;
    }
    let volume = log
        .iter()
        .find_map(|line| line.find("can't migrate local ").map(|at| &line[at..]));
    let mut errors = log.iter().filter_map(|line| error(line));
    let said = volume.or_else(|| errors.next_back()).unwrap_or(exit).trim();
    let mut reason = shortened(said, log);
    if reason.contains("/etc/pve/") && reason.contains("Permission denied") {
        reason += " (/etc/pve is read-only without quorum)";
    }
    if reason.contains(exit) {
        reason
    } else {
        format!("{exit}: {reason}")
    }
}

/// What an `ERROR:` line says; none of those that only say that there was an error.
fn error(line: &str) -> Option<&str> {
    let at = line.find("ERROR: ")? + "ERROR: ".len();
    let text = &line[at..];
    let text = text
        .split_once("): ")
        .filter(|(head, _)| head.contains("(duration"))
        .map_or(text, |(_, why)| why);
    let bare = line.starts_with("TASK ")
        || text.starts_with("migration finished with problems")
        || text == "can't migrate VM - check log";
    (!bare).then_some(text)
}

/// Why the HA manager's command refuses a request (`PVE::CLI::ha_manager`).
fn words_of_ha(log: &[String]) -> Option<String> {
    let mut lines = log.iter();
    let head = lines.find(|line| line.starts_with("cannot migrate resource "))?;
    let why: Vec<&str> = lines.filter_map(|line| line.strip_prefix("- ")).collect();
    let head = head.trim_end_matches(':');
    Some(format!("{head}: {}", why.join("; ")))
}

/// A reason without the long command in it, and with what the command said.
fn shortened(said: &str, log: &[String]) -> String {
    let Some((head, command)) = said.split_once("command '") else {
        return said.to_owned();
    };
    let Some((command, code)) = command.rsplit_once("' failed: ") else {
        return said.to_owned();
    };
    let length = command.chars().count();
    if length <= SHORT {
        return said.to_owned();
    }
    let head = head.trim_end_matches([' ', '-']);
    match (head, telling(said, log)) {
        ("", Some(line)) => line.to_owned(),
        ("", None) => {
            let rest: String = command.chars().skip(length - SHORT).collect();
            format!("command '...{rest}' failed: {code}")
        }
        (head, Some(line)) => format!("{head}: {line}"),
        (head, None) => format!("{head}: {code}"),
    }
}

/// The line before the one that first says so that is no progress of the copy and no command:
/// what the command itself wrote. None if PVE's own steps come first.
fn telling<'a>(said: &str, log: &'a [String]) -> Option<&'a str> {
    const NOISE: [&str; 8] = [
        "command '",
        "# /",
        " copied, ",
        "records in",
        "records out",
        "Formatting '",
        "transferred ",
        "failed to connect to monitor socket",
    ];
    const STEPS: [&str; 10] = [
        "shutdown ",
        "starting ",
        "start ",
        "found local ",
        "using a bandwidth limit",
        "successfully imported",
        "volume '",
        "ignoring ",
        "file '",
        "copying local disk images",
    ];
    let at = log.iter().position(|line| line.contains(said))?;
    let before = log[..at].iter().rev().map(|line| unstamped(line).trim());
    let mut loud = before.filter(|line| {
        let noise = NOISE.iter().any(|noise| line.contains(noise));
        !line.is_empty() && !noise
    });
    loud.next()
        .filter(|line| !STEPS.iter().any(|step| line.starts_with(step)))
}

/// A line without its time (`2026-11-26 07:10:52 `).
fn unstamped(line: &str) -> &str {
    const STAMP: usize = "2026-11-26 07:10:52 ".len();
    let is_stamp = line.as_bytes().get(..STAMP).is_some_and(|stamp| {
        stamp[STAMP - 1] == b' '
            && stamp[4] == b'-'
            && stamp[13] == b':'
            && stamp[0].is_ascii_digit()
    });
    if is_stamp { &line[STAMP..] } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: &str = "2026-11-21 22:52:48 ";

    fn log(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| line.replace("x ", STAMP)).collect()
    }

    #[test]
    fn ends() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, &[&str], bool, bool, &str)] = &[
            ("fine",            "OK",                &["TASK OK"], true, false, "OK"),
            ("warnings",        "WARNINGS: 2",       &["TASK WARNINGS: 2"], true, false, "WARNINGS: 2"),
            ("a volume",        "migration aborted", &["x can't migrate local disk 'a:b': local cdrom image", "x ERROR: migration aborted (duration 00:00:01): can't migrate VM - check log", "TASK ERROR: migration aborted"], false, false, "migration aborted: can't migrate local disk 'a:b': local cdrom image"),
            ("did not stop",    "migration aborted", &["x shutdown CT 1", "x ERROR: migration aborted (duration 00:00:01): container did not stop", "TASK ERROR: migration aborted"], false, true, "migration aborted: container did not stop"),
            ("died at it",      "unexpected status", &["x shutdown CT 1"], false, true, "unexpected status"),
            ("stopped, copied", "migration aborted", &["x shutdown CT 1", "x starting migration of CT 1 to node 'b'", "x ERROR: migration aborted (duration 00:00:01): broken pipe"], false, false, "migration aborted: broken pipe"),
            ("start failed",    "migration problems", &["x start container on target node", "x ERROR: command pct start 1 failed: exit code 255", "migration problems"], false, false, "migration problems: command pct start 1 failed: exit code 255"),
            ("no log",          "unexpected status", &[], false, false, "unexpected status"),
            ("a start's own",   "hookscript error for 1 on pre-start: script 'local:snippets/h.pl' does not exist ", &["TASK ERROR: hookscript error for 1 on pre-start: script 'local:snippets/h.pl' does not exist"], false, false, "hookscript error for 1 on pre-start: script 'local:snippets/h.pl' does not exist"),
        ];
        for (name, exit, lines, ok, told, reason) in cases {
            let want = End {
                ok: *ok,
                told_to_stop: *told,
                reason: (*reason).to_owned(),
                begun: Vec::new(),
            };
            assert_eq!(end(exit, &log(lines)), want, "{name}");
        }
    }

    /// As Proxmox VE 9.2 and 8.4 wrote them.
    #[test]
    fn the_telling_line() {
        const PIPE: &str = "ERROR: storage migration for 'ldir:1503/vm-1503-disk-0.raw' to storage 'ldir' failed - command 'set -o pipefail && pvesm export ldir:1503/vm-1503-disk-0.raw raw+size - -with-snapshots 0 | /usr/bin/ssh root@198.18.77.13 -- pvesm import ldir:1503/vm-1503-disk-0.raw' failed: exit code 255";
        const AGAIN: &str = "x ERROR: migration aborted (duration 00:00:24): storage migration for 'ldir:1503/vm-1503-disk-0.raw' to storage 'ldir' failed - command 'set -o pipefail && pvesm export ldir:1503/vm-1503-disk-0.raw raw+size - -with-snapshots 0 | /usr/bin/ssh root@198.18.77.13 -- pvesm import ldir:1503/vm-1503-disk-0.raw' failed: exit code 255";
        const SSH: &str = "x ERROR: command '/usr/bin/ssh -e none -o 'BatchMode=yes' -o 'HostKeyAlias=pve2' -o 'GlobalKnownHostsFile=none' root@198.18.77.12 pct start 1500' failed: exit code 255";
        #[rustfmt::skip]
        let cases: &[(&str, &str, &[&str], &str)] = &[
            ("the target died", "migration aborted",
                &["x 194822144 bytes (195 MB, 186 MiB) copied, 12 s, 16.2 MB/s", "x Connection to 198.18.77.13 closed by remote host.", "x command 'dd 'if=/srv/x' 'bs=4k'' failed: got signal 13", PIPE, "x start final cleanup", AGAIN, "TASK ERROR: migration aborted"],
                "migration aborted: storage migration for 'ldir:1503/vm-1503-disk-0.raw' to storage 'ldir' failed: Connection to 198.18.77.13 closed by remote host."),
            ("nothing before it", "migration aborted",
                &["x Formatting '/srv/x', fmt=raw", "x 249344000 bytes (249 MB, 238 MiB) copied, 15 s, 16.6 MB/s", PIPE, AGAIN],
                "migration aborted: storage migration for 'ldir:1503/vm-1503-disk-0.raw' to storage 'ldir' failed: exit code 255"),
            ("the hookscript", "migration problems",
                &["x start container on target node", "x # /usr/bin/ssh pct start 1500", "x failed to connect to monitor socket: Connection refused", "x hookscript error for 1500 on pre-start: script 'local:snippets/hook.pl' does not exist", SSH, "x ERROR: migration finished with problems (duration 00:00:14)", "TASK ERROR: migration problems"],
                "migration problems: hookscript error for 1500 on pre-start: script 'local:snippets/hook.pl' does not exist"),
            ("the start alone", "migration problems",
                &["x start container on target node", SSH],
                "migration problems: command '...'GlobalKnownHostsFile=none' root@198.18.77.12 pct start 1500' failed: exit code 255"),
            ("the target is dead already", "migration aborted",
                &["x # /usr/bin/ssh root@198.18.77.13 /bin/true", "x ssh: connect to host 198.18.77.13 port 22: No route to host", "x ERROR: migration aborted (duration 00:00:03): Can't connect to destination address using public key"],
                "migration aborted: Can't connect to destination address using public key"),
            ("quorum lost", "migration aborted",
                &["x starting migration of CT 104 to node 'old2'", "x ERROR: unable to open file '/etc/pve/nodes/old1/lxc/104.conf.tmp.902' - Permission denied", "x ERROR: migration aborted (duration 00:00:26): unable to open file '/etc/pve/nodes/old1/lxc/104.conf.tmp.902' - Permission denied"],
                "migration aborted: unable to open file '/etc/pve/nodes/old1/lxc/104.conf.tmp.902' - Permission denied (/etc/pve is read-only without quorum)"),
            ("HA's own command", "command 'ha-manager migrate ct:302 pve2' failed: exit code 2",
                &["Requesting HA migration for CT 302 to node pve2", "cannot migrate resource 'ct:302' to node 'pve2':", "", "- resource 'ct:301' on target node 'pve2' in negative affinity with resource 'ct:302'", "TASK ERROR: command 'ha-manager migrate ct:302 pve2' failed: exit code 2"],
                "cannot migrate resource 'ct:302' to node 'pve2': resource 'ct:301' on target node 'pve2' in negative affinity with resource 'ct:302'"),
            ("a VM's mirror", "migration problems",
                &["x ERROR: online migrate failure - drive-scsi0: throttle node without file child node name!", "x ERROR: migration finished with problems (duration 00:00:05)"],
                "migration problems: online migrate failure - drive-scsi0: throttle node without file child node name!"),
        ];
        for (name, exit, lines, want) in cases {
            assert_eq!(end(exit, &log(lines)).reason, *want, "{name}");
        }
    }

    #[test]
    fn the_copy_has_begun() {
        #[rustfmt::skip]
        let cases: &[(&str, &[&str], bool)] = &[
            ("not yet",          &["x shutdown CT 100"], false),
            ("it has",           &["x shutdown CT 100", "x starting migration of CT 100 to node 'b' (192.0.2.1)"], true),
            ("another's",        &["x starting migration of CT 1000 to node 'b' (192.0.2.1)"], false),
            ("to another node",  &["x starting migration of CT 100 to node 'bb' (192.0.2.1)"], false),
            ("a VM's",           &["x starting migration of VM 100 to node 'b' (192.0.2.1)"], false),
            ("no log",           &[], false),
        ];
        for (name, lines, want) in cases {
            assert_eq!(copies(&log(lines), 100, "b"), *want, "{name}");
        }
    }
}
