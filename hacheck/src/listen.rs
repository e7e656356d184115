//! `hacheck listen`: every VRRP advert on this host's segments, as it comes.

use std::{
    io::Write,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use serde::Serialize;
use vmid::{
    exit::{Answer, Stop},
    stream::Lines,
    table,
};

use crate::{
    cli::Listen,
    evidence::{Advert, Unseen},
    frame::{Frame, Vrrp},
    interfaces::{self, Interface},
    netlink,
    raw::Raw,
    vrrp::Malformed,
    window,
};

/// How often it looks whether the end has come, at least.
const LOOK: Duration = Duration::from_millis(200);

/// So many packets wait for a reader of standard output that stalls. Then the sockets' own
/// buffers fill, and the `at_ms` of what is in them is when it was taken out.
const QUEUE: usize = 1024;

/// The columns of the table.
const COLUMNS: [&str; 12] = [
    "interface",
    "at_ms",
    "source",
    "source_mac",
    "version",
    "vrid",
    "priority",
    "interval_ms",
    "vips",
    "auth_type",
    "checksum_ok",
    "error",
];

/// What comes out for a packet.
#[derive(Serialize)]
struct Heard<'a> {
    interface: &'a str,
    #[serde(flatten)]
    advert: Advert,
}

/// What comes out for a packet of protocol 112 that is no advert.
#[derive(Serialize)]
struct NoAdvert<'a> {
    interface: &'a str,
    at_ms: u64,
    source: String,
    source_mac: String,
    destination: String,
    ttl: u8,
    error: Error,
}

#[derive(Serialize)]
struct Error {
    code: &'static str,
    message: String,
}

/// Prints each advert, with its time in milliseconds from the start, until the time is over.
///
/// # Errors
///
/// There is no such interface; without CAP_NET_RAW; `output` failed.
pub fn run(args: &Listen, output: impl Write, terminal: bool) -> Result<Answer, Stop> {
    let all = interfaces::list()
        .map_err(|errno| Stop::outside(anyhow::anyhow!("getifaddrs: {}", errno.desc())))?;
    let chosen = choose(all, args.interface.as_deref())?;
    let sockets = chosen
        .iter()
        .map(|interface| Ok((interface.name.as_str(), Raw::open(interface)?)));
    let sockets: Vec<(&str, Raw)> = sockets.collect::<Result<_, _>>().map_err(refused)?;
    table::present(args.format, &COLUMNS, output, terminal, |lines| {
        hear(&sockets, args.duration, lines)
    })
}

fn choose(all: Vec<Interface>, named: Option<&str>) -> Result<Vec<Interface>, Stop> {
    if let Some(named) = named {
        let found = all.into_iter().find(|one| one.name == named);
        return found
            .map(|one| vec![one])
            .ok_or_else(|| Stop::input(anyhow::anyhow!("--interface {named}: no such interface")));
    }
    // What comes in at a port of a bridge is heard on the bridge, too.
    let masters = netlink::masters().unwrap_or_default();
    let is_up = |index| all.iter().any(|one| one.index == index && one.up);
    let is_port = |index| {
        masters
            .iter()
            .any(|(port, master)| *port == index && is_up(*master))
    };
    let usable = all
        .iter()
        .filter(|one| one.up && one.mac.is_some() && !is_port(one.index));
    let usable: Vec<_> = usable.cloned().collect();
    match usable.is_empty() {
        true => Err(Stop::outside(anyhow::anyhow!(
            "no Ethernet interface of this host is up"
        ))),
        false => Ok(usable),
    }
}

fn refused(unseen: Unseen) -> Stop {
    let stop = Stop::outside(anyhow::anyhow!("{}", unseen.message));
    match unseen.errno.as_str() {
        "EPERM" => stop
            .hint("needs CAP_NET_RAW: run as root, or AmbientCapabilities=CAP_NET_RAW in a unit"),
        _ => stop,
    }
}

fn hear<W: Write>(
    sockets: &[(&str, Raw)],
    length: Duration,
    lines: &mut Lines<W>,
) -> Result<Answer, Stop> {
    let ears = sockets.iter().map(|(name, socket)| {
        let ear = |until| match socket.receive(until) {
            Ok(Some(Frame::Vrrp(vrrp))) => Some(vrrp),
            // An interface that goes down comes up again, or there is nothing to hear.
            _ => None,
        };
        (*name, ear)
    });
    tell_all(ears.collect(), length, lines)
}

