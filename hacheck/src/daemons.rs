//! The keepalived daemons of this host, and what they dump of themselves for root.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use nix::{
    fcntl::OFlag,
    time::{ClockId, clock_gettime},
    unistd::Uid,
};
use vmid::exit::reason;

use crate::{
    evidence::{Instance, Unseen},
    keepalived,
};

/// How long keepalived may take to write its dump; it took 3 ms in the lab.
const PATIENCE: Duration = Duration::from_secs(1);
/// Longest dump that is read, in bytes: an instance needs about 1,500.
const LONGEST: u64 = 16 << 20;

/// A dump that could not be had.
enum Lost {
    /// There is none: how keepalived was built, or that this host forbids it.
    Never(String),
    /// None came in time.
    Late(String),
    /// It came, and is of a form that is not known.
    Strange(String),
}

impl Lost {
    fn told(self, pid: &str) -> Unseen {
        let (errno, message) = match self {
            Self::Never(message) => ("", message),
            Self::Late(why) => {
                let seconds = PATIENCE.as_secs();
                (
                    "ETIMEDOUT",
                    format!("no new dump within {seconds} s: {why}"),
                )
            }
            Self::Strange(why) => ("EBADMSG", format!("its dump is not understood: {why}")),
        };
        Unseen {
            what: "keepalived".to_owned(),
            errno: errno.to_owned(),
            message: format!("process {pid}: {message}"),
        }
    }
}

/// What the daemons of this network namespace dump, none if none runs or none of them dumps; and why
/// one doesn't, which costs only what that one would have said.
#[must_use]
pub fn instances() -> (Option<Vec<Instance>>, Vec<Unseen>) {
    let daemons = running();
    if daemons.is_empty() {
        return (None, Vec::new());
    }
    if !Uid::effective().is_root() {
        let unseen = Unseen {
            what: "keepalived".to_owned(),
            errno: "EPERM".to_owned(),
            message: "its dump needs root".to_owned(),
        };
        return (None, vec![unseen]);
    }
    let (mut instances, mut errors) = (None, Vec::new());
    for pid in daemons {
        match dump(&pid) {
            Ok(dumped) => instances.get_or_insert_with(Vec::new).extend(dumped),
            Err(lost) => errors.push(lost.told(&pid)),
        }
    }
    (instances, errors)
}

/// The main processes of keepalived, which hand the signal on to their children. Those in
/// another network namespace are another host's, as far as the network is concerned.
#[must_use]
pub fn running() -> Vec<String> {
    let own = fs::read_link("/proc/self/ns/net").ok();
    let here = |pid: &str| match fs::read_link(format!("/proc/{pid}/ns/net")) {
        Ok(other) => Some(other) == own,
        // Nobody but root may look, and then it isn't signalled either.
        Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
    };
    let is_daemon = |pid: &str| status(pid).is_some_and(|text| is_keepalived(&text));
    let parent = |pid: &str| {
        let text = status(pid)?;
        field(&text, "PPid:").map(str::to_owned)
    };
    processes()
        .filter(|pid| is_daemon(pid) && here(pid) && !parent(pid).is_some_and(|up| is_daemon(&up)))
        .collect()
}

/// Whether one of its processes here is stopped by a signal; none if others' can't be told from ours.
#[must_use]
pub fn stopped() -> Option<bool> {
    let own = fs::read_link("/proc/self/ns/net").ok()?;
    let mut known = None;
    for pid in processes() {
        if fs::read_link(format!("/proc/{pid}/ns/net")).ok().as_ref() != Some(&own) {
            continue;
        }
        let text = status(&pid).unwrap_or_default();
        if is_keepalived(&text) {
            let stopped = matches!(state(&text), Some('T' | 't'));
            known = Some(known.unwrap_or(false) || stopped);
        }
    }
    known
}

/// `/proc/PID/status` is of keepalived: root's, since anybody may call a process of his so. A zombie
/// keeps its name, but has no namespace, root or signal handler left.
fn is_keepalived(status: &str) -> bool {
    let effective = field(status, "Uid:").and_then(|uids| uids.split_whitespace().nth(1));
    let named = field(status, "Name:") == Some("keepalived");
    named && effective == Some("0") && state(status) != Some('Z')
}

fn state(status: &str) -> Option<char> {
    field(status, "State:")?.chars().next()
}

fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim())
}

fn status(pid: &str) -> Option<String> {
    fs::read_to_string(format!("/proc/{pid}/status")).ok()
}

