//! A validating scanner for one JSON object (RFC 8259) in a buffer that may end anywhere.
//!
//! It stops where the buffer stops and goes on from there once more has been
//! read, so an object is looked at once however small the pieces it arrives in.
//! Only the object's own fields are remembered; what is nested in them is
//! checked and passed over.

mod defect;
mod field;
mod number;
mod token;

pub(super) use defect::{Defect, Fault, Shown};
pub(super) use field::{Field, Mark};
use number::Number;
use token::{Token, escape, plain_field, plain_run, word};

/// How deep objects and arrays may be nested, the record itself included.
///
/// Nothing that Proxmox or NetBox sends comes near; the limit keeps a hostile
/// input from costing memory in whatever reads our output recursively.
pub const DEPTH_LIMIT: usize = 512;

/// The longest record in bytes; field positions are kept in 32 bits.
pub const LENGTH_LIMIT: usize = u32::MAX as usize;

/// How many fields' places are remembered, 1.3 MB at most; [`super::trailing_members`] finds the others.
/// Few in the tests, so that every property is tried on records that have more.
pub(super) const REMEMBERED: usize = if cfg!(test) { 4 } else { 65_536 };

/// How far [`Scanner::scan`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// The object is complete, or a piece of it ([`Scanner::start_piece`]).
    Done,
    /// The buffer ended first.
    More,
    /// The `[` of a field's value was passed, and [`Scanner::watch`] asked to be told.
    Array,
}

/// What may come next.
#[derive(Clone, Copy, Debug)]
enum Expect {
    NameOrEnd,
    Name,
    Colon,
    Value,
    ValueOrEnd,
    CommaOrEnd,
    /// The rest of a string that the buffer's end interrupted.
    Rest {
        name: bool,
    },
    /// The rest of a number, likewise.
    Digits(Number),
}

/// The state of a scan between two pieces of input.
#[derive(Debug)]
pub(super) struct Scanner {
    /// The next byte to look at, counted from the object's first.
    pub at: usize,
    /// The fields found so far, [`REMEMBERED`] at most; the last one's value may still be missing.
    pub fields: Vec<Field>,
    /// Where the name of the first field begins that is not among them; 0 if all are.
    pub trailing: usize,
    /// White space stands between the tokens of the object, or a raw newline anywhere.
    pub spaced: bool,
    /// Newlines passed.
    pub lines: u64,
    /// Stop at a field whose value is an array.
    pub watch: bool,
    open: Vec<u8>,
    expect: Expect,
    token: usize,
    escaped: bool,
    /// Stop where the fields that can be remembered end.
    pieces: bool,
}

impl Scanner {
    pub fn new() -> Self {
        Self {
            at: 0,
            fields: Vec::new(),
            trailing: 0,
            spaced: false,
            lines: 0,
            watch: false,
            open: Vec::new(),
            expect: Expect::Value,
            token: 0,
            escaped: false,
            pieces: false,
        }
    }

    /// Starts a new object; the buffer's next byte is its `{`.
    pub fn start(&mut self, watch: bool) {
        self.at = 1;
        self.fields.clear();
        self.trailing = 0;
        self.pieces = false;
        self.spaced = false;
        self.lines = 0;
        self.watch = watch;
        self.open.clear();
        self.open.push(b'{');
        self.expect = Expect::NameOrEnd;
    }

    /// Goes on in the same object behind a value that was read by other means;
    /// positions count from there.
    pub fn start_behind_value(&mut self) {
        self.start(false);
        self.at = 0;
        self.expect = Expect::CommaOrEnd;
    }

    /// Starts at the name of a field inside an object that was scanned before, to
    /// find as many fields as can be remembered.
    pub fn start_piece(&mut self, at: usize) {
        self.start(false);
        self.at = at;
        self.expect = Expect::Name;
        self.pieces = true;
    }