/// A thread for each ear, which hears until a time; this one prints.
fn tell_all<W: Write>(
    ears: Vec<(&str, impl Fn(Instant) -> Option<Vrrp> + Send)>,
    length: Duration,
    lines: &mut Lines<W>,
) -> Result<Answer, Stop> {
    let started = Instant::now();
    let until = started + length;
    let (tell, told) = mpsc::sync_channel(QUEUE);
    thread::scope(|scope| {
        for (interface, ear) in ears {
            let tell = tell.clone();
            scope.spawn(move || {
                while Instant::now() < until {
                    let Some(vrrp) = ear(until.min(Instant::now() + LOOK)) else {
                        continue;
                    };
                    let at_ms = started.elapsed().as_millis() as u64;
                    if tell.send((interface, at_ms, vrrp)).is_err() {
                        return; // the reader of stdout is gone, and `told` with it
                    }
                }
            });
        }
        drop(tell);
        let mut failed = false;
        for (interface, at_ms, vrrp) in told {
            failed |= matches!(&vrrp.packet, Err(why) if !matches!(why, Malformed::Carp(_)));
            let line = record(interface, at_ms, &vrrp);
            let written = lines.extend(&line, "").and_then(|()| lines.flush());
            written.map_err(Stop::output)?;
        }
        Ok(Answer::no_if(failed))
    })
}

fn record(interface: &str, at_ms: u64, vrrp: &Vrrp) -> String {
    let text = match (window::advert(at_ms, vrrp), &vrrp.packet) {
        (Some(advert), _) => serde_json::to_string(&Heard { interface, advert }),
        (None, packet) => serde_json::to_string(&NoAdvert {
            interface,
            at_ms,
            source: vrrp.source.to_string(),
            source_mac: vrrp.source_mac.to_string(),
            destination: vrrp.destination.to_string(),
            ttl: vrrp.ttl,
            error: Error {
                code: match packet {
                    Err(Malformed::Carp(_)) => "carp",
                    _ => "malformed",
                },
                message: packet
                    .as_ref()
                    .err()
                    .map_or_else(String::new, ToString::to_string),
            },
        }),
    };
    text.unwrap_or_default() // cannot fail: no maps, no foreign types
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use super::*;
    use crate::{evidence::Mac, vrrp::Packet};

    #[test]
    fn a_record_for_each_packet() {
        let vrrp = |packet| Vrrp {
            source_mac: Mac([2, 0, 0, 0, 0x10, 0x11]),
            source: "192.168.10.11".parse().unwrap(),
            destination: "224.0.0.18".parse().unwrap(),
            ttl: 255,
            packet,
        };
        let advert = Packet {
            version: 2,
            vrid: 55,
            priority: 150,
            interval_ms: 1000,
            auth_type: 1,
            vips: vec!["192.168.10.110".parse().unwrap()],
            checksum_ok: true,
        };
        assert_eq!(
            record("eth0", 12, &vrrp(Ok(advert))),
            r#"{"interface":"eth0","at_ms":12,"source":"192.168.10.11","source_mac":"02:00:00:00:10:11","destination":"224.0.0.18","ttl":255,"version":2,"vrid":55,"priority":150,"interval_ms":1000,"vips":["192.168.10.110"],"auth_type":1,"checksum_ok":true}"#
        );
        assert_eq!(
            record("eth0", 12, &vrrp(Err(Malformed::Version(7)))),
            r#"{"interface":"eth0","at_ms":12,"source":"192.168.10.11","source_mac":"02:00:00:00:10:11","destination":"224.0.0.18","ttl":255,"error":{"code":"malformed","message":"version 7, not 2 or 3"}}"#
        );
    }

    /// Packets without end, counted.
    fn flood(heard: &AtomicUsize) -> impl Fn(Instant) -> Option<Vrrp> + Send {
        |_| {
            heard.fetch_add(1, Ordering::Relaxed);
            Some(Vrrp {
                source_mac: Mac([2, 0, 0, 0, 0x10, 0x11]),
                source: "192.168.10.11".parse().unwrap(),
                destination: "224.0.0.18".parse().unwrap(),
                ttl: 255,
                packet: Err(Malformed::Version(7)),
            })
        }
    }

    /// Standard output whose reader stalls at the first write, and is gone or takes all after that.
    struct Stalled {
        until: Instant,
        gone: bool,
        lines: usize,
    }

    impl Write for Stalled {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            thread::sleep(self.until.saturating_duration_since(Instant::now()));
            if self.gone {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            self.lines += bytes.iter().filter(|&&byte| byte == b'\n').count();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_stalls_costs_no_memory_and_hangs_nothing() {
        let length = Duration::from_millis(100);
        for gone in [false, true] {
            let heard = AtomicUsize::new(0);
            let mut output = Stalled {
                until: Instant::now() + 3 * length,
                gone,
                lines: 0,
            };
            let ears = vec![("eth0", flood(&heard)), ("eth1", flood(&heard))];
            let answer = tell_all(ears, length, &mut Lines::new(&mut output, false));
            let heard = heard.into_inner();
            assert!(heard <= QUEUE + 3, "{heard} heard while nobody read");
            if gone {
                assert!(answer.is_err(), "{answer:?}");
            } else {
                assert!(matches!(answer, Ok(Answer::No)), "{answer:?}");
                assert_eq!(output.lines, heard, "all that was heard is told");
            }
        }
    }
}
