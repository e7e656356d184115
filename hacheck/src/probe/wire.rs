//! TCP with an absolute deadline, and what an error of a socket means.

use std::{
    cell::Cell,
    io::{self, ErrorKind, Read, Write},
    net::{IpAddr, SocketAddr, TcpStream},
    os::fd::AsFd as _,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};
use socket2::{Domain, Protocol, Socket, Type};

use super::{Host, How, Outcome};
use crate::evidence::Unseen;

/// The time that a probe has, when its question left, and when the answer was there.
pub(super) struct Clock {
    pub deadline: Instant,
    left: Cell<Option<Instant>>,
    answered: Cell<Option<Instant>>,
}

impl Clock {
    pub(super) fn until(deadline: Instant) -> Self {
        Self {
            deadline,
            left: Cell::new(None),
            answered: Cell::new(None),
        }
    }

    #[cfg(test)]
    pub(super) fn of(time: Duration) -> Self {
        Self::until(Instant::now() + time)
    }

    /// The kernel has taken a datagram, a connection's first packet, or what is sent over it.
    /// Of several the last counts: it may be the one that was lost.
    pub(super) fn asked(&self) {
        if self.answered.get().is_none() {
            self.left.set(Some(Instant::now()));
        }
    }

    /// The answer is there; what is asked from now on is another question.
    pub(super) fn answered(&self) {
        self.answered.set(Some(Instant::now()));
    }

    /// When the answer was there; now, if nobody said so before.
    pub(super) fn done(&self) -> Instant {
        self.answered.get().unwrap_or_else(Instant::now)
    }

    /// When the question had left, to its end; none if it never did.
    pub(super) fn left(&self) -> Option<Instant> {
        self.left.get()
    }
}

/// A connection of which every read and write ends at the deadline.
pub(super) struct Timed<'a> {
    stream: TcpStream,
    clock: &'a Clock,
}

/// Connects, until the deadline at the latest.
pub(super) fn connect(
    host: impl Into<Host>,
    port: u16,
    clock: &Clock,
) -> Result<Timed<'_>, Outcome> {
    opened(host.into(), port, clock, false)
}

/// The same from a port below 1024, if this process may have one.
pub(super) fn connect_from_reserved(
    address: IpAddr,
    port: u16,
    clock: &Clock,
) -> Result<Timed<'_>, Outcome> {
    opened(address.into(), port, clock, true)
}

fn opened(host: Host, port: u16, clock: &Clock, reserved: bool) -> Result<Timed<'_>, Outcome> {
    let target = host.at(port);
    let stream = connected(target, clock, reserved).map_err(|error| outcome(&error))?;
    // Best effort: without it a small request may wait for an acknowledgement.
    let _ = stream.set_nodelay(true);
    Ok(Timed { stream, clock })
}

/// As [`TcpStream::connect_timeout`], which doesn't tell when the connection's first packet had left.
fn connected(target: SocketAddr, clock: &Clock, reserved: bool) -> io::Result<TcpStream> {
    left(clock.deadline)?;
    let domain = Domain::for_address(target);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    if reserved {
        bind_reserved(&socket, target.ip());
    }
    match socket.connect(&target.into()) {
        Err(error) if error.raw_os_error() == Some(Errno::EINPROGRESS as i32) => {
            clock.asked();
            let mut ready = [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)];
            loop {
                let left = left(clock.deadline)?.max(Duration::from_millis(1));
                let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
                match poll(&mut ready, left) {
                    Ok(0) | Err(Errno::EINTR) => {}
                    Ok(_) => break,
                    Err(errno) => return Err(errno.into()),
                }
            }
            if let Some(error) = socket.take_error()? {
                return Err(from_afar(error));
            }
        }
        connected => {
            clock.asked();
            connected?;
        }
    }
    socket.set_nonblocking(false)?;
    Ok(socket.into())
}

/// Ports from which one is taken, as bindresvport(3) does.
const RESERVED: std::ops::Range<u16> = 600..1024;

/// Binds to a port that only root may have; to none, if this process isn't allowed to.
fn bind_reserved(socket: &Socket, family: IpAddr) {
    let any = match family {
        IpAddr::V4(_) => IpAddr::from([0_u8; 4]),
        IpAddr::V6(_) => IpAddr::from([0_u8; 16]),
    };
    let count = RESERVED.end - RESERVED.start;
    let first = super::dns::random_id() % count;
    for step in 0..count {
        let port = RESERVED.start + (first + step) % count;
        match socket.bind(&SocketAddr::new(any, port).into()) {
            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
            _ => return,
        }
    }
}

/// What is left until `deadline`; never zero, which sockets take for "no limit".
pub(super) fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(ErrorKind::TimedOut.into());
    }
    Ok(left.max(Duration::from_micros(100)))
}

impl Read for Timed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream
            .set_read_timeout(Some(left(self.clock.deadline)?))?;
        self.stream.read(buffer)
    }
}

impl Write for Timed<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream
            .set_write_timeout(Some(left(self.clock.deadline)?))?;
        let written = self.stream.write(buffer);
        self.clock.asked();
        written
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

/// An error that came back after something had been sent: a host or a firewall on the way said
/// so, in ICMP, and not this host. "Prohibited" and "no such network" look like the checker's own else.
pub(super) fn from_afar(error: io::Error) -> io::Error {
    use Errno::{EACCES, EHOSTUNREACH, ENETUNREACH, ENOPROTOOPT, EOPNOTSUPP, EPERM};
    let told = error.raw_os_error().map(Errno::from_raw);
    match told {
        Some(EACCES | EPERM | ENETUNREACH | ENOPROTOOPT | EOPNOTSUPP) => EHOSTUNREACH.into(),
        _ => error,
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

    /// What a firewall's ICMP says is no fault of the checker's.
    #[test]
    fn errors_from_afar() {
        for errno in [Errno::EACCES, Errno::ENETUNREACH, Errno::EHOSTUNREACH] {
            let outcome = outcome(&from_afar(errno.into()));
            assert!(matches!(outcome, Outcome::Dead(How::Unreachable, _)));
        }
        let refused = outcome(&from_afar(Errno::ECONNREFUSED.into()));
        assert!(matches!(refused, Outcome::Dead(How::Refused, _)));
    }

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
