//! DNS messages: a question as bytes, and what an answer says. Pure.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use simple_dns::{
    CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, TYPE, rdata::RData,
};

/// The codes by their names in the registry (RFC 6895).
pub(super) const RCODES: [&str; 6] = [
    "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED",
];

/// A record type that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An IPv4 address.
    A,
    /// An IPv6 address.
    Aaaa,
    /// The start of a zone; its data is the serial.
    Soa,
    /// Text; its data is all strings joined.
    Txt,
}

impl Kind {
    /// By its name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "A" => Some(Self::A),
            "AAAA" => Some(Self::Aaaa),
            "SOA" => Some(Self::Soa),
            "TXT" => Some(Self::Txt),
            _ => None,
        }
    }

    /// `data` could be that of such a record.
    pub(super) fn is_data(self, data: &str) -> bool {
        match self {
            Self::A => data.parse::<Ipv4Addr>().is_ok(),
            Self::Aaaa => data.parse::<Ipv6Addr>().is_ok(),
            Self::Soa => data.parse::<u32>().is_ok(),
            Self::Txt => true,
        }
    }

    /// `data` as [`read`] spells it: an IPv6 address has many spellings.
    pub(super) fn spelled(self, data: &str) -> String {
        let address = data.parse::<IpAddr>().ok().filter(|_| self != Self::Txt);
        address.map_or_else(|| data.to_owned(), |address| address.to_string())
    }

    fn wire(self) -> TYPE {
        match self {
            Self::A => TYPE::A,
            Self::Aaaa => TYPE::AAAA,
            Self::Soa => TYPE::SOA,
            Self::Txt => TYPE::TXT,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Soa => "SOA",
            Self::Txt => "TXT",
        })
    }
}

/// The question that an answer must repeat.
pub(super) struct Wanted<'a> {
    pub id: u16,
    pub name: &'a str,
    pub kind: Kind,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Read {
    /// A name of [`RCODES`], or `RCODE n`.
    pub rcode: String,
    /// It didn't fit, and is to be fetched by TCP.
    pub cut: bool,
    /// The data of the records of the type asked for, sorted, each once; a CNAME before them is passed over.
    pub data: Vec<String>,
}

/// A query with recursion desired; none if `name` is no name.
pub(super) fn question(id: u16, name: &str, kind: Kind) -> Option<Vec<u8>> {
    let name = Name::new(name).ok()?;
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    let question = Question::new(
        name,
        QTYPE::TYPE(kind.wire()),
        QCLASS::CLASS(CLASS::IN),
        false,
    );
    packet.questions.push(question);
    packet.build_bytes_vec().ok()
}

/// The answer to `wanted` that `message` is; none if it is another message.
///
/// # Errors
///
/// It has the right identifier, but is no DNS answer.
pub(super) fn read(message: &[u8], wanted: &Wanted<'_>) -> Result<Option<Read>, String> {
    // Looked at before anything is parsed: what is for others may be anything.
    if message.get(..2) != Some(&wanted.id.to_be_bytes()[..]) {
        return Ok(None);
    }
    let Some(flags) = message.get(2..4) else {
        return Err("no DNS answer: it ends in its header".to_owned());
    };
    if flags[0] & 0x80 == 0 {
        return Ok(None); // a query, perhaps our own
    }
    if flags[0] & 0x02 != 0 {
        // What is behind the header may be cut anywhere (RFC 2181, 9).
        return Ok(Some(Read {
            rcode: rcode(flags[1] & 0x0f),
            cut: true,
            data: Vec::new(),
        }));
    }
    let packet = Packet::parse(message);
    let packet =
        packet.map_err(|_| "no DNS answer: what came is against the rules of DNS".to_owned())?;
    let asked = Name::new(wanted.name).map_err(|_| format!("{} is no DNS name", wanted.name))?;
    let refused = packet.questions.is_empty() && packet.rcode() != RCODE::NoError;
    let repeated = packet.questions.len() == 1
        && packet.questions.iter().all(|question| {
            question.qname == asked && question.qtype == QTYPE::TYPE(wanted.kind.wire())
        });
    if !refused && !repeated {
        return Ok(None);
    }
    let records = packet.answers.iter();
    let mut data: Vec<String> = records
        .filter_map(|record| spell(&record.rdata, wanted.kind))
        .collect();
    data.sort_unstable();
    data.dedup();
    Ok(Some(Read {
        rcode: rcode(flags[1] & 0x0f),
        cut: false,
        data,
    }))
}

fn rcode(code: u8) -> String {
    let known = RCODES.get(usize::from(code));
    known.map_or_else(|| format!("RCODE {code}"), |&name| name.to_owned())
}

