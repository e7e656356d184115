//! A TCP connection, and nothing over it.

use super::{Host, Outcome, Reply, wire};
use crate::fields::Fields;

/// Where to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connect {
    /// The port.
    pub port: u16,
}

impl Connect {
    pub(super) fn parse(mut fields: Fields<'_, '_>) -> Option<Self> {
        let port = fields.port(None);
        fields.end();
        Some(Self { port: port? })
    }

    pub(super) fn label(&self) -> String {
        format!("tcp {}", self.port)
    }

    #[inline(never)] // so that a thread's stack is as deep as its own probe needs
    pub(super) fn ask(&self, host: Host, clock: &wire::Clock) -> Reply {
        Reply::of(match wire::connect(host, self.port, clock) {
            Ok(_) => Outcome::Good,
            Err(outcome) => outcome,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::How;
    use std::{net::TcpListener, time::Duration};

    #[test]
    fn open_and_closed() {
        let local = std::net::IpAddr::from([127, 0, 0, 1]);
        let listener = TcpListener::bind((local, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let clock = || wire::Clock::of(Duration::from_secs(5));
        assert!(Connect { port }.ask(local.into(), &clock()).is_good());
        drop(listener);
        let reply = Connect { port }.ask(local.into(), &clock());
        assert!(
            matches!(reply.outcome, Outcome::Dead(How::Refused, _)),
            "{reply:?}"
        );
        let late = Connect { port }.ask(local.into(), &wire::Clock::of(Duration::ZERO));
        assert!(
            matches!(late.outcome, Outcome::Dead(How::Timeout, _)),
            "{late:?}"
        );
    }
}
