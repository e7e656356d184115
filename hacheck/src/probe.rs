//! What can be asked of an address, and what came of it: one file per protocol.
//!
//! A probe never waits past its deadline and never says what an answer means for the
//! pair; that is [`crate::judge`]'s.

use std::{
    fmt,
    net::IpAddr,
    time::{Duration, Instant},
};

use serde_json::Value;
use vmid::site::Fault;

use crate::{
    evidence::{Transport, Unseen},
    fields::{Fields, shown},
};

pub mod dns;
mod host;
pub mod http;
pub mod nfs;
pub mod pihole;
pub mod route;
mod rpc;
pub mod tcp;
pub mod tls;
mod wire;

pub use host::Host;

/// A question, and to whom it is put.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// The question.
    pub what: What,
    /// To whom.
    pub on: On,
    /// Its server binds to an address as soon as the host has it.
    pub rebinds: bool,
}

/// The protocols.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// A DNS query.
    Dns(dns::Query),
    /// An HTTP GET.
    Http(http::Get),
    /// The certificate of a TLS server.
    Tls(tls::Hello),
    /// A TCP connection.
    Tcp(tcp::Connect),
    /// The NULL procedure of an NFS server, and its exports.
    Nfs(nfs::Null),
    /// A page through a reverse proxy, and from its backend.
    Route(Box<route::Route>),
    /// What a Pi-hole holds.
    Pihole(pihole::Ask),
}

/// What a server holds, to be compared with what the others hold.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// An NFS server's exports.
    Nfs(nfs::Exports),
    /// A Pi-hole's lists.
    Pihole(pihole::Content),
}

/// Whom a probe is for: a standby of an active-passive service may well be silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// The VIP and every member.
    All,
    /// The VIP.
    Vip,
    /// The members.
    Members,
}

impl On {
    /// Some address is asked by a probe of either.
    #[must_use]
    pub fn meets(self, other: Self) -> bool {
        self == other || self == Self::All || other == Self::All
    }
}

/// What came of a probe.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// Whether it was what was expected.
    pub outcome: Outcome,
    /// How long it took, without the question who answers.
    pub took: Duration,
    /// When the question had left to its end, from the start; none if it never did.
    pub left: Option<Duration>,
    /// Who answered, by its own word.
    pub identity: Option<String>,
    /// The certificate shown.
    pub certificate: Option<tls::Certificate>,
    /// The data of a DNS answer, sorted; to compare members with each other.
    pub answers: Option<Vec<String>>,
    /// What it holds; to compare members with each other.
    pub content: Option<Content>,
    /// Another address than the one asked sent the answer.
    pub strayed: Option<IpAddr>,
    /// The two ways of a route.
    pub legs: Option<Box<route::Legs>>,
}

/// How a probe ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As expected.
    Good,
    /// There was an answer, but it is another one.
    Wrong(String),
    /// There was none.
    Dead(How, String),
    /// The checker itself could not ask.
    Unseen(Unseen),
}

/// In a few words.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good => f.write_str("ok"),
            Self::Wrong(what) | Self::Dead(_, what) => f.write_str(what),
            Self::Unseen(unseen) if unseen.errno.is_empty() => {
                write!(f, "not asked: {}", unseen.message)
            }
            Self::Unseen(unseen) => write!(f, "not asked: {} ({})", unseen.message, unseen.errno),
        }
    }
}

/// Why there was no answer. Over UDP, a timeout may be a refusal that ICMP's rate limit swallowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The host is there, the service is not.
    Refused,
    /// Nothing came in time.
    Timeout,
    /// The host did not answer ARP, or a router said so.
    Unreachable,
    /// The connection was closed before the answer.
    Closed,
}

impl Reply {
    /// A reply with nothing but an outcome.
    #[must_use]
    pub fn of(outcome: Outcome) -> Self {
        Self {
            outcome,
            took: Duration::ZERO,
            left: None,
            identity: None,
            certificate: None,
            answers: None,
            content: None,
            strayed: None,
            legs: None,
        }
    }

    /// It was as expected.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.outcome == Outcome::Good
    }

    /// What clients have: of a route, what comes through the proxy.
    #[must_use]
    pub fn for_clients(&self) -> &Outcome {
        let proxy = self.legs.as_ref().map(|legs| &legs.proxy);
        proxy.unwrap_or(&self.outcome)
    }

    /// Something answered, if only wrongly.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        matches!(self.outcome, Outcome::Good | Outcome::Wrong(_))
    }
}