/// The numbers of all processes.
fn processes() -> impl Iterator<Item = String> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let names = all.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Makes keepalived dump its state and reads it, when it is whole and newer than the signal.
fn dump(pid: &str) -> Result<Vec<Instance>, Lost> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))
        .map_err(|error| Lost::Never(reason(&error)))?;
    let without = || Lost::Never("it has no JSON dump (built without --enable-json)".to_owned());
    let signal = keepalived::dump_signal(&status).ok_or_else(without)?;
    let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let folders = match keepalived::dump_folder(&environ) {
        "/tmp" => vec!["/tmp"],
        other => vec![other, "/tmp"],
    };
    // Its own /tmp: a unit with PrivateTmp has another than this process.
    let paths = folders
        .iter()
        .map(|folder| format!("/proc/{pid}/root{folder}/keepalived.json"));
    let paths: Vec<String> = paths.collect();
    // The clock of file times, which lags behind the exact one by a tick.
    let asked = clock_gettime(ClockId::CLOCK_REALTIME_COARSE);
    let asked = asked.map_err(|errno| Lost::Never(errno.desc().to_lowercase()))?;
    signal_it(pid, signal)?;
    let until = Instant::now() + PATIENCE;
    loop {
        let mut why = String::new();
        let mut strange = None;
        for path in &paths {
            match read(path, (asked.tv_sec(), asked.tv_nsec())) {
                Ok(text) => match keepalived::parse(&text) {
                    Ok(instances) => return Ok(instances),
                    Err(error) => strange = Some(error),
                },
                Err(error) => why = error,
            }
        }
        if Instant::now() > until {
            // It is written in place, so only what stays strange is so.
            return Err(match strange {
                Some(error) => Lost::Strange(error),
                None => Lost::Late(why),
            });
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// A real-time signal, which no crate can send safely; every shell can.
fn signal_it(pid: &str, signal: u32) -> Result<(), Lost> {
    let sent = Command::new("/bin/sh")
        .args(["-c", r#"kill -"$1" "$2""#, "sh"])
        .args([signal.to_string(), pid.to_owned()])
        .output();
    let sent = sent.map_err(|error| Lost::Never(format!("/bin/sh: {}", reason(&error))))?;
    if sent.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&sent.stderr);
    Err(Lost::Never(said.trim().to_owned()))
}

/// The dump, if root wrote it after `asked` (seconds and nanoseconds): others may write to
/// /tmp, too, and keepalived leaves its old dumps there.
fn read(path: &str, asked: (i64, i64)) -> Result<String, String> {
    let mut options = File::options();
    let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
    let opened = options.read(true).custom_flags(flags).open(path);
    let file = opened.map_err(|error| reason(&error))?;
    let about = file.metadata().map_err(|error| reason(&error))?;
    if !about.is_file() || about.uid() != 0 {
        return Err("it is not root's".to_owned());
    }
    if (about.mtime(), about.mtime_nsec()) < asked {
        return Err("the dump that is there is older".to_owned());
    }
    let mut text = String::new();
    let whole = file.take(LONGEST).read_to_string(&mut text);
    whole.map(|_| text).map_err(|error| reason(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_roots_is_keepalived() {
        let status = |name: &str, state: &str, uids: &str| {
            format!(
                "Name:\t{name}\nUmask:\t0022\nState:\t{state}\nPPid:\t1\nUid:\t{uids}\nGid:\t0\n"
            )
        };
        #[rustfmt::skip]
        let cases = [
            ("the daemon",        status("keepalived", "S (sleeping)", "0\t0\t0\t0"), true),
            ("stopped",           status("keepalived", "T (stopped)", "0\t0\t0\t0"), true),
            ("anybody's",         status("keepalived", "S (sleeping)", "65534\t65534\t65534\t65534"), false),
            ("set-uid by others", status("keepalived", "S (sleeping)", "0\t1000\t0\t0"), false),
            ("a zombie",          status("keepalived", "Z (zombie)", "0\t0\t0\t0"), false),
            ("another",           status("keepalived2", "S (sleeping)", "0\t0\t0\t0"), false),
            ("gone",              String::new(), false),
        ];
        for (name, text, want) in cases {
            assert_eq!(is_keepalived(&text), want, "{name}");
        }
        assert_eq!(state(&status("keepalived", "T (stopped)", "0")), Some('T'));
    }
}
