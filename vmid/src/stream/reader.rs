//! Finds the records in a stream: JSON values one after the other, arrays, envelopes.
//!
//! An array's elements are read one at a time and an envelope (an API answer
//! around an array) is recognised before its array has been read, so that a
//! million records cost no more memory than one.

use std::io::{self, Read};

use super::{
    bad::Bad,
    envelope::Begun,
    foreign,
    record::Record,
    scan::{Progress, Scanner, Shown},
};

/// First size of the buffer: the values of a call, or a guest or two, need no more, and to
/// clear a large one takes longer than to read them.
const FIRST: usize = 8 * 1024;

/// What an input that fills it makes it grow to: two pipes' worth (Linux, pipe(7): 64 KiB).
const BUFFER: usize = 128 * 1024;

/// A longer record makes the buffer grow by doubling up to here, then by this much.
const STEP: usize = 4 * 1024 * 1024;

const NOT_UTF8: &str = "not valid UTF-8";

/// What [`Reader::poll`] found.
#[derive(Debug)]
pub enum Next<'a> {
    /// The next record.
    Record(Record<'a>),
    /// The buffer holds no complete record; call [`Reader::fill`].
    NeedInput,
    /// The input has ended where it may end.
    End,
}

/// What surrounds the next record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Nothing: the next value of the stream.
    Top,
    /// A `[` has been read.
    First,
    /// An element has been read: `,` or `]` comes next.
    Behind,
    /// A `,` has been read.
    Element,
}

/// Finds the records of an input.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// The last read filled the buffer: more will come.
    filled: bool,
    ended: bool,
    begun: bool,
    scanner: Scanner,
    scanning: bool,
    place: Place,
    in_envelope: bool,
    in_tail: bool,
    /// Bytes at the start of the buffer that the last record given out still occupies.
    given: usize,
    records: u64,
    line: u64,
    /// Only white space stands before the current place on its line.
    fresh: bool,
}

impl<R: Read> Reader<R> {
    /// Nothing is read yet.
    pub fn new(input: R) -> Self {
        Self {
            input,
            buffer: vec![0; FIRST],
            start: 0,
            end: 0,
            filled: false,
            ended: false,
            begun: false,
            scanner: Scanner::new(),
            scanning: false,
            place: Place::Top,
            in_envelope: false,
            in_tail: false,
            given: 0,
            records: 0,
            line: 1,
            fresh: true,
        }
    }

