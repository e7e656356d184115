//! The tokens of JSON at the start of a piece of text: strings, escapes, words, plain fields.

use super::field::{Field, Mark};

/// A token at the start of a piece of text.
pub(super) enum Token {
    Long(usize),
    Unfinished,
    Wrong,
}

/// The field whose name's opening quote is at `at`, if it is of the plainest form
/// and its value is sure to end.
#[inline]
pub(super) fn plain_field(text: &[u8], at: usize) -> Option<Field> {
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
pub(super) fn plain_run(bytes: &[u8]) -> usize {
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
pub(super) fn escape(text: &[u8]) -> Token {
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
pub(super) fn word(text: &[u8]) -> Token {
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
}
