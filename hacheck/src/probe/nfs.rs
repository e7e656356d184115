//! The NULL procedure of NFS over TCP: ONC RPC (RFC 5531) in 44 bytes out and 28 in.
//!
//! `rpcinfo` needs a portmapper for this, which a v4-only server has not.

use std::io::{self, Read, Write as _};

use super::{Host, Outcome, Reply, wire};
use crate::fields::Fields;

/// The program number of NFS (RFC 1813, 5531).
const NFS: u32 = 100_003;

/// An answer to NULL has 24 bytes, 32 with a version mismatch; a verifier may add 400 (RFC 5531, 8.2).
const LONGEST: usize = 1024;

/// More than any server would cut an answer of that length into.
const FRAGMENTS: usize = 64;

/// What to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Null {
    /// Version of NFS, 3 or 4.
    pub version: u32,
    /// The port.
    pub port: u16,
}

/// What an RPC server says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    Success,
    Other(String),
    /// An answer to somebody else's call, or a call.
    NotForUs,
}

impl Null {
    pub(super) fn parse(mut fields: Fields<'_, '_>) -> Option<Self> {
        let version = fields.whole("version", 3, 4).unwrap_or(4);
        let port = fields.port(Some(2049));
        fields.end();
        Some(Self {
            version,
            port: port?,
        })
    }

    pub(super) fn label(&self) -> String {
        match self.port {
            2049 => format!("nfs v{}", self.version),
            port => format!("nfs v{} port {port}", self.version),
        }
    }

    #[inline(never)] // so that a thread's stack is as deep as its own probe needs
    pub(super) fn ask(&self, host: Host, clock: &wire::Clock) -> Reply {
        Reply::of(self.exchange(host, clock).unwrap_or_else(|outcome| outcome))
    }

    fn exchange(&self, host: Host, clock: &wire::Clock) -> Result<Outcome, Outcome> {
        let mut stream = wire::connect(host, self.port, clock)?;
        let id = super::dns::random_id().into();
        stream
            .write_all(&call(id, self.version))
            .map_err(|error| wire::outcome(&error))?;
        loop {
            let message = match message(&mut stream) {
                Ok(message) => message,
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    return Ok(Outcome::Wrong(error.to_string()));
                }
                Err(error) => return Err(wire::outcome(&error)),
            };
            match said(&message, id) {
                Said::Success => return Ok(Outcome::Good),
                Said::Other(what) => return Ok(Outcome::Wrong(what)),
                Said::NotForUs => {}
            }
        }
    }
}

/// A call of procedure 0 without credentials, as one fragment (RFC 5531, 9 and 11).
fn call(id: u32, version: u32) -> Vec<u8> {
    let words = [0x8000_0000 | 40, id, 0, 2, NFS, version, 0, 0, 0, 0, 0];
    words
        .iter()
        .flat_map(|word: &u32| word.to_be_bytes())
        .collect()
}

/// One message: fragments up to the one with the high bit (RFC 5531, 11).
fn message(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what);
    let mut message = Vec::new();
    for _ in 0..FRAGMENTS {
        let mut head = [0; 4];
        stream.read_exact(&mut head)?;
        let head = u32::from_be_bytes(head);
        let length = (head & 0x7fff_ffff) as usize;
        if message.len() + length > LONGEST {
            return Err(invalid(
                "no RPC answer: it is longer than one to NULL can be",
            ));
        }
        let start = message.len();
        message.resize(start + length, 0);
        stream.read_exact(&mut message[start..])?;
        if head & 0x8000_0000 != 0 {
            return Ok(message);
        }
    }
    Err(invalid("no RPC answer: it has no last fragment"))
}