    /// Reads once from the input into the buffer.
    ///
    /// # Errors
    ///
    /// Those of the input; an interrupted call is repeated.
    pub fn fill(&mut self) -> io::Result<()> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.buffer.len() && self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == self.buffer.len() || self.filled && self.buffer.len() < BUFFER {
            let more = self.buffer.len().min(STEP);
            self.buffer.reserve_exact(more);
            self.buffer.resize(self.buffer.len() + more, 0);
        }
        let read = loop {
            match self.input.read(&mut self.buffer[self.end..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        self.end += read;
        self.filled = self.end == self.buffer.len();
        self.ended |= read == 0;
        Ok(())
    }

    /// The next record that the buffer holds.
    ///
    /// # Errors
    ///
    /// The text is not JSON, or JSON that is no stream of records.
    pub fn poll(&mut self) -> Result<Next<'_>, Bad> {
        self.consume();
        let (from, to, spaced) = match self.advance()? {
            Step::Need => return Ok(Next::NeedInput),
            Step::End => return Ok(Next::End),
            Step::Record { from, to, spaced } => (from, to, spaced),
        };
        let this: &Self = self;
        match std::str::from_utf8(&this.buffer[from..to]) {
            Ok(text) => Ok(Next::Record(Record {
                text,
                fields: &this.scanner.fields,
                trailing: this.scanner.trailing,
                spaced,
            })),
            // A record inside an envelope was checked with it, so `from` is where the object starts.
            Err(error) => Err(this.bad_at(error.valid_up_to(), NOT_UTF8.to_owned())),
        }
    }

    /// Passes the record that was given out last.
    fn consume(&mut self) {
        if self.given > 0 {
            self.start += std::mem::take(&mut self.given);
            self.line += std::mem::take(&mut self.scanner.lines);
            self.fresh = false;
            self.records += 1;
        }
    }

    fn advance(&mut self) -> Result<Step, Bad> {
        loop {
            if self.scanning {
                match self.scan()? {
                    Some(step) => return Ok(step),
                    None => continue,
                }
            }
            let Some(byte) = self.next_byte() else {
                if !self.ended {
                    return Ok(Step::Need);
                }
                return match self.place {
                    Place::Top => Ok(Step::End),
                    _ => Err(self.bad("the input ends inside an array")),
                };
            };
            self.token(byte)?;
        }
    }

    /// Passes white space (and a byte order mark before anything else).
    fn next_byte(&mut self) -> Option<u8> {
        if !self.begun {
            const MARK: &[u8] = b"\xef\xbb\xbf";
            let head = &self.buffer[self.start..self.end];
            if head.len() < MARK.len() && MARK.starts_with(head) && !self.ended {
                return None;
            }
            self.begun = true;
            if head.starts_with(MARK) {
                self.start += MARK.len();
            }
        }
        while self.start < self.end {
            match self.buffer[self.start] {
                b'\n' => {
                    self.line += 1;
                    self.fresh = true;
                }
                b' ' | b'\t' | b'\r' => {}
                byte => return Some(byte),
            }
            self.start += 1;
        }
        None
    }

    /// A byte between records.
    fn token(&mut self, byte: u8) -> Result<(), Bad> {
        match (self.place, byte) {
            (Place::Top | Place::First | Place::Element, b'{') => {
                self.scanner.start(self.place == Place::Top);
                self.scanning = true;
                return Ok(());
            }
            (Place::Top, b'[') => self.place = Place::First,
            (Place::Behind, b',') => self.place = Place::Element,
            (Place::First | Place::Behind, b']') => {
                self.place = Place::Top;
                self.in_tail = std::mem::take(&mut self.in_envelope);
                if self.in_tail {
                    self.scanner.start_behind_value();
                    self.scanning = true;
                }
            }
            (Place::Behind, _) => {
                return Err(self.bad(format!(
                    "expected `,` or `]` in the array, found {}",
                    Shown(byte)
                )));
            }
            (Place::Top, _) if self.records == 0 => {
                let known = foreign::told(&self.buffer[self.start..self.end]);
                return Err(self.bad(known.unwrap_or_else(|| not_a_record(byte, self.place))));
            }
            _ => return Err(self.bad(not_a_record(byte, self.place))),
        }
        self.start += 1;
        self.fresh = false;
        Ok(())
    }

    /// Goes on in the object at hand; nothing if it was no record.
    fn scan(&mut self) -> Result<Option<Step>, Bad> {
        let text = &self.buffer[self.start..self.end];
        match self.scanner.scan(text) {
            Err(fault) => Err(self.bad_at(fault.at, fault.what.to_string())),
            Ok(Progress::More) if self.ended => {
                let what = if self.in_tail {
                    "an envelope"
                } else {
                    "a record"
                };
                Err(self.bad_at(self.scanner.at, format!("the input ends inside {what}")))
            }
            Ok(Progress::More) => Ok(Some(Step::Need)),
            Ok(Progress::Array) => {
                self.array_of_a_field()?;
                Ok(None)
            }
            Ok(Progress::Done) => self.object(),
        }
    }

    /// A field of a top-level object starts with `[`: the array of an envelope, or just a value.
    fn array_of_a_field(&mut self) -> Result<(), Bad> {
        let begun = self.begun_object();
        let (watch, is_envelope) = (begun.may_be_envelope(), begun.is_envelope());
        self.scanner.watch = watch;
        if !is_envelope {
            return Ok(());
        }
        self.check_text(&self.buffer[self.start..self.start + self.scanner.at])?;
        self.refuse(self.begun_object().next_page())?;
        self.pass(self.scanner.at);
        self.scanning = false;
        self.in_envelope = true;
        self.place = Place::First;
        Ok(())
    }

    /// A complete object: a record, or an envelope around one or none, or an envelope's end.
    fn object(&mut self) -> Result<Option<Step>, Bad> {
        let (from, length) = (self.start, self.scanner.at);
        self.scanning = false;
        let text = &self.buffer[from..from + length];
        if self.in_tail {
            self.in_tail = false;
            self.check_text(text)?;
            self.refuse(self.begun_object().lost())?;
            self.refuse(self.begun_object().next_page())?;
            self.pass(length);
            return Ok(None);
        }
        if self.place != Place::Top {
            self.place = Place::Behind;
        } else if !self.begun_object().is_plain() {
            self.check_text(text)?;
            self.refuse(self.begun_object().no_records())?;
            if let Some((inner_from, inner_to)) = self.begun_object().only_data() {
                self.refuse(self.begun_object().next_page())?;
                return Ok(Some(self.single(
                    from + inner_from,
                    from + inner_to,
                    length,
                )));
            }
        }
        let spaced = self.scanner.spaced;
        self.given = length;
        Ok(Some(Step::Record {
            from,
            to: from + length,
            spaced,
        }))
    }

    /// The object at hand, as far as it has been read.
    fn begun_object(&self) -> Begun<'_> {
        Begun {
            text: &self.buffer[self.start..self.end],
            scanner: &self.scanner,
        }
    }

