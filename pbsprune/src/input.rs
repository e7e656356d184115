//! The snapshot list on standard input: there, or not a byte of it.
//!
//! An upstream that failed must not look like a datastore in which all is well: nothing at
//! all is no list, `[]` is one.

use std::io::{self, Read};

use vmid::exit::Stop;

use crate::list::{List, WANTED};

/// Reads the list that somebody must have sent; rows without a namespace are in `ns`.
///
/// # Errors
///
/// As [`List::read`]; nothing came at all, and not `allow_empty`.
pub fn list(input: impl Read, ns: &str, allow_empty: bool) -> Result<List, Stop> {
    let mut input = Noted::of(input);
    let read = List::read(&mut input, ns);
    let list = read.map_err(|stop| match input.first {
        // The first byte of a box-drawing character, with which the client's table for people begins.
        Some(0xe2) => stop.hint(WANTED),
        _ => stop,
    })?;
    if input.something || allow_empty {
        return Ok(list);
    }
    let what = anyhow::anyhow!("no snapshot list came in: standard input is empty");
    Err(Stop::input(what)
        .hint("look at what should have sent it; --allow-empty if there is really none"))
}

/// A reader that notes whether anything came but white space and a byte order mark.
#[derive(Debug)]
pub struct Noted<R> {
    input: R,
    /// Something came.
    pub something: bool,
    /// The first byte that isn't white space.
    first: Option<u8>,
}

impl<R> Noted<R> {
    /// Nothing has come yet.
    pub fn of(input: R) -> Self {
        Self {
            input,
            something: false,
            first: None,
        }
    }
}

impl<R: Read> Read for Noted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        let mut bytes = buffer[..count].iter().copied();
        let mark = |b: &u8| [0xEF, 0xBB, 0xBF].contains(b);
        self.first = self
            .first
            .or_else(|| bytes.find(|b| !b.is_ascii_whitespace() && !mark(b)));
        // The bytes of a byte order mark are none of any other JSON outside of a text.
        let nothing = |b: &u8| b.is_ascii_whitespace() || matches!(b, 0xEF | 0xBB | 0xBF);
        self.something = self.something || !buffer[..count].iter().all(nothing);
        Ok(count)
    }
}
