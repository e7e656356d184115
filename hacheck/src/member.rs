//! `hacheck member`: what the host it runs on knows of itself, without any privilege.
//!
//! Only as root it asks keepalived, too. Nothing is judged here: the facts of several
//! members prove together what none of them can know alone.

use std::{
    fs,
    io::{self, Write},
    path::Path,
    thread,
    time::{Duration, Instant, UNIX_EPOCH},
};

use nix::{
    errno::Errno,
    time::{ClockId, clock_gettime},
    unistd::gethostname,
};
use vmid::{
    exit::{Answer, Stop, reason},
    stream::Lines,
};

use crate::{
    cli::Member,
    daemons,
    evidence::{FileAge, Interface, MemberFacts, Neighbour, OwnAddress, Transport, Unseen},
    interfaces, netlink, proc,
};

/// How long a daemon that has just lost its child may take to start another.
const RESPAWN: Duration = Duration::from_millis(1500);

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
    seen("/proc/net/tcp and udp", listening(&mut facts));
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
    facts.vrrp_stopped = daemons::stopped();
    if facts.vrrp_socket != Some(false) || facts.vrrp6_socket == Some(true) {
        let (instances, mut lost) = daemons::instances();
        facts.keepalived = instances;
        facts.errors.append(&mut lost);
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
            unused: found.unused,
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
        if !none || daemons::running().is_empty() || Instant::now() > until {
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

/// Those of TCP that listen and those of UDP; a server that was started twice is one.
fn listening(facts: &mut MemberFacts) -> io::Result<()> {
    let mut found = Vec::new();
    for (path, protocol) in [("tcp", Transport::Tcp), ("udp", Transport::Udp)] {
        let v4 = fs::read_to_string(format!("/proc/net/{path}"))?;
        let v6 = optional(&format!("/proc/net/{path}6"))?.unwrap_or_default();
        found.extend(proc::listening(&v4, protocol));
        found.extend(proc::listening(&v6, protocol));
    }
    found.sort_unstable();
    found.dedup();
    facts.listening = Some(found);
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

fn unseen(what: &str, error: &io::Error) -> Unseen {
    let errno = error.raw_os_error().map(Errno::from_raw);
    Unseen {
        what: what.to_owned(),
        errno: errno.map(|errno| format!("{errno:?}")).unwrap_or_default(),
        message: errno.map_or_else(|| reason(error), |errno| errno.desc().to_lowercase()),
    }
}
