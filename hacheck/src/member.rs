//! `hacheck member`: what the host it runs on knows of itself, without any privilege.
//!
//! Only as root it asks keepalived, too. Nothing is judged here: the facts of several
//! members prove together what none of them can know alone.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant, UNIX_EPOCH},
};

use nix::{
    errno::Errno,
    fcntl::OFlag,
    time::{ClockId, clock_gettime},
    unistd::{Uid, gethostname},
};
use vmid::{
    exit::{Answer, Stop, reason},
    stream::Lines,
};

use crate::{
    cli::Member,
    evidence::{FileAge, Instance, Interface, MemberFacts, Neighbour, OwnAddress, Unseen},
    interfaces, keepalived, netlink, proc,
};

/// How long a daemon that has just lost its child may take to start another.
const RESPAWN: Duration = Duration::from_millis(1500);
/// How long keepalived may take to write its dump; it took 3 ms in the lab.
const PATIENCE: Duration = Duration::from_secs(1);
/// How the message begins if it took longer.
const LATE: &str = "no new dump";
/// Longest dump that is read, in bytes: an instance needs about 1,500.
const LONGEST: u64 = 16 << 20;

/// Prints the facts as one record.
///
/// # Errors
///
/// `output` failed. What could not be looked at is in the record.
pub fn run(args: &Member, now_ms: i64, output: impl Write, terminal: bool) -> Result<Answer, Stop> {
    let facts = facts(&args.files, now_ms);
    let text = serde_json::to_string(&facts).unwrap_or_default(); // cannot fail: text keys only
    let mut lines = Lines::new(output, terminal);
    let written = lines.extend(&text, "").and_then(|()| lines.flush());
    written.map(|()| Answer::Yes).map_err(Stop::output)
}

/// The facts of this host; `now_ms` is Unix time in milliseconds by its clock.
#[must_use]
pub fn facts(files: &[String], now_ms: i64) -> MemberFacts {
    let mut facts = MemberFacts {
        host: gethostname()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default(),
        at_ms: now_ms,
        clock_synchronised: clock_synchronised(),
        ..MemberFacts::default()
    };
    let mut errors = Vec::new();
    let mut seen = |what: &str, result: io::Result<()>| {
        if let Err(error) = result {
            errors.push(unseen(what, &error));
        }
    };
    seen("interfaces and addresses", own(&mut facts));
    seen("/proc/net/raw", sockets(&mut facts));
    seen("/proc/net/igmp", groups(&mut facts));
    seen("neighbours", neighbours(&mut facts));
    for path in files {
        let age = fs::metadata(path).and_then(|file| file.modified());
        match age.map(|time| time.duration_since(UNIX_EPOCH)) {
            Ok(age) => facts.files.push(FileAge {
                path: path.clone(),
                // A time before 1970 is as old as can be.
                modified_ms: age.map_or(0, |age| age.as_millis() as i64),
            }),
            Err(error) => seen(path, Err(error)),
        }
    }
    facts.errors = errors;
    facts.vrrp_stopped = stopped();
    if facts.vrrp_socket != Some(false) || facts.vrrp6_socket == Some(true) {
        match instances() {
            Ok(instances) => facts.keepalived = instances,
            Err(unseen) => facts.errors.push(unseen),
        }
    }
    facts
}

/// As systemd-timesyncd says; other programs keep it to themselves, and to ask the kernel
/// (adjtimex(2)) no well-kept crate has a safe call.
fn clock_synchronised() -> Option<bool> {
    Path::new("/run/systemd/timesync/synchronized")
        .exists()
        .then_some(true)
}

fn own(facts: &mut MemberFacts) -> io::Result<()> {
    let list = interfaces::list()?;
    // IFA_CACHEINFO counts as this clock does, in hundredths of a second, and wraps.
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC)?;
    let now_cs = (now.tv_sec() * 100 + now.tv_nsec() / 10_000_000) as u32;
    for found in netlink::addresses()? {
        let interface = list.iter().find(|one| one.index == found.index);
        let held_cs = found.created_cs.map(|created| now_cs.wrapping_sub(created));
        facts.addresses.push(OwnAddress {
            interface: interface.map_or_else(String::new, |one| one.name.clone()),
            address: found.address,
            prefix_length: Some(found.prefix_length),
            // The two are read one after the other: what is too new is new.
            held_ms: held_cs.map(|held| u64::from(if held > u32::MAX / 2 { 0 } else { held }) * 10),
        });
    }
    facts.interfaces = list
        .into_iter()
        .map(|one| Interface {
            name: one.name,
            mac: one.mac,
            up: one.up,
        })
        .collect();
    Ok(())
}

/// Where there is a daemon without a socket, its child may have died a moment ago.
fn sockets(facts: &mut MemberFacts) -> io::Result<()> {
    let until = Instant::now() + RESPAWN;
    loop {
        look_for_sockets(facts)?;
        let none = facts.vrrp_socket == Some(false) && facts.vrrp6_socket != Some(true);
        if !none || daemons().is_empty() || Instant::now() > until {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(50));
    }
}

fn look_for_sockets(facts: &mut MemberFacts) -> io::Result<()> {
    facts.vrrp_socket = Some(proc::has_vrrp_socket(&fs::read_to_string("/proc/net/raw")?));
    facts.vrrp6_socket = optional("/proc/net/raw6")?.map(|raw| proc::has_vrrp_socket(&raw));
    Ok(())
}