/// What an answer says (RFC 5531, 9).
fn said(message: &[u8], id: u32) -> Said {
    let word = |place: usize| {
        let bytes = message.get(place * 4..place * 4 + 4)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    };
    let short = || Said::Other("no RPC answer: it is too short".to_owned());
    let (Some(its), Some(kind)) = (word(0), word(1)) else {
        return short();
    };
    if its != id || kind != 1 {
        return Said::NotForUs;
    }
    match word(2) {
        Some(0) => {}
        Some(1) => return Said::Other("RPC call denied".to_owned()),
        Some(other) => return Said::Other(format!("no RPC answer: reply status {other}")),
        None => return short(),
    }
    let Some(verifier) = word(4) else {
        return short();
    };
    if verifier > 400 {
        return Said::Other("no RPC answer: its verifier is longer than 400 bytes".to_owned());
    }
    let place = 5 + verifier.div_ceil(4) as usize;
    match word(place) {
        Some(0) => Said::Success,
        Some(1) => Said::Other("PROG_UNAVAIL: this RPC server has no NFS".to_owned()),
        Some(2) => match (word(place + 1), word(place + 2)) {
            (Some(low), Some(high)) => Said::Other(format!(
                "PROG_MISMATCH: it has NFS versions {low} to {high}"
            )),
            _ => short(),
        },
        Some(3) => Said::Other("PROC_UNAVAIL: it has no procedure NULL".to_owned()),
        Some(4) => Said::Other("GARBAGE_ARGS".to_owned()),
        Some(5) => Said::Other("SYSTEM_ERR".to_owned()),
        Some(other) => Said::Other(format!("no RPC answer: accept status {other}")),
        None => short(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::How;
    use proptest::prelude::*;
    use std::{net::TcpListener, thread, time::Duration};

    type Make = fn(u32) -> Vec<u8>;

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    fn fragment(last: bool, bytes: &[u8]) -> Vec<u8> {
        let head = u32::try_from(bytes.len()).unwrap() | if last { 0x8000_0000 } else { 0 };
        [&head.to_be_bytes()[..], bytes].concat()
    }

    /// A server that reads a call and sends `answer` with the call's id in place of `ID`.
    fn server(answer: impl Fn(u32) -> Vec<u8> + Send + 'static) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut call = [0; 44];
            stream.read_exact(&mut call).unwrap();
            assert_eq!(call[..4], (0x8000_0000_u32 | 40).to_be_bytes());
            let id = u32::from_be_bytes(call[4..8].try_into().unwrap());
            stream.write_all(&answer(id)).unwrap();
        });
        port
    }

    #[test]
    fn answers_of_servers() {
        #[rustfmt::skip]
        let cases: [(&str, Make, Result<(), &str>); 9] = [
            ("success", |id| fragment(true, &words(&[id, 1, 0, 0, 0, 0])), Ok(())),
            ("in fragments", |id| {
                let message = words(&[id, 1, 0, 0, 0, 0]);
                [fragment(false, &message[..5]), fragment(false, &[]), fragment(true, &message[5..])].concat()
            }, Ok(())),
            ("another's first", |id| [fragment(true, &words(&[id ^ 1, 1, 0, 0, 0, 1])), fragment(true, &words(&[id, 1, 0, 0, 0, 0]))].concat(), Ok(())),
            ("with a verifier", |id| fragment(true, &words(&[id, 1, 0, 1, 8, 7, 7, 0])), Ok(())),
            ("no NFS", |id| fragment(true, &words(&[id, 1, 0, 0, 0, 1])), Err("PROG_UNAVAIL")),
            ("other versions", |id| fragment(true, &words(&[id, 1, 0, 0, 0, 2, 3, 3])), Err("versions 3 to 3")),
            ("denied", |id| fragment(true, &words(&[id, 1, 1, 1, 1])), Err("denied")),
            ("too long", |_| vec![0xff; 8], Err("longer than")),
            ("no last fragment", |_| [0; 4 * 64].to_vec(), Err("no last fragment")),
        ];
        let local = Host::from(std::net::IpAddr::from([127, 0, 0, 1]));
        for (name, answer, want) in cases {
            let null = Null {
                version: 4,
                port: server(answer),
            };
            let clock = wire::Clock::of(Duration::from_secs(10));
            match (null.ask(local, &clock).outcome, want) {
                (Outcome::Good, Ok(())) => {}
                (Outcome::Wrong(what), Err(part)) => assert!(what.contains(part), "{name}: {what}"),
                (other, _) => panic!("{name}: {other:?}"),
            }
        }
        let null = Null {
            version: 3,
            port: server(|_| vec![0x80, 0, 0, 40]),
        };
        let reply = null.ask(local, &wire::Clock::of(Duration::from_secs(10)));
        assert!(
            matches!(reply.outcome, Outcome::Dead(How::Closed, _)),
            "cut off: {reply:?}"
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_borne(bytes in proptest::collection::vec(any::<u8>(), 0..200), id in any::<u32>()) {
            let _ = message(&mut &bytes[..]).map(|message| said(&message, id));
            let _ = said(&bytes, bytes.get(..4).map_or(id, |b| u32::from_be_bytes(b.try_into().unwrap())));
        }
    }
}