    /// Stops at `what` is wrong, if something is.
    fn refuse(&self, what: Option<String>) -> Result<(), Bad> {
        what.map_or(Ok(()), |what| Err(self.bad(what)))
    }

    /// The object at hand is valid UTF-8; a record is looked at when it is given out.
    fn check_text(&self, text: &[u8]) -> Result<(), Bad> {
        let check = std::str::from_utf8(text);
        check
            .map(|_| ())
            .map_err(|error| self.bad_at(error.valid_up_to(), NOT_UTF8.to_owned()))
    }

    /// The one record of an envelope.
    fn single(&mut self, from: usize, to: usize, length: usize) -> Step {
        let lines = self.scanner.lines;
        self.scanner.start(false);
        // cannot fail: the text was scanned as a part of its envelope
        let _ = self.scanner.scan(&self.buffer[from..to]);
        self.scanner.lines = lines;
        self.given = length;
        Step::Record {
            from,
            to,
            spaced: self.scanner.spaced,
        }
    }

    /// Passes `length` bytes that the scanner has looked at.
    fn pass(&mut self, length: usize) {
        self.start += length;
        self.line += self.scanner.lines;
        self.scanner.lines = 0;
        self.fresh = false;
    }

    fn bad(&self, what: impl Into<String>) -> Bad {
        let line = self.fresh.then_some(self.line);
        Bad {
            record: self.records + 1,
            line,
            what: what.into(),
        }
    }

    /// As [`Self::bad`], `at` bytes into the object at hand.
    fn bad_at(&self, at: usize, what: String) -> Bad {
        let text = &self.buffer[self.start..self.end];
        let passed = &text[..at.min(text.len())];
        let newlines = passed.iter().filter(|&&byte| byte == b'\n').count() as u64;
        let line = (self.fresh || newlines > 0).then_some(self.line + newlines);
        let column = at
            - passed
                .iter()
                .rposition(|&byte| byte == b'\n')
                .map_or(0, |nl| nl + 1);
        let unit = if newlines > 0 {
            "of that line"
        } else if self.in_tail {
            "behind the array"
        } else {
            "of the record"
        };
        Bad {
            record: self.records + 1,
            line,
            what: format!("{what} (byte {} {unit})", column + 1),
        }
    }
}

/// What one look at the buffer gave.
enum Step {
    Record {
        from: usize,
        to: usize,
        spaced: bool,
    },
    Need,
    End,
}

fn not_a_record(byte: u8, place: Place) -> String {
    let what = match byte {
        b'[' => "an array",
        b'"' => "a string",
        b'-' | b'0'..=b'9' => "a number",
        b't' | b'f' | b'n' => "a bare word",
        _ => {
            let wanted = if place == Place::First {
                "an object or `]`"
            } else {
                "a JSON object"
            };
            return format!("expected {wanted}, found {}", Shown(byte));
        }
    };
    let place = if place == Place::Top {
        ""
    } else {
        " in an array"
    };
    format!("{what}{place} is no record; records are JSON objects")
}
