//! TCP with an absolute deadline, and what an error of a socket means.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{IpAddr, SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use nix::errno::Errno;

use super::{How, Outcome};
use crate::evidence::Unseen;

/// A connection of which every read and write ends at the deadline.
pub(super) struct Timed {
    stream: TcpStream,
    deadline: Instant,
}

/// Connects, until `deadline` at the latest.
pub(super) fn connect(address: IpAddr, port: u16, deadline: Instant) -> Result<Timed, Outcome> {
    let target = SocketAddr::new(address, port);
    let left = left(deadline).map_err(|error| outcome(&error))?;
    let stream = TcpStream::connect_timeout(&target, left).map_err(|error| outcome(&error))?;
    // Best effort: without it a small request may wait for an acknowledgement.
    let _ = stream.set_nodelay(true);
    Ok(Timed { stream, deadline })
}

/// What is left until `deadline`; never zero, which sockets take for "no limit".
pub(super) fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(ErrorKind::TimedOut.into());
    }
    Ok(left.max(Duration::from_micros(100)))
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(left(self.deadline)?))?;
        self.stream.read(buffer)
    }
}

impl Write for Timed {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(left(self.deadline)?))?;
        self.stream.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// What an error says: about the other side, or only about the checker itself.
pub(super) fn outcome(error: &io::Error) -> Outcome {
    use ErrorKind as Kind;
    let dead = |how| Outcome::Dead(how, said(error));
    match error.kind() {
        Kind::ConnectionRefused => dead(How::Refused),
        Kind::TimedOut | Kind::WouldBlock => {
            Outcome::Dead(How::Timeout, "no answer in time".to_owned())
        }
        Kind::HostUnreachable => dead(How::Unreachable),
        Kind::ConnectionReset
        | Kind::ConnectionAborted
        | Kind::BrokenPipe
        | Kind::NotConnected
        | Kind::UnexpectedEof => dead(How::Closed),
        // No route, no permission, no file descriptors: nothing was asked.
        _ => Outcome::Unseen(unseen("probe", error)),
    }
}

/// An error of the checker's own, with the errno's name.
pub(super) fn unseen(what: &str, error: &io::Error) -> Unseen {
    let errno = error.raw_os_error().map(Errno::from_raw);
    Unseen {
        what: what.to_owned(),
        errno: errno.map_or_else(String::new, |errno| format!("{errno:?}")),
        message: said(error),
    }
}

/// The error in lower case and without Rust's "(os error 111)".
fn said(error: &io::Error) -> String {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(errno) => errno.desc().to_lowercase(),
        None => match error.kind() {
            ErrorKind::UnexpectedEof => "closed the connection".to_owned(),
            _ => error.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_other_side_and_of_ours() {
        let os = |errno: Errno| io::Error::from_raw_os_error(errno as i32);
        let dead =
            |how| move |outcome: &Outcome| matches!(outcome, Outcome::Dead(h, _) if *h == how);
        let ours = |name: &'static str| move |outcome: &Outcome| matches!(outcome, Outcome::Unseen(unseen) if unseen.errno == name);
        type Is = Box<dyn Fn(&Outcome) -> bool>;
        let cases: Vec<(&str, io::Error, Is)> = vec![
            (
                "refused",
                os(Errno::ECONNREFUSED),
                Box::new(dead(How::Refused)),
            ),
            ("timeout", os(Errno::EAGAIN), Box::new(dead(How::Timeout))),
            (
                "no ARP answer",
                os(Errno::EHOSTUNREACH),
                Box::new(dead(How::Unreachable)),
            ),
            ("reset", os(Errno::ECONNRESET), Box::new(dead(How::Closed))),
            (
                "end",
                ErrorKind::UnexpectedEof.into(),
                Box::new(dead(How::Closed)),
            ),
            (
                "no route",
                os(Errno::ENETUNREACH),
                Box::new(ours("ENETUNREACH")),
            ),
            ("not allowed", os(Errno::EPERM), Box::new(ours("EPERM"))),
            (
                "too many files",
                os(Errno::EMFILE),
                Box::new(ours("EMFILE")),
            ),
        ];
        for (name, error, is) in cases {
            let outcome = outcome(&error);
            assert!(is(&outcome), "{name}: {outcome:?}");
        }
    }
}