/// The data of a record of that type.
fn spell(data: &RData<'_>, kind: Kind) -> Option<String> {
    match (data, kind) {
        (RData::A(a), Kind::A) => Some(Ipv4Addr::from(a.address).to_string()),
        (RData::AAAA(aaaa), Kind::Aaaa) => Some(Ipv6Addr::from(aaaa.address).to_string()),
        (RData::SOA(soa), Kind::Soa) => Some(soa.serial.to_string()),
        (RData::TXT(txt), Kind::Txt) => {
            let mut text = Vec::new();
            for (key, value) in txt.iter_raw() {
                text.extend_from_slice(key);
                if let Some(value) = value {
                    text.push(b'=');
                    text.extend_from_slice(value);
                }
            }
            Some(String::from_utf8_lossy(&text).into_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WANTED: Wanted<'_> = Wanted {
        id: 0x1234,
        name: "ha.test",
        kind: Kind::A,
    };

    /// A header with these flags and counts, the question of `WANTED`, and `rest`.
    fn message(flags: u16, answers: u16, rest: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for word in [0x1234, flags, 1, answers, 0, 0] {
            bytes.extend(word.to_be_bytes());
        }
        bytes.extend(b"\x02ha\x04test\x00\x00\x01\x00\x01");
        bytes.extend(rest);
        bytes
    }

    fn a(last: u8) -> Vec<u8> {
        [
            &b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02"[..],
            &[last],
        ]
        .concat()
    }

    fn good(rcode: &str, data: &[&str]) -> Result<Option<Read>, String> {
        let data = data.iter().map(|&text| text.to_owned()).collect();
        Ok(Some(Read {
            rcode: rcode.to_owned(),
            cut: false,
            data,
        }))
    }

    #[test]
    fn what_answers_say() {
        let cname = b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x02\xc0\x0f";
        let with_id = |id: [u8; 2]| [&id[..], &message(0x8180, 1, &a(1))[2..]].concat();
        #[rustfmt::skip]
        let cases = [
            ("an address", message(0x8180, 1, &a(1)), good("NOERROR", &["192.0.2.1"])),
            ("two, out of order", message(0x8180, 2, &[a(2), a(1)].concat()), good("NOERROR", &["192.0.2.1", "192.0.2.2"])),
            ("behind a CNAME", message(0x8180, 2, &[&cname[..], &a(1)].concat()), good("NOERROR", &["192.0.2.1"])),
            ("NODATA", message(0x8180, 0, &[]), good("NOERROR", &[])),
            ("NXDOMAIN", message(0x8183, 0, &[]), good("NXDOMAIN", &[])),
            ("REFUSED", message(0x8185, 0, &[]), good("REFUSED", &[])),
            ("SERVFAIL", message(0x8182, 0, &[]), good("SERVFAIL", &[])),
            ("a code nobody knows", message(0x818b, 0, &[]), good("RCODE 11", &[])),
            ("upper case", {
                let mut bytes = message(0x8180, 1, &a(1));
                bytes[13] = b'H';
                bytes
            }, good("NOERROR", &["192.0.2.1"])),
            ("another id", with_id([0x12, 0x35]), Ok(None)),
            ("a query", message(0x0100, 0, &[]), Ok(None)),
            ("another name", {
                let mut bytes = message(0x8180, 1, &a(1));
                bytes[13] = b'x';
                bytes
            }, Ok(None)),
            ("nothing", Vec::new(), Ok(None)),
        ];
        for (name, bytes, want) in cases {
            assert_eq!(read(&bytes, &WANTED), want, "{name}");
        }
        let cut = read(&message(0x8380, 1, &a(1)[..5]), &WANTED)
            .unwrap()
            .unwrap();
        assert!(cut.cut, "cut answers are fetched by TCP");
        let looping = [
            &message(0x8180, 1, &[])[..],
            b"\xc0\x1d\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01",
        ]
        .concat();
        for (name, bytes) in [
            ("a pointer to itself", looping),
            ("cut without saying so", message(0x8180, 1, &a(1)[..9])),
            ("only an id", vec![0x12, 0x34]),
        ] {
            assert!(read(&bytes, &WANTED).is_err(), "{name}");
        }
    }

    #[test]
    fn names_and_their_limits() {
        assert!(question(1, "ha.test", Kind::A).is_some());
        assert!(
            question(1, &"a".repeat(64), Kind::A).is_none(),
            "a label has 63 bytes at most"
        );
        assert!(
            question(1, &"a.".repeat(200), Kind::A).is_none(),
            "a name has 255 bytes at most"
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_borne(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = read(&bytes, &WANTED);
        }

        #[test]
        fn any_bytes_behind_a_right_header_are_borne(
            rest in proptest::collection::vec(any::<u8>(), 0..300), counts in any::<[u8; 3]>(), kind in 0..4_usize,
        ) {
            let mut bytes = message(0x8180, u16::from(counts[0]), &rest);
            bytes[9] = counts[1];
            bytes[11] = counts[2];
            let kind = [Kind::A, Kind::Aaaa, Kind::Soa, Kind::Txt][kind];
            bytes[22] = [1, 28, 6, 16][kind as usize];
            let _ = read(&bytes, &Wanted { kind, ..WANTED });
        }
    }
}
