//! What a capture says of an outage: the truth that `hacheck watch` is held to.
//!
//! It knows nothing of hacheck: it reads tcpdump's file, and looks at every question that
//! a host put to an address, whoever put it, by the times at which they were on the wire.

use std::{collections::BTreeMap, net::Ipv4Addr};

type Mac = [u8; 6];

/// A question: microseconds of tcpdump's clock, and who answered it.
struct Question {
    sent_us: u64,
    answered: Option<Mac>,
}

/// What tells an answer which question it is to: the client's port, and DNS's ID or a number of TCP's.
type Key = (u16, u32);

enum Packet {
    Question(Key),
    Answer(Key, Mac),
    /// An ARP packet that says who has the address.
    Claim(Mac),
}

/// Longest time to an answer, in microseconds: it takes about 200, and much more on a busy machine.
const SOON_US: u64 = 300_000;

/// What is less dense tells too little of when an outage began and ended: questions a second.
const DENSE: u64 = 200;

/// How long the server at `vip` was gone, in microseconds: at least and at most. The
/// longest time, if several.
pub fn outage_us(capture: &[u8], vip: Ipv4Addr) -> (u64, u64) {
    let mut sent: BTreeMap<Key, u64> = BTreeMap::new();
    let mut questions: BTreeMap<u64, Question> = BTreeMap::new();
    let mut claims: Vec<(u64, Mac)> = Vec::new();
    for (at_us, frame) in frames(capture) {
        match packet(frame, vip) {
            Some(Packet::Question(key)) => {
                sent.insert(key, at_us);
                let question = Question {
                    sent_us: at_us,
                    answered: None,
                };
                questions.insert(at_us, question);
            }
            Some(Packet::Answer(key, mac)) => {
                let asked = sent.get(&key).and_then(|asked| questions.get_mut(asked));
                if let Some(asked) = asked.filter(|asked| at_us - asked.sent_us <= SOON_US) {
                    asked.answered.get_or_insert(mac);
                }
            }
            Some(Packet::Claim(mac)) => claims.push((at_us, mac)),
            None => {}
        }
    }
    let mut questions: Vec<Question> = questions.into_values().collect();
    // The answers to the last ones are not in it.
    let end_us = questions.last().map_or(0, |last| last.sent_us);
    questions.retain(|question| question.answered.is_some() || question.sent_us + SOON_US < end_us);
    // The first ones wait for the neighbour.
    let from = questions
        .iter()
        .position(|question| question.answered.is_some());
    let questions = &questions[from.expect("an answer")..];
    let dense = (end_us - questions[0].sent_us) * DENSE / 1_000_000;
    assert!(
        questions.len() as u64 > dense,
        "only {} questions, not {dense}",
        questions.len()
    );
    let (mut longest, mut from) = ((0, 0), 0);
    while let Some(first) = (from..questions.len()).find(|&i| questions[i].answered.is_none()) {
        let end = (first..questions.len()).find(|&i| questions[i].answered.is_some());
        let end = end.expect("it was back at the end of the capture");
        let (before, after) = (questions[first - 1].answered, questions[end].answered);
        // While the client waits for a neighbour, it sends nothing. Before the next holder has
        // claimed the address it can't have reached it.
        let claim = claims.iter().find(|(at_us, mac)| {
            *at_us > questions[first].sent_us && before != after && Some(*mac) == after
        });
        let gone_until = questions[end - 1]
            .sent_us
            .max(claim.map_or(0, |(at_us, _)| *at_us));
        let least = gone_until - questions[first].sent_us;
        let most = questions[end].sent_us - questions[first - 1].sent_us;
        if most > longest.1 {
            longest = (least, most);
        }
        from = end;
    }
    longest
}

/// Times and frames of a capture in libpcap's format, of Ethernet.
fn frames(bytes: &[u8]) -> Vec<(u64, &[u8])> {
    assert_eq!(bytes[..4], 0xa1b2_c3d4_u32.to_ne_bytes(), "microseconds");
    let word = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap());
    assert_eq!(word(20), 1, "Ethernet");
    let mut frames = Vec::new();
    let mut at = 24;
    while at + 16 <= bytes.len() {
        let length = word(at + 8) as usize;
        let Some(frame) = bytes.get(at + 16..at + 16 + length) else {
            break; // tcpdump was stopped in the middle of it
        };
        frames.push((
            u64::from(word(at)) * 1_000_000 + u64::from(word(at + 4)),
            frame,
        ));
        at += 16 + length;
    }
    frames
}

/// A question to `vip`, or an answer from there, over IPv4 without options: of DNS over UDP, the
/// first packets of a TCP connection, the first data over it; or whose the address is by ARP.
fn packet(frame: &[u8], vip: Ipv4Addr) -> Option<Packet> {
    let half = |at: usize| Some(u16::from_be_bytes(frame.get(at..at + 2)?.try_into().ok()?));
    let word = |at: usize| Some(u32::from_be_bytes(frame.get(at..at + 4)?.try_into().ok()?));
    let address = |at: usize| Some(Ipv4Addr::from(word(at)?));
    let mac = |at: usize| Mac::try_from(frame.get(at..at + 6)?).ok();
    match (half(12)?, *frame.get(14)?) {
        (0x0800, 0x45) => {}
        (0x0806, _) if address(28)? == vip => return Some(Packet::Claim(mac(22)?)),
        _ => return None,
    }
    let (from_vip, to_vip) = (address(26)? == vip, address(30)? == vip);
    let of = |number: u32| match (from_vip, to_vip) {
        (false, true) => Some(Packet::Question((half(34)?, number))),
        (true, false) => Some(Packet::Answer((half(36)?, number), mac(6)?)),
        _ => None,
    };
    const SYN: u8 = 2;
    const PUSH: u8 = 8;
    const ACK: u8 = 16;
    match *frame.get(23)? {
        17 => of(half(42)?.into()),
        6 => {
            let (seq, ack) = (word(38)?, word(42)?);
            match (*frame.get(47)? & (SYN | PUSH | ACK), from_vip) {
                (SYN, false) => of(seq),
                (flags, true) if flags == SYN | ACK => of(ack.wrapping_sub(1)),
                // What the server sends next has the number that the client waits for.
                (flags, false) if flags == PUSH | ACK => of(ack),
                (flags, true) if flags == PUSH | ACK => of(seq),
                _ => None,
            }
        }
        _ => None,
    }
}