impl Probe {
    /// `{"dns":{...}}`, `{"http":{...},"on":"vip"}`, ...; `path` is how messages call it. What is
    /// wrong becomes a fault; there is no probe without one of them.
    pub fn parse(value: &Value, path: String, faults: &mut Vec<Fault>) -> Option<Self> {
        let mut fields = Fields::of(value, path, faults)?;
        let on_whom = fields.text("on");
        let on = match on_whom.as_deref() {
            None | Some("all") => On::All,
            Some("vip") => On::Vip,
            Some("members") => On::Members,
            Some(other) => {
                fields.wrong(
                    "on",
                    format!("is {}, not all, vip or members", shown(other)),
                );
                On::All
            }
        };
        let rebinds = fields.truth("rebinds", false);
        let name = fields.one_of(&["dns", "http", "tls", "tcp", "nfs", "route", "pihole"]);
        let on = match (name, on_whom.as_deref()) {
            (Some("pihole"), Some(said @ ("all" | "vip"))) => {
                let what = format!("is {said}, but each Pi-hole has a content of its own: members");
                fields.wrong("on", what);
                On::Members
            }
            (Some("pihole"), _) => On::Members,
            _ => on,
        };
        let what = name.and_then(|name| {
            let inner = fields.object(name)?;
            match name {
                "dns" => dns::Query::parse(inner).map(What::Dns),
                "http" => http::Get::parse(inner).map(What::Http),
                "tls" => tls::Hello::parse(inner).map(What::Tls),
                "tcp" => tcp::Connect::parse(inner).map(What::Tcp),
                "nfs" => nfs::Null::parse(inner).map(What::Nfs),
                "pihole" => pihole::Ask::parse(inner).map(What::Pihole),
                _ => route::Route::parse(inner).map(|route| What::Route(Box::new(route))),
            }
        });
        if let (Some(What::Nfs(null)), On::Vip) = (&what, on)
            && !null.exports.is_empty()
        {
            let what = "is vip, but each server has exports of its own: all or members";
            fields.wrong("on", what);
        }
        // Names beside these are found by the reader of the pairs.
        let what = what?;
        Some(Self { what, on, rebinds })
    }

    /// How it is called in evidence: `dns ha.test A`.
    #[must_use]
    pub fn label(&self) -> String {
        match &self.what {
            What::Dns(query) => query.label(),
            What::Http(get) => get.label(),
            What::Tls(hello) => hello.label(),
            What::Tcp(connect) => connect.label(),
            What::Nfs(null) => null.label(),
            What::Route(route) => route.label(),
            What::Pihole(ask) => ask.label(),
        }
    }

    /// Where its server listens.
    #[must_use]
    pub fn port(&self) -> (Transport, u16) {
        match &self.what {
            What::Dns(query) => (Transport::Udp, query.port),
            What::Http(get) => (Transport::Tcp, get.port()),
            What::Tls(hello) => (Transport::Tcp, hello.port),
            What::Tcp(connect) => (Transport::Tcp, connect.port),
            What::Nfs(null) => (Transport::Tcp, null.port),
            What::Pihole(ask) => (Transport::Tcp, ask.port),
            What::Route(route) => (Transport::Tcp, route.port()),
        }
    }

    /// The address that it asks whatever it is asked of: the proxy that a route names.
    #[must_use]
    pub fn elsewhere(&self) -> Option<IpAddr> {
        match &self.what {
            What::Route(route) => route.via,
            _ => None,
        }
    }

    /// The backend that a route asks besides.
    #[must_use]
    pub fn backend(&self) -> Option<IpAddr> {
        match &self.what {
            What::Route(route) => Some(route.backend),
            _ => None,
        }
    }

    /// Asks `host`, until `deadline` at the latest.
    #[must_use]
    pub fn ask(&self, host: Host, deadline: Instant) -> Reply {
        self.asked(host, deadline, true, true)
    }

    /// As [`Self::ask`], but not what the server holds: it is a member's, whatever host is asked.
    #[must_use]
    pub fn ask_vip(&self, host: Host, deadline: Instant) -> Reply {
        self.asked(host, deadline, true, false)
    }

    /// As [`Self::ask`], but what is lost is not sent again, and of a route only the proxy is asked: what
    /// clients have.
    #[must_use]
    pub fn ask_once(&self, host: Host, deadline: Instant) -> Reply {
        self.asked(host, deadline, false, false)
    }

    fn asked(&self, host: Host, deadline: Instant, again: bool, content: bool) -> Reply {
        let started = Instant::now();
        let clock = &wire::Clock::until(deadline);
        let mut reply = match &self.what {
            What::Dns(query) => query.ask(host, clock, again),
            What::Http(get) => get.ask(host, clock),
            What::Tls(hello) => hello.ask(host, clock),
            What::Tcp(connect) => connect.ask(host, clock),
            What::Nfs(null) => null.ask(host, clock, content),
            What::Pihole(ask) => ask.ask(host.address, clock),
            What::Route(route) if !again => route.through(host, clock),
            What::Route(route) => route.ask(host, clock),
        };
        reply.took = clock.done().duration_since(started);
        reply.left = clock.left().map(|left| left.duration_since(started));
        reply
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_no_matter_of_the_vip() {
        #[rustfmt::skip]
        let cases = [
            ("exports of members", json!({"nfs": {"exports": ["/srv"]}, "on": "members"}), ""),
            ("exports of all",     json!({"nfs": {"exports": ["/srv"]}}), ""),
            ("exports of the VIP", json!({"nfs": {"exports": ["/srv"]}, "on": "vip"}), "probe.on is vip, but each server has exports of its own: all or members"),
            ("NFS of the VIP",     json!({"nfs": {}, "on": "vip"}), ""),
        ];
        for (name, value, want) in cases {
            let mut faults = Vec::new();
            Probe::parse(&value, "probe".to_owned(), &mut faults);
            let got: Vec<String> = faults.iter().map(ToString::to_string).collect();
            assert_eq!(got.join("; "), want, "{name}");
        }
    }
}
