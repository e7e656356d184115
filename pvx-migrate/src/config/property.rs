//! PVE's spelling of values: property strings, sizes, numbered keys.

use serde_json::Value;

use crate::state::is_true;

/// A property string: `a,b=c,d=e`.
pub struct Options<'a>(pub &'a str);

impl<'a> Options<'a> {
    /// Names and values; of one without a name the name is empty.
    pub fn pairs(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let parts = self.0.split(',').map(str::trim);
        parts.map(|part| part.split_once('=').unwrap_or(("", part)))
    }

    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.pairs()
            .find_map(|(key, value)| (key == name).then_some(value))
    }

    /// The part without a name.
    pub fn first(&self) -> Option<&'a str> {
        self.get("").filter(|value| !value.is_empty())
    }
}

/// `net0` for `net`.
pub fn is_numbered(key: &str, name: &str) -> bool {
    key.strip_prefix(name)
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

/// A boolean as PVE spells it.
pub fn is_on(value: Option<&str>) -> bool {
    value.is_some_and(|value| is_true(&Value::from(value)))
}

/// A MAC address.
pub fn is_mac(word: &str) -> bool {
    word.len() == 17
        && word.bytes().enumerate().all(|(at, byte)| match at % 3 {
            2 => byte == b':',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// `32G`, `700M`, `4K`, `1T`, or bytes; fractions as PVE writes them (`1.5G`).
pub fn bytes(text: &str) -> u64 {
    let split = text
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor: u64 = match unit {
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        "T" => 1 << 40,
        _ => 1,
    };
    number.parse::<u64>().map_or_else(
        |_| {
            number
                .parse::<f64>()
                .map_or(0, |n| (n * factor as f64) as u64)
        },
        |n| n.saturating_mul(factor),
    )
}

/// A value as text; null is none.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
