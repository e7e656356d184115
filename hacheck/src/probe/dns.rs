//! A DNS query over UDP, over TCP where the answer was cut, and who answers by a TXT record.
//!
//! The UDP socket is not connected, so that an answer from another address than the one
//! asked is seen (and named) instead of lost; IP_RECVERR brings the refusals all the same.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher as _, Hasher as _},
    io::{self, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    time::Instant,
};

use nix::sys::socket::{setsockopt, sockopt};

use super::{Host, How, Outcome, Reply, wire};
use crate::fields::{Fields, shown};

mod answer;

pub use answer::Kind;
use answer::{Read, Wanted};

/// An answer without EDNS has 512 bytes at most (RFC 1035, 2.3.4); what is longer is hostile.
const LONGEST: usize = 2048;

/// So often a datagram is sent in the time there is, unless it is answered.
const RESEND: u32 = 5;

/// What to ask, and what should come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The name.
    pub name: String,
    /// The record type.
    pub kind: Kind,
    /// The data of exactly these records, in any order; any, if absent; no such record, if `[]`.
    pub expect: Option<Vec<String>>,
    /// The answer's code, `NOERROR`; with it the name must have such a record, unless `expect` is `[]`.
    pub rcode: String,
    /// The port.
    pub port: u16,
    /// A name whose TXT record says who answers.
    pub identity: Option<String>,
}

/// What a server says of a name, to be compared with what others say of it: not how it came to it
/// (a chain of CNAMEs), nor for how long it is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The answer's code.
    pub rcode: String,
    /// The data, sorted.
    pub data: Vec<String>,
}

/// What came back to one query.
struct Got {
    read: Result<Read, Outcome>,
    strayed: Option<IpAddr>,
}

impl Query {
    pub(super) fn parse(mut fields: Fields<'_, '_>) -> Option<Self> {
        let kind = match fields.text("type") {
            None => Kind::A,
            Some(text) => Kind::parse(&text).unwrap_or_else(|| {
                let what = format!("is {}, not A, AAAA, SOA or TXT", shown(&text));
                fields.wrong("type", what);
                Kind::A
            }),
        };
        let rcode = fields.text("rcode").unwrap_or_else(|| "NOERROR".to_owned());
        let is_known = answer::RCODES.contains(&rcode.as_str());
        if !is_known {
            let known = answer::RCODES.join(", ");
            fields.wrong("rcode", format!("is {}, none of {known}", shown(&rcode)));
        }
        let name = fields.required("name");
        let identity = fields.text_within("identity", "txt");
        for (field, name) in [("name", &name), ("identity.txt", &identity)] {
            let Some(name) = name else { continue };
            // DNS would take a URL with a password as a name, too.
            if name.contains('@') || answer::question(0, name, Kind::A).is_none() {
                fields.wrong(field, format!("is {}, no DNS name", shown(name)));
            }
        }
        let expect = fields.texts("expect");
        if expect.is_some() && is_known && rcode != "NOERROR" {
            let what = format!("is there beside rcode {rcode}, with which there are no records");
            fields.wrong("expect", what);
        }
        if let Some(bad) = expect.iter().flatten().find(|data| !kind.is_data(data)) {
            let what = format!("has {}, which is no data of type {kind}", shown(bad));
            fields.wrong("expect", what);
        }
        let port = fields.port(Some(53));
        fields.end();
        Some(Self {
            name: name?,
            kind,
            expect,
            rcode,
            port: port?,
            identity,
        })
    }

    pub(super) fn label(&self) -> String {
        let port = if self.port == 53 {
            String::new()
        } else {
            format!(" port {}", self.port)
        };
        format!("dns {} {}{port}", self.name, self.kind)
    }

    /// A datagram that is lost is sent again, if `again`.
    #[inline(never)] // so that a thread's stack is as deep as its own probe needs
    pub(super) fn ask(&self, host: Host, clock: &wire::Clock, again: bool) -> Reply {
        let target = host.at(self.port);
        let got = resolve(target, &self.name, self.kind, clock, again);
        let mut reply = Reply::of(match &got.read {
            Ok(read) => self.judge(read),
            Err(outcome) => outcome.clone(),
        });
        reply.strayed = got.strayed;
        if let Ok(read) = got.read {
            reply.answers = Some(read.data);
        }
        clock.answered();
        if let Some(name) = self.identity.as_ref().filter(|_| reply.is_answered()) {
            let got = resolve(target, name, Kind::Txt, clock, again);
            reply.identity = got.read.ok().and_then(|read| read.data.into_iter().next());
        }
        reply
    }

    /// Whether this is the answer that was expected.
    fn judge(&self, read: &Read) -> Outcome {
        let nothing = read.data.is_empty();
        if read.rcode != self.rcode {
            return Outcome::Wrong(format!("{}, not {}", read.rcode, self.rcode));
        }
        let Some(expect) = &self.expect else {
            return match nothing && self.rcode == "NOERROR" {
                true => Outcome::Wrong(format!("NODATA: the name has no {} record", self.kind)),
                false => Outcome::Good,
            };
        };
        if nothing && !expect.is_empty() {
            return Outcome::Wrong(format!(
                "NODATA: no {} record, not {}",
                self.kind,
                expect.join(", ")
            ));
        }
        let mut expect: Vec<String> = expect.iter().map(|data| self.kind.spelled(data)).collect();
        expect.sort_unstable();
        expect.dedup();
        match expect == read.data {
            true => Outcome::Good,
            false if expect.is_empty() => {
                Outcome::Wrong(format!("{}, not NODATA", read.data.join(", ")))
            }
            false => Outcome::Wrong(format!(
                "{}, not {}",
                read.data.join(", "),
                expect.join(", ")
            )),
        }
    }
}

