//! Properties of the record stream and of what `vmid` makes of it, on generated input.
//!
//! What comes in goes out byte for byte ([`lossless`]); what is JSON is decided as
//! serde_json decides it ([`grammar`]); no input makes a command panic ([`run`]);
//! encode and decode are inverse for any table of networks ([`site`]).

use std::io::{self, Read};

use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, Select, select},
};

use super::{Bad, Kept, Lines, Next, Reader, parse};

mod grammar;
mod json;
mod lossless;
mod run;
mod site;

/// So many times the usual number of cases, which the environment may raise (PROPTEST_CASES).
fn times(factor: u32) -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig {
        cases: usual.cases * factor,
        ..usual
    }
}

/// One of the words of a text.
fn one_of(words: &'static str) -> Select<&'static str> {
    select(words.split_whitespace().collect::<Vec<_>>())
}

/// Gives its text in pieces of these sizes, again and again; a size of 0 is an interrupted call.
struct Pieces<'a> {
    text: &'a [u8],
    sizes: std::iter::Cycle<std::slice::Iter<'a, usize>>,
}

impl<'a> Pieces<'a> {
    fn new(text: &'a [u8], sizes: &'a [usize]) -> Self {
        let sizes = sizes.iter().cycle();
        Self { text, sizes }
    }
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = *self.sizes.next().unwrap();
        if size == 0 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let (piece, rest) = self
            .text
            .split_at(size.min(buffer.len()).min(self.text.len()));
        buffer[..piece.len()].copy_from_slice(piece);
        self.text = rest;
        Ok(piece.len())
    }
}

/// Sizes of pieces; one of them at least is not 0.
fn sizes() -> impl Strategy<Value = Vec<usize>> {
    let size = prop_oneof![4 => 1_usize..5, 2 => 1_usize..100, 1 => Just(0)];
    vec(size, 0..6).prop_map(|sizes| [&sizes[..], &[3]].concat())
}

/// The records of an input, and what was wrong behind them.
fn read(input: impl Read) -> (Vec<Kept>, Option<Bad>) {
    let mut reader = Reader::new(input);
    let mut records = Vec::new();
    loop {
        match reader.poll() {
            Ok(Next::Record(record)) => records.push(record.keep()),
            Ok(Next::NeedInput) => reader.fill().unwrap(),
            Ok(Next::End) => return (records, None),
            Err(bad) => return (records, Some(bad)),
        }
    }
}

/// The fields of each record, raw.
fn fields(records: &[Kept]) -> Vec<Vec<(String, String)>> {
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let of_record = |kept: &Kept| kept.record().fields().map(owned).collect();
    records.iter().map(of_record).collect()
}

/// What is written of records with the fields of `set`.
fn written(records: &[Kept], set: &[(&str, &str)], terminal: bool) -> String {
    let mut text = Vec::new();
    let mut lines = Lines::new(&mut text, terminal);
    for kept in records {
        lines.write(kept.record(), set).unwrap();
    }
    drop(lines);
    String::from_utf8(text).unwrap()
}

/// Bytes that mean something in JSON, and any others.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![
        4 => select(&b"{}[]\",:\\/u0123456789abcdefEnrtlsvx+-. \t\n\r"[..]),
        1 => any::<u8>(),
        1 => select(&b"\x00\x1f\x7f\x80\xbf\xc3\xe2\xed\xf0\xff"[..]),
    ]
}

/// One thing done to a text.
#[derive(Clone, Debug)]
enum Change {
    Replace(u8),
    Insert(u8),
    Delete(usize),
    Repeat(usize),
    Truncate,
}

/// What to do, and where.
fn change() -> impl Strategy<Value = (Index, Change)> {
    let what = prop_oneof![
        3 => byte().prop_map(Change::Replace),
        3 => byte().prop_map(Change::Insert),
        3 => (1_usize..4).prop_map(Change::Delete),
        1 => (1_usize..20).prop_map(Change::Repeat),
        1 => Just(Change::Truncate),
    ];
    (any::<Index>(), what)
}

/// The text, changed behind its first byte.
fn changed(text: &str, changes: &[(Index, Change)]) -> Vec<u8> {
    let mut text = text.as_bytes().to_vec();
    for (index, change) in changes {
        let at = 1 + index.index(text.len());
        let end = |length: usize| text.len().min(at + length);
        match *change {
            Change::Replace(byte) if at < text.len() => text[at] = byte,
            Change::Replace(byte) => text.push(byte),
            Change::Insert(byte) => text.insert(at, byte),
            Change::Delete(length) => drop(text.drain(at..end(length))),
            Change::Repeat(length) => {
                let piece = text[at..end(length)].to_vec();
                text.splice(at..at, piece);
            }
            Change::Truncate => text.truncate(at),
        }
    }
    text
}
