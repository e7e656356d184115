//! Looks into a raw JSON value of a record: the elements of an array, the members of an object.
//!
//! The text was checked when the record was read, so this only has to find where
//! things end. A million `files` are looked through so; building values of them
//! would take longer than reading the list.

use vmid::stream::Value;

/// The raw elements of an array.
#[derive(Clone, Debug)]
pub struct Elements<'a>(&'a str);

/// The elements of the raw value `array`; none if it isn't an array.
#[must_use]
pub fn elements(array: &str) -> Option<Elements<'_>> {
    array.strip_prefix('[').map(Elements)
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.0 = self.0.trim_start_matches(between);
        if self.0.starts_with(']') {
            return None;
        }
        take_value(&mut self.0)
    }
}

/// The members of an object: raw names without their quotes, raw values.
#[derive(Clone, Debug)]
pub struct Members<'a>(&'a str);

/// The members of the raw value `object`; none if it isn't an object.
#[must_use]
pub fn members(object: &str) -> Option<Members<'_>> {
    object.strip_prefix('{').map(Members)
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<(&'a str, &'a str)> {
        self.0 = self.0.trim_start_matches(between);
        if self.0.starts_with('}') {
            return None;
        }
        let name = take_value(&mut self.0)?;
        self.0 = self.0.trim_start_matches(between);
        let value = take_value(&mut self.0)?;
        Some((name.get(1..name.len() - 1)?, value))
    }
}

/// Is the raw string (with its quotes) this text?
#[must_use]
pub fn is_text(raw: &str, text: &str) -> bool {
    let inner = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"'));
    inner.is_some_and(|inner| {
        inner == text || (inner.contains('\\') && Value::of(raw) == Value::Text(text.into()))
    })
}

fn between(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | ',' | ':')
}

/// Cuts off the value that `text` starts with.
fn take_value<'a>(text: &mut &'a str) -> Option<&'a str> {
    let bytes = text.as_bytes();
    let end = match bytes.first()? {
        b'"' => string_end(bytes, 0)?,
        b'{' | b'[' => {
            let (mut at, mut depth) = (0, 0_usize);
            loop {
                match bytes.get(at)? {
                    b'"' => {
                        at = string_end(bytes, at)?;
                        continue;
                    }
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth -= 1,
                    _ => {}
                }
                at += 1;
                if depth == 0 {
                    break at;
                }
            }
        }
        _ => bytes
            .iter()
            .position(|byte| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r'))
            .unwrap_or(bytes.len()),
    };
    let (value, rest) = text.split_at_checked(end)?;
    *text = rest;
    Some(value)
}

/// Where the string ends whose quote is at `at`: behind its closing quote.
fn string_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += 1;
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 1,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found() {
        let text = r#"[ {"a" : "x]\"}" , "b":[1,{"c":2}],"":-1.5e3},"s\\",[],{} ,null]"#;
        let found: Vec<_> = elements(text).unwrap().collect();
        let object = r#"{"a" : "x]\"}" , "b":[1,{"c":2}],"":-1.5e3}"#;
        assert_eq!(found, [object, r#""s\\""#, "[]", "{}", "null"]);
        let found: Vec<_> = members(object).unwrap().collect();
        let want = [("a", r#""x]\"}""#), ("b", r#"[1,{"c":2}]"#), ("", "-1.5e3")];
        assert_eq!(found, want);
        for not_one in ["{}", "1", "null", "\"\""] {
            assert!(elements(not_one).is_none());
        }
        assert!(members("[]").is_none());
    }

    #[test]
    fn texts_are_compared_as_what_they_stand_for() {
        assert!(is_text(r#""index.json.blob""#, "index.json.blob"));
        assert!(is_text(r#""index\u002ejson.blob""#, "index.json.blob"));
        assert!(!is_text(r#""index.json.blobs""#, "index.json.blob"));
        assert!(!is_text("1", "1"));
    }
}
