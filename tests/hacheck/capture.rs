//! What a capture of DNS over UDP says of an outage: the truth that `hacheck watch` is held to.
//!
//! It knows nothing of hacheck: it reads tcpdump's file, and looks at one client that asks
//! every millisecond.

use std::collections::BTreeMap;

/// A question of the client: microseconds of tcpdump's clock, and whether it was answered.
/// tcpdump sees it when it leaves, so it has not waited in the kernel for a neighbour.
struct Question {
    sent_us: u64,
    answered: bool,
}

/// Longest time to an answer, in microseconds: it takes about 200, and much more on a busy machine.
const SOON_US: u64 = 250_000;

/// How long the server was gone for the client of that port, in microseconds: at least and
/// at most. The longest time, if several.
pub fn outage_us(capture: &[u8], port: u16) -> (u64, u64) {
    let mut sent: BTreeMap<u16, u64> = BTreeMap::new();
    let mut questions: BTreeMap<u64, Question> = BTreeMap::new();
    for (at_us, frame) in frames(capture) {
        let Some((from, to, id)) = dns(frame) else {
            continue;
        };
        if from == port && to == 53 {
            sent.insert(id, at_us);
            let question = Question {
                sent_us: at_us,
                answered: false,
            };
            questions.insert(at_us, question);
        } else if from == 53
            && to == port
            && let Some(asked) = sent.get(&id).and_then(|asked| questions.get_mut(asked))
        {
            asked.answered |= at_us - asked.sent_us <= SOON_US;
        }
    }
    let mut questions: Vec<Question> = questions.into_values().collect();
    // The answers to the last ones are not in it.
    let end_us = questions.last().map_or(0, |last| last.sent_us);
    questions.retain(|question| question.answered || question.sent_us + SOON_US < end_us);
    assert!(questions.len() > 500, "only {} questions", questions.len());
    let mut longest = (0, 0);
    // The first ones wait for the neighbour.
    let mut from = questions
        .iter()
        .position(|question| question.answered)
        .expect("an answer");
    while let Some(first) = (from..questions.len()).find(|&i| !questions[i].answered) {
        let end = (first..questions.len()).find(|&i| questions[i].answered);
        let end = end.expect("it was back at the end of the capture");
        let least = questions[end - 1].sent_us - questions[first].sent_us;
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

/// Source port, destination port and ID of DNS over UDP over IPv4 without options.
fn dns(frame: &[u8]) -> Option<(u16, u16, u16)> {
    let half = |at: usize| {
        Some(u16::from_be_bytes(
            frame.get(at..at + 2)?.try_into().unwrap(),
        ))
    };
    let udp = half(12)? == 0x0800 && frame.get(14) == Some(&0x45) && frame.get(23) == Some(&17);
    udp.then(|| Some((half(34)?, half(36)?, half(42)?)))
        .flatten()
}