/// Whether this can be asked for.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let labels = name.strip_suffix('.').unwrap_or(name).split('.');
    labels.clone().all(|label| !label.is_empty()) && answer::question(0, name, Kind::A).is_some()
}

/// What the server at `target` says of a name, until `deadline` at the latest.
///
/// # Errors
///
/// It says nothing, or something that is no DNS answer.
pub fn said(
    target: SocketAddr,
    name: &str,
    kind: Kind,
    deadline: Instant,
) -> Result<Said, Outcome> {
    let got = resolve(target, name, kind, &wire::Clock::until(deadline), true);
    got.read.map(|read| Said {
        rcode: read.rcode,
        data: read.data,
    })
}

/// A query identifier that nobody can guess; std's hasher is seeded by the system.
pub(super) fn random_id() -> u16 {
    let bytes = RandomState::new().build_hasher().finish().to_be_bytes();
    u16::from_be_bytes([bytes[0], bytes[1]])
}

fn resolve(target: SocketAddr, name: &str, kind: Kind, clock: &wire::Clock, again: bool) -> Got {
    let id = random_id();
    // cannot fail: the configuration was refused if the name is none
    let query = answer::question(id, name, kind).unwrap_or_default();
    let wanted = Wanted { id, name, kind };
    let mut strayed = None;
    let parts = if again { RESEND } else { 1 };
    let read = match over_udp(target, &query, &wanted, (clock, parts), &mut strayed) {
        Ok(read) if read.cut => over_tcp(target, &query, &wanted, clock),
        other => other,
    };
    Got { read, strayed }
}

fn over_udp(
    target: SocketAddr,
    query: &[u8],
    wanted: &Wanted<'_>,
    (clock, parts): (&wire::Clock, u32),
    strayed: &mut Option<IpAddr>,
) -> Result<Read, Outcome> {
    let failed = |error: io::Error| wire::outcome(&error);
    let told = |error: io::Error| wire::outcome(&wire::from_afar(error));
    let deadline = clock.deadline;
    let socket = socket(target.ip()).map_err(failed)?;
    let patience = wire::left(deadline).map_err(failed)? / parts;
    let mut malformed = None;
    let mut buffer = vec![0; LONGEST];
    let mut send_at = Instant::now();
    loop {
        // What is sent at the deadline is not waited for.
        if Instant::now() >= send_at && send_at < deadline {
            let sent = socket.send_to(query, target);
            // What is wrong with a second one may be the answer to the first.
            match clock.left() {
                None => sent.map_err(failed)?,
                Some(_) => sent.map_err(told)?,
            };
            clock.asked();
            send_at = Instant::now() + patience;
        }
        let until = match wire::left(deadline.min(send_at)) {
            Ok(left) => left,
            Err(_) if Instant::now() < deadline => continue,
            Err(error) => {
                return Err(malformed
                    .take()
                    .map_or_else(|| failed(error), Outcome::Wrong));
            }
        };
        socket.set_read_timeout(Some(until)).map_err(failed)?;
        let (length, from) = match socket.recv_from(&mut buffer) {
            Ok(got) => got,
            Err(error) => match told(error) {
                Outcome::Dead(How::Timeout, _) => continue,
                other => return Err(other),
            },
        };
        match answer::read(&buffer[..length], wanted) {
            Ok(Some(read)) if from == target => return Ok(read),
            Ok(Some(_)) if from.ip() != target.ip() => *strayed = Some(from.ip()),
            Err(what) if from == target => malformed = Some(what),
            _ => {} // not an answer to this, or not from there
        }
    }
}

/// An unconnected socket that hears of refusals.
fn socket(family: IpAddr) -> io::Result<UdpSocket> {
    match family {
        IpAddr::V4(_) => {
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
            setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?;
            Ok(socket)
        }
        IpAddr::V6(_) => {
            let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))?;
            setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?;
            Ok(socket)
        }
    }
}

fn over_tcp(
    target: SocketAddr,
    query: &[u8],
    wanted: &Wanted<'_>,
    clock: &wire::Clock,
) -> Result<Read, Outcome> {
    let failed = |error: io::Error| wire::outcome(&error);
    let mut stream = wire::connect(target, target.port(), clock)?;
    // cannot fail: a name has 255 bytes at most
    let length = u16::try_from(query.len()).unwrap_or_default();
    let framed = [&length.to_be_bytes(), query].concat();
    stream.write_all(&framed).map_err(failed)?;
    loop {
        let mut length = [0; 2];
        stream.read_exact(&mut length).map_err(failed)?;
        let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut message).map_err(failed)?;
        match answer::read(&message, wanted) {
            Ok(Some(read)) => return Ok(read),
            Ok(None) => {}
            Err(what) => return Err(Outcome::Wrong(what)),
        }
    }
}

#[cfg(test)]
mod tests;
