//! ONC RPC over TCP (RFC 5531): calls and replies as bytes, and one exchange. No portmapper's
//! client, no registry: who calls says program, version, procedure and arguments.

use std::io::{self, Read, Write};

use super::{Outcome, wire};

/// More than any server would cut an answer into.
const FRAGMENTS: usize = 64;

/// A procedure of a program, and what it is given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    pub program: u32,
    pub version: u32,
    pub procedure: u32,
    /// Already as XDR has them (RFC 4506).
    pub arguments: &'a [u8],
    /// As whom: of nobody (AUTH_NONE), or as user and group 65534 (AUTH_SYS).
    pub as_nobody: bool,
    /// The longest answer that is read, in bytes.
    pub longest: usize,
}

/// What an RPC server says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    /// The procedure's own answer begins at this byte.
    Success(usize),
    Refused(String),
    /// An answer to somebody else's call, or a call.
    NotForUs,
}

impl Call<'_> {
    /// Calls, and waits for the procedure's own answer.
    ///
    /// # Errors
    ///
    /// There is none, or the server refuses the call ([`Outcome::Wrong`]).
    pub(super) fn send(&self, stream: &mut (impl Read + Write)) -> Result<Vec<u8>, Outcome> {
        let id = super::dns::random_id().into();
        let written = stream.write_all(&self.bytes(id));
        written.map_err(|error| wire::outcome(&error))?;
        loop {
            let mut message = match message(stream, self.longest) {
                Ok(message) => message,
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    return Err(Outcome::Wrong(error.to_string()));
                }
                Err(error) => return Err(wire::outcome(&error)),
            };
            match said(&message, id) {
                Said::Success(start) => return Ok(message.split_off(start)),
                Said::Refused(what) => return Err(Outcome::Wrong(what)),
                Said::NotForUs => {}
            }
        }
    }

    /// As one fragment (RFC 5531, 9 and 11).
    fn bytes(&self, id: u32) -> Vec<u8> {
        let mut words = vec![id, 0, 2, self.program, self.version, self.procedure];
        match self.as_nobody {
            // Flavour, length; stamp, no machine's name, user, group, no other groups (RFC 5531, A).
            true => words.extend([1, 20, 0, 0, 65_534, 65_534, 0]),
            false => words.extend([0, 0]),
        }
        words.extend([0, 0]); // no verifier
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        bytes.extend_from_slice(self.arguments);
        // cannot fail: a path has 1024 bytes at most
        let length = u32::try_from(bytes.len()).unwrap_or_default();
        [&(0x8000_0000 | length).to_be_bytes()[..], &bytes].concat()
    }
}

/// One message: fragments up to the one with the high bit (RFC 5531, 11).
fn message(stream: &mut impl Read, longest: usize) -> io::Result<Vec<u8>> {
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what);
    let mut message = Vec::new();
    for _ in 0..FRAGMENTS {
        let mut head = [0; 4];
        stream.read_exact(&mut head)?;
        let head = u32::from_be_bytes(head);
        let length = (head & 0x7fff_ffff) as usize;
        if message.len() + length > longest {
            return Err(invalid("no RPC answer: it is longer than one can be"));
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
    let short = || Said::Refused("no RPC answer: it is too short".to_owned());
    let (Some(its), Some(kind)) = (word(0), word(1)) else {
        return short();
    };
    if its != id || kind != 1 {
        return Said::NotForUs;
    }
    match word(2) {
        Some(0) => {}
        Some(1) => return Said::Refused("RPC call denied".to_owned()),
        Some(other) => return Said::Refused(format!("no RPC answer: reply status {other}")),
        None => return short(),
    }
    let Some(verifier) = word(4) else {
        return short();
    };
    if verifier > 400 {
        return Said::Refused("no RPC answer: its verifier is longer than 400 bytes".to_owned());
    }
    let place = 5 + verifier.div_ceil(4) as usize;
    match word(place) {
        Some(0) => Said::Success((place + 1) * 4),
        Some(1) => Said::Refused("PROG_UNAVAIL: this RPC server has not that program".to_owned()),
        Some(2) => match (word(place + 1), word(place + 2)) {
            (Some(low), Some(high)) => {
                Said::Refused(format!("PROG_MISMATCH: it has versions {low} to {high}"))
            }
            _ => short(),
        },
        Some(3) => Said::Refused("PROC_UNAVAIL: it has not that procedure".to_owned()),
        Some(4) => Said::Refused("GARBAGE_ARGS".to_owned()),
        Some(5) => Said::Refused("SYSTEM_ERR".to_owned()),
        Some(other) => Said::Refused(format!("no RPC answer: accept status {other}")),
        None => short(),
    }
}

/// What is read out of an answer, from its front (RFC 4506).
pub(super) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// A number of four bytes; a truth is one, too.
    pub(super) fn word(&mut self) -> Option<u32> {
        let (word, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*word))
    }

    /// Bytes of which there are `most` at most: their number, themselves, and zeros to a multiple of 4.
    pub(super) fn opaque(&mut self, most: usize) -> Option<&'a [u8]> {
        let length = usize::try_from(self.word()?).ok()?;
        if length > most {
            return None;
        }
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest.get(length.next_multiple_of(4) - length..)?;
        Some(bytes)
    }
}

