//! The scanner against serde_json: on any bytes, and on JSON that was broken, both
//! say the same of what is JSON and what is not.

use proptest::{collection::vec, prelude::*, sample::select};
use serde::de::IgnoredAny;

use super::{
    super::DEPTH_LIMIT,
    byte, change, changed,
    json::{Object, elements, object, value},
    one_of, read, times,
};

/// How many records our reader finds; none if that is no stream of records.
fn by_us(text: &[u8]) -> Option<usize> {
    let (records, bad) = read(text);
    bad.is_none().then_some(records.len())
}

/// The same as serde_json sees it, with our own rules added: UTF-8 (which it does not
/// look at in what it ignores), the limit of depth, objects only. Knows no envelopes.
fn by_serde_json(text: &[u8]) -> Option<usize> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    std::str::from_utf8(text).ok()?;
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<IgnoredAny>();
    let (mut count, mut from) = (0, 0);
    while let Some(value) = values.next() {
        value.ok()?;
        let value = text[from..values.byte_offset()].trim_ascii_start();
        from = values.byte_offset();
        let (depth, elements) = measured(value);
        count += match value[0] {
            b'{' if depth <= DEPTH_LIMIT => 1,
            b'[' if depth <= 1 + DEPTH_LIMIT => elements?,
            _ => return None,
        };
    }
    Some(count)
}

/// How deep a valid value is nested, and how many elements it has, if all of them are objects.
fn measured(text: &[u8]) -> (usize, Option<usize>) {
    let (mut open, mut depth, mut objects, mut others) = (0, 0, 0, 0);
    let (mut string, mut escaped, mut first) = (false, false, false);
    for byte in text {
        if open == 1 && first && !b" \t\r\n]".contains(byte) {
            first = false;
            *if *byte == b'{' {
                &mut objects
            } else {
                &mut others
            } += 1;
        }
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => string = !string,
            b'{' | b'[' if !string => {
                first = open == 0;
                open += 1;
                depth = depth.max(open);
            }
            b'}' | b']' if !string => open -= 1,
            b',' if !string && open == 1 => first = true,
            _ => {}
        }
    }
    (depth, (others == 0).then_some(objects))
}

/// Starts of a record, each where something else may follow.
const HEADS: [&str; 12] = [
    "{",
    "{\"x\":",
    "{\"x\":0",
    "{\"x\":1",
    "{\"x\":-",
    "{\"x\":\"",
    "{\"x\":[",
    "{\"x\":[1",
    "{\"x\":[{}",
    "{\"x\":{\"a\":1",
    "{\"x\":0,\"a\":",
    "[{\"x\":0}",
];

/// Ends, not all of which fit.
const TAILS: [&str; 6] = ["", "}", "\"}", "]}", "}}", "]"];

proptest! {
    #![proptest_config(times(40))]

    #[test]
    fn any_arrays(tokens in vec(one_of(r#"[ ] [ ] , , {} {} {"a":1} [] 1 null"#), 0..8)) {
        let text = tokens.concat();
        prop_assert_eq!(by_us(text.as_bytes()), by_serde_json(text.as_bytes()), "{}", text);
    }

    #[test]
    fn any_tokens(
        head in select(&HEADS[..]),
        tokens in vec(one_of(r#"{ } [ ] , : " "a" "a": 1 0 - . e null t \ \v \u12 012"#), 0..8),
        tail in select(&TAILS[..]),
    ) {
        let text = [head, &tokens.concat(), tail].concat();
        prop_assert_eq!(by_us(text.as_bytes()), by_serde_json(text.as_bytes()), "{}", text);
    }

    #[test]
    fn any_bytes(
        head in select(&HEADS[..]),
        bytes in vec(byte(), 0..12),
        tail in select(&TAILS[..]),
    ) {
        let text = [head.as_bytes(), &bytes, tail.as_bytes()].concat();
        prop_assert_eq!(by_us(&text), by_serde_json(&text), "{}", text.escape_ascii());
    }
}

proptest! {
    #![proptest_config(times(5))]

    #[test]
    fn broken_records(object in object(), changes in vec(change(), 0..4)) {
        let text = changed(&object.text, &changes);
        prop_assert_eq!(by_us(&text), by_serde_json(&text), "{}", text.escape_ascii());
    }

    #[test]
    fn broken_streams(
        mark in select(&["", "", "\u{feff}"][..]),
        values in vec((object(), 0..4), 0..3),
        changes in vec(change(), 0..3),
        whole in prop::bool::weighted(0.75),
    ) {
        let value = |(object, form): &(Object, i32)| match form {
            0 => object.text.clone() + "\n",
            1 => format!("[{}]", object.text),
            2 => elements(&[object.clone(), object.clone()]),
            _ => "[ ]\n".to_owned(),
        };
        let text = mark.to_owned() + &values.iter().map(value).collect::<String>();
        let mut text = if text.is_empty() { Vec::new() } else { changed(&text, &changes) };
        text.truncate(if whole { text.len() } else { text.len() / 2 });
        prop_assert_eq!(by_us(&text), by_serde_json(&text), "{}", text.escape_ascii());
    }

    #[test]
    fn deep_records(
        levels in DEPTH_LIMIT - 6..DEPTH_LIMIT + 3,
        every in 1_usize..9,
        inner in value(),
        missing in 0_usize..2,
        in_array: bool,
    ) {
        let brackets = |kinds: [&'static str; 2]| {
            move |level: usize| kinds[usize::from(level.is_multiple_of(every))]
        };
        let head: String = (1..levels).map(brackets(["{\"a\":", "["])).collect();
        let tail: String = (1 + missing..levels).rev().map(brackets(["}", "]"])).collect();
        let text = format!("{{\"x\":{head}{}{tail}}}", inner.raw);
        let text = if in_array { format!("[{text}]") } else { text };
        prop_assert_eq!(by_us(text.as_bytes()), by_serde_json(text.as_bytes()));
    }
}

proptest! {
    /// A byte order mark that is cut off is not the start of a record, nor waited for.
    #[test]
    fn broken_byte_order_marks(length in 0_usize..4, behind in vec(byte(), 0..3)) {
        let text = [&b"\xef\xbb\xbf"[..length], &behind].concat();
        prop_assert_eq!(by_us(&text), by_serde_json(&text), "{}", text.escape_ascii());
    }
}