fn groups(facts: &mut MemberFacts) -> io::Result<()> {
    let mut joined = proc::joined_v4(&fs::read_to_string("/proc/net/igmp")?);
    for interface in
        optional("/proc/net/igmp6")?.map_or_else(Vec::new, |text| proc::joined_v6(&text))
    {
        if !joined.contains(&interface) {
            joined.push(interface);
        }
    }
    facts.vrrp_joined = Some(joined);
    Ok(())
}

/// A file that a kernel without IPv6 doesn't have.
fn optional(path: &str) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn neighbours(facts: &mut MemberFacts) -> io::Result<()> {
    let list = interfaces::list()?;
    let neighbours = netlink::neighbours()?.into_iter();
    let named = neighbours.filter_map(|one| {
        let interface = list.iter().find(|own| own.index == one.index)?;
        Some(Neighbour {
            address: one.address,
            mac: one.mac,
            interface: interface.name.clone(),
        })
    });
    facts.neighbours = Some(named.collect());
    Ok(())
}

/// What all keepalived daemons of this network namespace dump, or `None` if none runs.
fn instances() -> Result<Option<Vec<Instance>>, Unseen> {
    let daemons = daemons();
    if daemons.is_empty() {
        return Ok(None);
    }
    if !Uid::effective().is_root() {
        return Err(Unseen {
            what: "keepalived".to_owned(),
            errno: "EPERM".to_owned(),
            message: "its dump needs root".to_owned(),
        });
    }
    let mut instances = Vec::new();
    for pid in daemons {
        let dumped = dump(&pid).map_err(|message| Unseen {
            what: "keepalived".to_owned(),
            errno: match message.starts_with(LATE) {
                true => "ETIMEDOUT".to_owned(),
                false => String::new(),
            },
            message: format!("process {pid}: {message}"),
        })?;
        instances.extend(dumped);
    }
    Ok(Some(instances))
}

/// The main processes of keepalived, which hand the signal on to their children. Those in
/// another network namespace are another host's, as far as the network is concerned.
fn daemons() -> Vec<String> {
    let status = |pid: &str| fs::read_to_string(format!("/proc/{pid}/status")).ok();
    // A zombie keeps its name, but has no namespace, root or signal handler left.
    let named = |pid: &str| {
        status(pid).is_some_and(|text| {
            text.starts_with("Name:\tkeepalived\n") && !text.contains("\nState:\tZ")
        })
    };
    let parent = |pid: &str| {
        let text = status(pid)?;
        let line = text.lines().find_map(|line| line.strip_prefix("PPid:"))?;
        Some(line.trim().to_owned())
    };
    let own = fs::read_link("/proc/self/ns/net").ok();
    let here = |pid: &str| match fs::read_link(format!("/proc/{pid}/ns/net")) {
        Ok(other) => Some(other) == own,
        // Nobody but root may look, and then it isn't signalled either.
        Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
    };
    processes()
        .filter(|pid| named(pid) && here(pid) && !parent(pid).is_some_and(|up| named(&up)))
        .collect()
}

/// Whether one of its processes here is stopped by a signal; none if others' can't be told from ours.
fn stopped() -> Option<bool> {
    let own = fs::read_link("/proc/self/ns/net").ok()?;
    let mut known = None;
    for pid in processes() {
        if fs::read_link(format!("/proc/{pid}/ns/net")).ok().as_ref() != Some(&own) {
            continue;
        }
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        if status.starts_with("Name:\tkeepalived\n") {
            let stopped = status.contains("\nState:\tT") || status.contains("\nState:\tt");
            known = Some(known.unwrap_or(false) || stopped);
        }
    }
    known
}

/// The numbers of all processes.
fn processes() -> impl Iterator<Item = String> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let names = all.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Makes keepalived dump its state and reads it, when it is whole and newer than the signal.
fn dump(pid: &str) -> Result<Vec<Instance>, String> {
    let status =
        fs::read_to_string(format!("/proc/{pid}/status")).map_err(|error| reason(&error))?;
    let signal = keepalived::dump_signal(&status)
        .ok_or("it has no JSON dump (built without --enable-json)")?;
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
    let asked = asked.map_err(|errno| errno.desc().to_lowercase())?;
    // A real-time signal, which no crate can send safely; every shell can.
    let sent = Command::new("/bin/sh")
        .args(["-c", r#"kill -"$1" "$2""#, "sh"])
        .args([signal.to_string(), pid.to_owned()])
        .output();
    let sent = sent.map_err(|error| format!("/bin/sh: {}", reason(&error)))?;
    if !sent.status.success() {
        return Err(String::from_utf8_lossy(&sent.stderr).trim().to_owned());
    }
    let until = Instant::now() + PATIENCE;
    loop {
        let mut why = String::new();
        for path in &paths {
            let text = read(path, (asked.tv_sec(), asked.tv_nsec()));
            match text.and_then(|text| keepalived::parse(&text)) {
                Ok(instances) => return Ok(instances),
                Err(error) => why = error,
            }
        }
        if Instant::now() > until {
            return Err(format!("{LATE} within {} s: {why}", PATIENCE.as_secs()));
        }
        thread::sleep(Duration::from_millis(5));
    }
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

fn unseen(what: &str, error: &io::Error) -> Unseen {
    let errno = error.raw_os_error().map(Errno::from_raw);
    Unseen {
        what: what.to_owned(),
        errno: errno.map(|errno| format!("{errno:?}")).unwrap_or_default(),
        message: errno.map_or_else(|| reason(error), |errno| errno.desc().to_lowercase()),
    }
}