    /// Looks at `text` (the object from its first byte, as far as it has been read).
    pub fn scan(&mut self, text: &[u8]) -> Result<Progress, Fault> {
        if text.len() > LENGTH_LIMIT {
            return Err(Fault {
                at: LENGTH_LIMIT,
                what: Defect::TooLong,
            });
        }
        loop {
            if let Expect::Rest { name } = self.expect {
                if !self.string(text)? {
                    return Ok(Progress::More);
                }
                self.string_ended(text, name);
                continue;
            }
            if let Expect::Digits(number) = self.expect {
                if !self.number(text, number)? {
                    return Ok(Progress::More);
                }
                self.value_ended();
                continue;
            }
            let Some(&byte) = text.get(self.at) else {
                return Ok(Progress::More);
            };
            if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                self.space(byte);
                continue;
            }
            match (self.expect, byte) {
                (Expect::NameOrEnd | Expect::Name, b'"') => {
                    if self.open.len() == 1 {
                        let before = self.at;
                        self.plain_fields(text);
                        if self.at != before {
                            continue;
                        }
                        if self.fields.len() == REMEMBERED && self.trailing == 0 {
                            self.trailing = self.at;
                            if self.pieces {
                                return Ok(Progress::Done);
                            }
                        }
                    }
                    self.open_string(true);
                }
                (Expect::Colon, b':') => {
                    self.at += 1;
                    self.expect = Expect::Value;
                }
                (Expect::CommaOrEnd, b',') => {
                    self.at += 1;
                    self.expect = if self.in_object() {
                        Expect::Name
                    } else {
                        Expect::Value
                    };
                }
                (Expect::NameOrEnd | Expect::CommaOrEnd, b'}') if self.in_object() => {
                    if self.close() {
                        return Ok(Progress::Done);
                    }
                }
                (Expect::ValueOrEnd | Expect::CommaOrEnd, b']') if !self.in_object() => {
                    self.close();
                }
                (Expect::Value | Expect::ValueOrEnd, _) => {
                    let told = self.watch && byte == b'[' && self.open.len() == 1;
                    if !self.value(text, byte)? {
                        return Ok(Progress::More);
                    }
                    if told {
                        return Ok(Progress::Array);
                    }
                }
                _ => {
                    let wanted = self.wanted();
                    return Err(self.fault(Defect::Unexpected {
                        wanted,
                        found: byte,
                    }));
                }
            }
        }
    }

    /// Passes as many fields as are of the plainest form, `"name":"text"` or
    /// `"name":123` without spaces or escapes, from the quote at `at` on. That is
    /// most of all input, and takes half the time of going token by token; at
    /// whatever is different, this stops and leaves it to the full rules.
    fn plain_fields(&mut self, text: &[u8]) {
        let mut at = self.at;
        for _ in self.fields.len()..REMEMBERED {
            let Some(field) = plain_field(text, at) else {
                break;
            };
            let end = field.value.1 as usize;
            self.fields.push(field);
            let Some(b",\"") = text.get(end..end + 2) else {
                self.at = end;
                self.expect = Expect::CommaOrEnd;
                return;
            };
            at = end + 1;
        }
        if at != self.at {
            self.at = at;
            self.expect = Expect::Name;
        }
    }

    fn space(&mut self, byte: u8) {
        self.at += 1;
        self.lines += u64::from(byte == b'\n');
        self.spaced |= self.open.len() == 1 || matches!(byte, b'\n' | b'\r');
    }

    fn in_object(&self) -> bool {
        self.open.last() == Some(&b'{')
    }

    /// The start of a value; false if the buffer ends inside it.
    fn value(&mut self, text: &[u8], byte: u8) -> Result<bool, Fault> {
        self.mark_value();
        match byte {
            b'"' => self.open_string(false),
            b'{' | b'[' => {
                if self.open.len() == DEPTH_LIMIT {
                    return Err(self.fault(Defect::TooDeep));
                }
                self.open.push(byte);
                self.at += 1;
                self.expect = if byte == b'{' {
                    Expect::NameOrEnd
                } else {
                    Expect::ValueOrEnd
                };
            }
            b'-' | b'0'..=b'9' => {
                self.token = self.at;
                self.at += usize::from(byte == b'-');
                self.expect = Expect::Digits(Number::Sign);
            }
            b't' | b'f' | b'n' => match word(&text[self.at..]) {
                Token::Long(length) => {
                    self.at += length;
                    self.value_ended();
                }
                Token::Unfinished => return Ok(false),
                Token::Wrong => return Err(self.fault(Defect::Word)),
            },
            found => {
                let wanted = self.wanted();
                return Err(self.fault(Defect::Unexpected { wanted, found }));
            }
        }
        Ok(true)
    }

    /// The field that a token of the object itself belongs to, if it is remembered.
    fn current(&mut self) -> Option<&mut Field> {
        let own = self.open.len() == 1 && self.trailing == 0;
        self.fields.last_mut().filter(|_| own)
    }

    fn mark_value(&mut self) {
        let at = self.at as u32;
        if let Some(field) = self.current() {
            field.value.0 = at;
        }
    }

    /// A value ends before `at`; if it is one of the object's own, that is a field.
    fn value_ended(&mut self) {
        self.expect = Expect::CommaOrEnd;
        let at = self.at as u32;
        if let Some(field) = self.current() {
            field.value.1 = at;
        }
    }

    /// Closes the innermost container; true if that was the object itself.
    fn close(&mut self) -> bool {
        self.at += 1;
        self.open.pop();
        if self.open.is_empty() {
            return true;
        }
        self.value_ended();
        false
    }

    fn open_string(&mut self, name: bool) {
        self.at += 1;
        self.token = self.at;
        self.escaped = false;
        self.expect = Expect::Rest { name };
    }

    fn string_ended(&mut self, text: &[u8], name: bool) {
        if !name {
            return self.value_ended();
        }
        if self.open.len() == 1 && self.trailing == 0 {
            let (from, to) = (self.token, self.at - 1);
            let mark = if self.escaped {
                Mark::ESCAPED
            } else {
                Mark::at(text, from, to)
            };
            self.fields.push(Field {
                name: (from as u32, to as u32),
                value: (0, 0),
                mark,
            });
        }
        self.expect = Expect::Colon;
    }

    /// Passes the rest of a string and its closing quote; false if the buffer ends first.
    fn string(&mut self, text: &[u8]) -> Result<bool, Fault> {
        loop {
            self.at += plain_run(&text[self.at..]);
            match text.get(self.at) {
                None => return Ok(false),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(true);
                }
                Some(b'\\') => {
                    self.escaped = true;
                    match escape(&text[self.at..]) {
                        Token::Long(length) => self.at += length,
                        Token::Unfinished => return Ok(false),
                        Token::Wrong => return Err(self.fault(Defect::Escape)),
                    }
                }
                Some(&control) => return Err(self.fault(Defect::Control(control))),
            }
        }
    }

    /// Passes the rest of a number; false if the buffer ends before it is sure to end.
    fn number(&mut self, text: &[u8], mut number: Number) -> Result<bool, Fault> {
        while let Some(&byte) = text.get(self.at) {
            if let Some(next) = number.next(byte) {
                number = next;
                self.at += 1;
            } else if number.may_end(byte) {
                return Ok(true);
            } else {
                return Err(Fault {
                    at: self.token,
                    what: Defect::Number,
                });
            }
        }
        self.expect = Expect::Digits(number);
        Ok(false)
    }

    fn wanted(&self) -> &'static str {
        match self.expect {
            Expect::NameOrEnd => "a name in quotes or `}`",
            Expect::Name => "a name in quotes",
            Expect::Colon => "`:` after a name",
            Expect::Value | Expect::Rest { .. } | Expect::Digits(_) => "a value",
            Expect::ValueOrEnd => "a value or `]`",
            Expect::CommaOrEnd if self.in_object() => "`,` or `}`",
            Expect::CommaOrEnd => "`,` or `]`",
        }
    }

    fn fault(&self, what: Defect) -> Fault {
        Fault { at: self.at, what }
    }
}

#[cfg(test)]
mod tests;
