//! Text that came from elsewhere, made safe to show on a terminal.

use std::borrow::Cow;

/// `text` with control characters made visible: those of ASCII, DEL, C1, and the
/// marks that reorder or hide text (Unicode TR36, 3: bidi overrides, zero-width).
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_unsafe(c) {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_made_visible() {
        #[rustfmt::skip]
        let cases = [
            ("plain",         "caf\u{e9} \u{1f4e6}", "caf\u{e9} \u{1f4e6}"),
            ("escape",        "\x1b[31m",            "\\u{1b}[31m"),
            ("line feed",     "a\nb",                "a\\nb"),
            ("C1 CSI",        "\u{9b}2J",            "\\u{9b}2J"),
            ("letter mark",   "a\u{61c}b",           "a\\u{61c}b"),
            ("bidi override", "a\u{202e}b",          "a\\u{202e}b"),
        ];
        for (name, text, want) in cases {
            assert_eq!(escape(text), want, "{name}");
        }
    }
}
