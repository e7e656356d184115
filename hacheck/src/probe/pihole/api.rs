//! One request over https, on a connection of its own: FTL's web server need not keep any.

use std::{
    io::{self, Write as _},
    net::IpAddr,
    sync::Arc,
    time::Instant,
};

use rustls::{ClientConfig, pki_types::ServerName};
use vmid::trust;

use super::unseen;
use crate::probe::{Outcome, http::answer::Answer, tls, wire};

/// The most that is read of an answer, in bytes; a summary has 2 KiB.
const LONGEST: usize = 64 << 10;

/// Where requests go.
pub(super) struct Api<'a> {
    pub address: IpAddr,
    pub port: u16,
    /// For the certificate, SNI and Host.
    pub name: &'a str,
    /// With which certificates it may be.
    pub settings: Arc<ClientConfig>,
}

impl Api<'_> {
    /// An answer to its end.
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
        body: Option<&str>,
        until: Instant,
    ) -> Result<Answer, Outcome> {
        let clock = wire::Clock::until(until);
        let stream = wire::connect(self.address, self.port, &clock)?;
        let name = ServerName::try_from(self.name.to_owned());
        let name = name.map_err(|_| unseen(format!("{} is no name of a server", self.name)))?;
        let stream = tls::greet(stream, name, self.settings.clone());
        let mut stream = stream.map_err(|error| refused(&error))?;
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nUser-Agent: hacheck/{}\r\nAccept: application/json\r\nConnection: close\r\n",
            self.name,
            env!("CARGO_PKG_VERSION"),
        );
        if let Some(session) = session {
            request += &format!("X-FTL-SID: {session}\r\n");
        }
        if let Some(body) = body {
            let length = body.len();
            request += &format!("Content-Type: application/json\r\nContent-Length: {length}\r\n");
        }
        request += "\r\n";
        request += body.unwrap_or_default();
        let written = stream.write_all(request.as_bytes());
        written.map_err(|error| tls::outcome(&error))?;
        answer(&mut stream).map_err(|what| match what {
            Broken::Connection(error) => tls::outcome(&error),
            Broken::Answer(what) => unseen(format!("{method} {path}: {what}")),
        })
    }
}

/// Why there is no answer.
enum Broken {
    Connection(io::Error),
    Answer(String),
}

fn answer(stream: &mut impl io::Read) -> Result<Answer, Broken> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 2048];
    loop {
        let read = match stream.read(&mut buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            // A server that closes without TLS's word for it has said all the same.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => 0,
            Err(error) => return Err(Broken::Connection(error)),
        };
        bytes.extend_from_slice(&buffer[..read]);
        if bytes.len() > LONGEST {
            let what = format!("its answer is longer than {} KiB", LONGEST >> 10);
            return Err(Broken::Answer(what));
        }
        match Answer::read(&bytes).map_err(Broken::Answer)? {
            // There is nothing behind the head of 204 (RFC 9110, 15.3.5).
            Some(answer) if answer.complete || answer.status == 204 || read == 0 => {
                return Ok(answer);
            }
            None if read == 0 => {
                return Err(Broken::Connection(io::ErrorKind::UnexpectedEof.into()));
            }
            _ => {}
        }
    }
}

/// Nobody but those that are trusted is asked: then nothing is known of a service.
fn refused(error: &io::Error) -> Outcome {
    match tls::below(error).and_then(trust::refusal) {
        Some(what) => unseen(what),
        None => tls::outcome(error),
    }
}
