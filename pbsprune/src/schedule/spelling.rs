//! Values as Proxmox spells them: numbers that are texts, truths that are numbers.

use serde_json::Value;

/// A text that isn't empty.
#[must_use]
pub fn text<'a>(row: &'a Value, name: &str) -> Option<&'a str> {
    row.get(name)?.as_str().filter(|text| !text.is_empty())
}

/// No number of Proxmox's is as large; two that are smaller can be added, and one taken from the other.
pub const LARGEST: i64 = 9_000_000_000_000_000;

/// A whole number.
#[must_use]
pub fn number(row: &Value, name: &str) -> Option<i64> {
    let value = row.get(name)?;
    let number = value
        .as_i64()
        .or_else(|| value.as_f64().map(|number| number as i64))
        .or_else(|| value.as_str()?.trim().parse().ok());
    number.filter(|number| (-LARGEST..=LARGEST).contains(number))
}

/// A truth; none where nothing is said.
#[must_use]
pub fn truth(row: &Value, name: &str) -> Option<bool> {
    match row.get(name)? {
        Value::Bool(truth) => Some(*truth),
        Value::Number(number) => Some(number.as_i64() != Some(0)),
        Value::String(text) => Some(!matches!(&**text, "" | "0" | "false" | "no" | "off")),
        _ => None,
    }
}

/// One text, or several in a list.
#[must_use]
pub fn texts(row: &Value, name: &str) -> Option<Vec<String>> {
    match row.get(name)? {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(all) => all
            .iter()
            .map(|one| one.as_str().map(str::to_owned))
            .collect(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn spellings() {
        let row = json!({"a": 1, "b": "1", "c": 1.5, "d": true, "e": "no", "f": null, "g": ["x", "y"], "h": [1], "i": "",
            "j": i64::MAX, "k": i64::MIN, "l": u64::MAX, "m": 1e300, "n": i64::MAX.to_string()});
        assert_eq!(
            ["a", "b", "c", "d", "f", "z"].map(|n| number(&row, n)),
            [Some(1), Some(1), Some(1), None, None, None]
        );
        assert_eq!(
            ["j", "k", "l", "m", "n"].map(|n| number(&row, n)),
            [None; 5]
        );
        assert_eq!(
            ["a", "b", "d", "e", "f"].map(|n| truth(&row, n)),
            [Some(true), Some(true), Some(true), Some(false), None]
        );
        assert_eq!(texts(&row, "g").unwrap(), ["x", "y"]);
        assert_eq!(
            (texts(&row, "h"), texts(&row, "f"), text(&row, "i")),
            (None, None, None)
        );
    }
}
