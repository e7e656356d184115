//! A validating scanner for one JSON object (RFC 8259) in a buffer that may end anywhere.
//!
//! It stops where the buffer stops and goes on from there once more has been
//! read, so an object is looked at once however small the pieces it arrives in.
//! Only the object's own fields are remembered; what is nested in them is
//! checked and passed over.

use std::fmt;

/// How deep objects and arrays may be nested, the record itself included.
///
/// Nothing that Proxmox or NetBox sends comes near; the limit keeps a hostile
/// input from costing memory in whatever reads our output recursively.
pub const DEPTH_LIMIT: usize = 512;

/// The longest record in bytes; field positions are kept in 32 bits.
pub const LENGTH_LIMIT: usize = u32::MAX as usize;

/// How many fields' places are remembered, 1.3 MB at most; [`super::rest`] finds the others.
/// Few in the tests, so that every property is tried on records that have more.
pub(super) const REMEMBERED: usize = if cfg!(test) { 4 } else { 65_536 };

/// Where a field stands in the text of its record.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Field {
    /// The name without its quotes.
    pub name: (u32, u32),
    /// The value.
    pub value: (u32, u32),
    /// What the name looks like.
    pub mark: Mark,
}

/// What two names can be told apart by at a glance: their lengths and last bytes.
/// Every tool looks for several fields in every record, and most names are others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark(u16);

impl Mark {
    /// A backslash is in the name, so it must be unescaped to be compared.
    pub const ESCAPED: Self = Self(u16::MAX);

    /// That of a name. No UTF-8 text ends with the byte of [`Self::ESCAPED`].
    pub const fn of(name: &str) -> Self {
        match name.as_bytes() {
            [] => Self::new(0, b'"'),
            [.., last] => Self::new(name.len(), *last),
        }
    }

    /// That of the name at `from`, before which its opening quote stands.
    #[inline]
    fn at(text: &[u8], from: usize, to: usize) -> Self {
        Self::new(to - from, text[to - 1])
    }

    const fn new(length: usize, last: u8) -> Self {
        Self((length as u16) << 8 | last as u16)
    }
}

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

/// What is wrong with the text, and at which of its bytes.
#[derive(Debug)]
pub(super) struct Fault {
    pub at: usize,
    pub what: Defect,
}

/// The rule of the grammar that was broken.
#[derive(Clone, Copy, Debug)]
pub(super) enum Defect {
    Unexpected { wanted: &'static str, found: u8 },
    Control(u8),
    Escape,
    Number,
    Word,
    TooDeep,
    TooLong,
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Unexpected { wanted, found } => {
                write!(f, "expected {wanted}, found {}", Shown(found))
            }
            Self::Control(found) => {
                write!(f, "{} inside a string must be escaped", Shown(found))
            }
            Self::Escape => f.write_str("an escape in a string is not one of JSON's"),
            Self::Number => f.write_str("a number is not spelled as JSON allows"),
            Self::Word => f.write_str("a bare word is not true, false or null"),
            Self::TooDeep => write!(f, "nested deeper than {DEPTH_LIMIT} levels"),
            Self::TooLong => write!(f, "longer than {LENGTH_LIMIT} bytes"),
        }
    }
}

/// A byte as a person can read it.
pub(super) struct Shown(pub u8);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            byte @ 0x21..=0x7e => write!(f, "`{}`", char::from(byte)),
            byte => write!(f, "byte 0x{byte:02x}"),
        }
    }
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

/// How much of a number has been passed (RFC 8259, section 6).
#[derive(Clone, Copy, Debug)]
enum Number {
    Sign,
    Zero,
    Whole,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
}