/// Bytes as arguments have them.
pub(super) fn opaque(bytes: &[u8]) -> Vec<u8> {
    // cannot fail: a path has 1024 bytes at most
    let length = u32::try_from(bytes.len()).unwrap_or_default();
    let mut all = [&length.to_be_bytes()[..], bytes].concat();
    all.resize(all.len().next_multiple_of(4), 0);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Answers that wait to be read, and what was sent.
    struct Peer(Box<dyn Fn(u32) -> Vec<u8>>, Vec<u8>, Vec<u8>);

    impl Write for Peer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1.extend_from_slice(bytes);
            let id = u32::from_be_bytes(self.1[4..8].try_into().unwrap());
            self.2 = (self.0)(id);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Read for Peer {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let read = (&self.2[..]).read(buffer)?;
            self.2.drain(..read);
            Ok(read)
        }
    }

    type Make = fn(u32) -> Vec<u8>;
    type Want = Result<&'static [u8], &'static str>;

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    fn fragment(last: bool, bytes: &[u8]) -> Vec<u8> {
        let head = u32::try_from(bytes.len()).unwrap() | if last { 0x8000_0000 } else { 0 };
        [&head.to_be_bytes()[..], bytes].concat()
    }

    #[test]
    fn answers_of_servers() {
        let call = Call {
            program: 100_003,
            version: 4,
            procedure: 0,
            arguments: &[],
            as_nobody: false,
            longest: 1024,
        };
        #[rustfmt::skip]
        let cases: [(&str, Make, Want); 10] = [
            ("success", |id| fragment(true, &words(&[id, 1, 0, 0, 0, 0])), Ok(&[])),
            ("with an answer", |id| fragment(true, &words(&[id, 1, 0, 0, 0, 0, 7])), Ok(&[0, 0, 0, 7])),
            ("in fragments", |id| {
                let message = words(&[id, 1, 0, 0, 0, 0]);
                [fragment(false, &message[..5]), fragment(false, &[]), fragment(true, &message[5..])].concat()
            }, Ok(&[])),
            ("another's first", |id| [fragment(true, &words(&[id ^ 1, 1, 0, 0, 0, 1])), fragment(true, &words(&[id, 1, 0, 0, 0, 0]))].concat(), Ok(&[])),
            ("with a verifier", |id| fragment(true, &words(&[id, 1, 0, 1, 8, 7, 7, 0])), Ok(&[])),
            ("no such program", |id| fragment(true, &words(&[id, 1, 0, 0, 0, 1])), Err("PROG_UNAVAIL")),
            ("other versions", |id| fragment(true, &words(&[id, 1, 0, 0, 0, 2, 3, 3])), Err("versions 3 to 3")),
            ("denied", |id| fragment(true, &words(&[id, 1, 1, 1, 1])), Err("denied")),
            ("too long", |_| vec![0xff; 8], Err("longer than")),
            ("no last fragment", |_| [0; 4 * 64].to_vec(), Err("no last fragment")),
        ];
        for (name, make, want) in cases {
            let mut peer = Peer(Box::new(make), Vec::new(), Vec::new());
            let got = call.send(&mut peer);
            assert_eq!(peer.1[..4], (0x8000_0000_u32 | 40).to_be_bytes(), "{name}");
            assert_eq!(peer.1.len(), 44, "{name}");
            match (got, want) {
                (Ok(got), Ok(want)) => assert_eq!(got, want, "{name}"),
                (Err(Outcome::Wrong(what)), Err(part)) => {
                    assert!(what.contains(part), "{name}: {what}");
                }
                (other, _) => panic!("{name}: {other:?}"),
            }
        }
        let mut peer = Peer(Box::new(|_| vec![0x80, 0, 0, 40]), Vec::new(), Vec::new());
        let cut = call.send(&mut peer).unwrap_err();
        assert!(
            matches!(cut, Outcome::Dead(super::super::How::Closed, _)),
            "cut off: {cut:?}"
        );
        let call = Call {
            as_nobody: true,
            arguments: &opaque(b"/srv"),
            ..call
        };
        let bytes = call.bytes(7);
        assert_eq!(bytes.len(), 4 + 24 + 28 + 8 + 8);
        assert_eq!(bytes[bytes.len() - 8..], *b"\0\0\0\x04/srv");
    }

    #[test]
    fn opaque_bytes() {
        for bytes in [&b""[..], b"a", b"abcd", b"abcde"] {
            let written = opaque(bytes);
            assert_eq!(written.len() % 4, 0);
            let mut reader = Reader(&written);
            assert_eq!(reader.opaque(5), Some(bytes));
            assert_eq!(reader.0, b"");
            let short = &written[..written.len() - 1];
            assert_eq!(Reader(short).opaque(5), None);
        }
        assert_eq!(Reader(&opaque(b"abcdef")).opaque(5), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_borne(bytes in proptest::collection::vec(any::<u8>(), 0..200), id in any::<u32>()) {
            let _ = message(&mut &bytes[..], 1024).map(|message| said(&message, id));
            let _ = said(&bytes, bytes.get(..4).map_or(id, |b| u32::from_be_bytes(b.try_into().unwrap())));
            let mut reader = Reader(&bytes);
            while reader.opaque(64).is_some() {}
        }
    }
}
