//! One request over https, on a connection of its own: FTL's web server need not keep any.

use std::{
    io::{self, Write as _},
    net::IpAddr,
    sync::Arc,
    time::Instant,
};

use rustls::{ClientConfig, ClientConnection, StreamOwned, pki_types::ServerName};
use vmid::trust;

use super::unseen;
use crate::probe::{
    Outcome,
    http::answer::{self, Answer, Broken},
    tls, wire,
};

/// The most that is read of an answer, in bytes; a summary has 2 KiB.
const LONGEST: usize = 64 << 10;

type Stream<'c> = StreamOwned<ClientConnection, wire::Timed<'c>>;

/// Where requests go.
pub(super) struct Api<'a> {
    pub address: IpAddr,
    pub port: u16,
    /// For the certificate, SNI and Host.
    pub name: &'a str,
    /// With which certificates it may be.
    pub settings: Arc<ClientConfig>,
}

/// Why there is no answer to a request.
pub(super) struct Failed {
    pub outcome: Outcome,
    /// The request was sent all the same, and may have been obeyed.
    pub sent: bool,
}

impl Api<'_> {
    /// The answer to `method path` in a session, to its end.
    ///
    /// # Errors
    ///
    /// There is none; the certificate is none of those that are trusted ([`Outcome::Unseen`]:
    /// nothing was sent).
    pub(super) fn send(
        &self,
        method: &str,
        path: &str,
        session: Option<&str>,
        until: Instant,
    ) -> Result<Answer, Outcome> {
        let header = session.map(|session| format!("X-FTL-SID: {session}\r\n"));
        let rest = header.unwrap_or_default() + "\r\n";
        let clock = wire::Clock::until(until);
        self.exchange((method, path), &rest, &clock, until)
            .map_err(|failed| failed.outcome)
    }

    /// The answer to a login with `body`, which is sent by `until` or not at all, and waited for
    /// until `answered`.
    ///
    /// # Errors
    ///
    /// As [`Self::send`].
    pub(super) fn login(
        &self,
        body: &str,
        until: Instant,
        answered: Instant,
    ) -> Result<Answer, Failed> {
        let length = body.len();
        let rest =
            format!("Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}");
        let clock = wire::Clock::until(until);
        self.exchange(("POST", "/api/auth"), &rest, &clock, answered)
    }

    fn exchange(
        &self,
        (method, path): (&str, &str),
        rest: &str,
        clock: &wire::Clock,
        answered: Instant,
    ) -> Result<Answer, Failed> {
        let mut stream = self.greeted(clock).map_err(|outcome| Failed {
            outcome,
            sent: false,
        })?;
        let sent = |outcome| Failed {
            outcome,
            sent: true,
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nUser-Agent: hacheck/{}\r\nAccept: application/json\r\nConnection: close\r\n{rest}",
            self.name,
            env!("CARGO_PKG_VERSION"),
        );
        let written = stream.write_all(request.as_bytes());
        written.map_err(|error| sent(tls::outcome(&error)))?;
        clock.prolong(answered);
        let wrong = |what: String| sent(unseen(format!("{method} {path}: {what}")));
        answer::receive(&mut stream, LONGEST, |_| false).map_err(|broken| match broken {
            Broken::Connection(error) => sent(tls::outcome(&error)),
            Broken::Answer(what) => wrong(what),
            Broken::Long(_) => wrong(format!("its answer is longer than {} KiB", LONGEST >> 10)),
        })
    }

    /// A connection to a server whose certificate is known.
    fn greeted<'c>(&self, clock: &'c wire::Clock) -> Result<Stream<'c>, Outcome> {
        let stream = wire::connect(self.address, self.port, clock)?;
        let name = ServerName::try_from(self.name.to_owned());
        let name = name.map_err(|_| unseen(format!("{} is no name of a server", self.name)))?;
        tls::greet(stream, name, self.settings.clone()).map_err(|error| refused(&error))
    }
}

/// Nobody but those that are trusted is asked: then nothing is known of a service.
fn refused(error: &io::Error) -> Outcome {
    match tls::below(error).and_then(trust::refusal) {
        Some(what) => unseen(what),
        None => tls::outcome(error),
    }
}