impl Number {
    /// Where `byte` leads to, none if it is no part of the number.
    fn next(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::Sign, b'0') => Self::Zero,
            (Self::Sign, b'1'..=b'9') | (Self::Whole, b'0'..=b'9') => Self::Whole,
            (Self::Zero | Self::Whole, b'.') => Self::Point,
            (Self::Point | Self::Fraction, b'0'..=b'9') => Self::Fraction,
            (Self::Zero | Self::Whole | Self::Fraction, b'e' | b'E') => Self::Exponent,
            (Self::Exponent, b'+' | b'-') => Self::ExponentSign,
            (Self::Exponent | Self::ExponentSign | Self::ExponentDigits, b'0'..=b'9') => {
                Self::ExponentDigits
            }
            _ => return None,
        })
    }

    /// A number may end here, before `byte`: not with a sign or point, and not
    /// in a zero that digits follow.
    fn may_end(self, byte: u8) -> bool {
        match self {
            Self::Sign | Self::Point | Self::Exponent | Self::ExponentSign => false,
            Self::Zero => !byte.is_ascii_digit(),
            Self::Whole | Self::Fraction | Self::ExponentDigits => true,
        }
    }
}

/// The state of a scan between two pieces of input.
#[derive(Debug)]
pub(super) struct Scanner {
    /// The next byte to look at, counted from the object's first.
    pub at: usize,
    /// The fields found so far, [`REMEMBERED`] at most; the last one's value may still be missing.
    pub fields: Vec<Field>,
    /// Where the name of the first field begins that is not among them; 0 if all are.
    pub rest: usize,
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
            rest: 0,
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
        self.rest = 0;
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
                        if self.fields.len() == REMEMBERED && self.rest == 0 {
                            self.rest = self.at;
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
        let own = self.open.len() == 1 && self.rest == 0;
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
        if self.open.len() == 1 && self.rest == 0 {
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

/// A token at the start of a piece of text.
enum Token {
    Long(usize),
    Unfinished,
    Wrong,
}

/// The field whose name's opening quote is at `at`, if it is of the plainest form
/// and its value is sure to end.
#[inline]
fn plain_field(text: &[u8], at: usize) -> Option<Field> {
    let name_from = at + 1;
    let name_to = name_from + plain_run(&text[name_from..]);
    let value_from = name_to + 2;
    let Some(b"\":") = text.get(name_to..value_from) else {
        return None;
    };
    let value_to = match text.get(value_from)? {
        b'"' => {
            let end = value_from + 1 + plain_run(&text[value_from + 1..]);
            let Some(b'"') = text.get(end) else {
                return None;
            };
            end + 1
        }
        b'1'..=b'9' => {
            let digits = text[value_from..].iter().take_while(|b| b.is_ascii_digit());
            value_from + digits.count()
        }
        _ => return None,
    };
    // A number may go on behind its digits, or behind the end of the buffer.
    let Some(b',' | b'}') = text.get(value_to) else {
        return None;
    };
    Some(Field {
        name: (name_from as u32, name_to as u32),
        value: (value_from as u32, value_to as u32),
        mark: Mark::at(text, name_from, name_to),
    })
}

/// How many of the first bytes are ordinary string content: neither quote, backslash nor control.
#[inline]
fn plain_run(bytes: &[u8]) -> usize {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let mut run = 0;
    while let Some(chunk) = bytes[run..].first_chunk() {
        let word = u64::from_le_bytes(*chunk);
        // The lowest set bit of `x - LOW * n & !x & HIGH` marks the first byte of x that
        // is below n exactly; a borrow can only set wrong bits above it (Mycroft's test).
        // None of the three tests changes the high bit that `!x` asks for.
        let control = word.wrapping_sub(LOW * 0x20);
        let quote = (word ^ (LOW * 0x22)).wrapping_sub(LOW);
        let escape = (word ^ (LOW * 0x5c)).wrapping_sub(LOW);
        let stop = (control | quote | escape) & !word & HIGH;
        if stop != 0 {
            return run + (stop.trailing_zeros() / 8) as usize;
        }
        run += 8;
    }
    let rest = bytes[run..].iter();
    run + rest
        .take_while(|&&byte| byte >= 0x20 && byte != b'"' && byte != b'\\')
        .count()
}

/// The escape that the text starts with. A lone surrogate is let pass: the
/// grammar allows it (RFC 8259, 8.2), and we hand it on as it is.
fn escape(text: &[u8]) -> Token {
    match text.get(1) {
        None => Token::Unfinished,
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Token::Long(2),
        Some(b'u') => {
            let digits = &text[2..text.len().min(6)];
            if !digits.iter().all(u8::is_ascii_hexdigit) {
                Token::Wrong
            } else if digits.len() < 4 {
                Token::Unfinished
            } else {
                Token::Long(6)
            }
        }
        Some(_) => Token::Wrong,
    }
}

/// The literal that the text starts with.
fn word(text: &[u8]) -> Token {
    let word: &[u8] = match text[0] {
        b't' => b"true",
        b'f' => b"false",
        _ => b"null",
    };
    if text.starts_with(word) {
        Token::Long(word.len())
    } else if word.starts_with(text) {
        Token::Unfinished
    } else {
        Token::Wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanned(text: &[u8]) -> Result<Progress, Fault> {
        let mut scanner = Scanner::new();
        scanner.start(false);
        scanner.scan(text)
    }

    #[test]
    fn plain_runs_stop_at_the_first_special_byte() {
        for special in [b'"', b'\\', 0x1f, 0x00] {
            for run in 0..20 {
                let mut text = vec![b'a'; run];
                text.push(special);
                text.extend_from_slice(b"\x00\"\\ and more of it");
                assert_eq!(plain_run(&text), run, "{special:#x} after {run}");
            }
        }
        assert_eq!(plain_run("äöü€ \u{7f}".as_bytes()), 11);
    }

    #[test]
    fn grammar() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, bool)] = &[
            ("empty object",            "{}", true),
            ("all kinds",               r#"{"a":[1,-0.5e+3,true,false,null,"x",{}],"b":{"c":[]}}"#, true),
            ("leading zero",            r#"{"a":01}"#, false),
            ("lone minus",              r#"{"a":-}"#, false),
            ("dot without digit",       r#"{"a":1.}"#, false),
            ("exponent without digit",  r#"{"a":1e}"#, false),
            ("trailing comma, object",  r#"{"a":1,}"#, false),
            ("trailing comma, array",   r#"{"a":[1,]}"#, false),
            ("no colon",                r#"{"a" 1}"#, false),
            ("closed by the wrong end", r#"{"a":[1}}"#, false),
            ("lone surrogate",          r#"{"a":"\ud800"}"#, true),
            ("three hex digits",        r#"{"a":"\u12g4"}"#, false),
            ("raw tab in a string",     "{\"a\":\"\t\"}", false),
            ("word that starts right",  r#"{"a":nul1}"#, false),
            ("name without quotes",     r#"{a:1}"#, false),
            ("single quotes",           r#"{'a':1}"#, false),
        ];
        for (name, text, valid) in cases {
            assert_eq!(scanned(text.as_bytes()).is_ok(), *valid, "{name}");
        }
    }

    #[test]
    fn depth_is_limited_and_told() {
        let deep = |n: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(n), "]".repeat(n));
        assert!(scanned(deep(DEPTH_LIMIT - 1).as_bytes()).is_ok());
        let fault = scanned(deep(DEPTH_LIMIT).as_bytes()).expect_err("one level too deep");
        assert_eq!(fault.what.to_string(), "nested deeper than 512 levels");
    }

    #[test]
    fn a_scan_may_stop_at_any_byte_and_go_on() {
        let text = br#"{"n\u0061me" : "a\\\"\u12abz", "b":[-1.5e-7,true,{"c":null}],"d":0}"#;
        let mut whole = Scanner::new();
        whole.start(false);
        assert_eq!(whole.scan(text).expect("valid"), Progress::Done);
        let mut pieces = Scanner::new();
        pieces.start(false);
        for end in 1..text.len() {
            assert_eq!(
                pieces.scan(&text[..end]).expect("valid so far"),
                Progress::More,
                "{end}"
            );
        }
        assert_eq!(pieces.scan(text).expect("valid"), Progress::Done);
        let places = |s: &Scanner| {
            s.fields
                .iter()
                .map(|f| (f.name, f.value))
                .collect::<Vec<_>>()
        };
        assert_eq!(places(&whole), places(&pieces));
        assert_eq!(whole.fields.len(), 3);
    }
}
