//! What libraries say of numbers and files, in words for people.

use std::borrow::Cow;

/// Texts of the standard library's parsers, and what they mean.
const PHRASES: [(&str, &str); 8] = [
    ("invalid digit found in string", "it is not a whole number"),
    (
        "number too large to fit in target type",
        "the number is too large",
    ),
    (
        "number too small to fit in target type",
        "the number is too small",
    ),
    ("number would be zero for non-zero type", "it must not be 0"),
    ("cannot parse integer from empty string", "it is empty"),
    ("cannot parse float from empty string", "it is empty"),
    ("invalid float literal", "it is not a number"),
    ("invalid IP address syntax", "it is not an IP address"),
];

/// A message without what only a programmer reads: phrases of number parsers, and ranges
/// such as `1..=4094`.
#[must_use]
pub fn plain(message: &str) -> String {
    let message = PHRASES
        .iter()
        .fold(message.to_owned(), |text, (theirs, ours)| {
            text.replace(theirs, ours)
        });
    without_ranges(&message)
}

/// `1..=4094` as `1 to 4094`; up to the highest number of its type as `1 or more`.
fn without_ranges(message: &str) -> String {
    let mut plain = String::new();
    let mut pieces = message.split("..=");
    plain.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let digits = piece.bytes().take_while(u8::is_ascii_digit).count();
        let (most, behind) = piece.split_at(digits);
        let begins = plain.ends_with(|c: char| c.is_ascii_digit());
        match most {
            _ if !begins || digits == 0 => plain.extend(["..=", piece]),
            "18446744073709551615" | "9223372036854775807" => plain.extend([" or more", behind]),
            _ => plain.extend([" to ", most, behind]),
        }
    }
    plain
}

/// A message without `(os error 2)`, the system's number of what it says in words before.
#[must_use]
pub fn without_numbers(message: &str) -> Cow<'_, str> {
    const NUMBER: &str = " (os error ";
    if !message.contains(NUMBER) {
        return message.into();
    }
    let mut pieces = message.split(NUMBER);
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let digits = piece.bytes().take_while(u8::is_ascii_digit).count();
        match piece[digits..].strip_prefix(')') {
            Some(behind) if digits > 0 => plain.push_str(behind),
            _ => plain.extend([NUMBER, piece]),
        }
    }
    plain.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_phrases() {
        #[rustfmt::skip]
        let cases = [
            ("4095 is not in 1..=4094",          "4095 is not in 1 to 4094"),
            ("in 0..=18446744073709551615, yes", "in 0 or more, yes"),
            ("no range ..=x and x..=5",          "no range ..=x and x..=5"),
            ("'x': invalid digit found in string", "'x': it is not a whole number"),
            ("-5..=5 and 1..=2.",                "-5 to 5 and 1 to 2."),
            ("nothing",                          "nothing"),
        ];
        for (text, want) in cases {
            assert_eq!(plain(text), want);
        }
    }

    #[test]
    fn numbers_of_errors() {
        #[rustfmt::skip]
        let cases = [
            ("a: No such file or directory (os error 2)",       "a: No such file or directory"),
            ("a (os error 13): b (os error 2) c",               "a: b c"),
            ("a (os error x) (os error ",                       "a (os error x) (os error "),
        ];
        for (text, want) in cases {
            assert_eq!(without_numbers(text), want);
        }
    }
}
