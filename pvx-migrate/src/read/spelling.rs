//! What PVE spells in several ways, read in one.

use serde_json::Value;

pub(super) fn list(answer: &Value) -> impl Iterator<Item = &Value> + Clone {
    answer.as_array().into_iter().flatten()
}

pub(super) fn of_type<'a>(answer: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    list(answer).filter(move |entry| entry["type"] == kind)
}

pub(super) fn text(entry: &Value, field: &str) -> Option<String> {
    entry[field].as_str().map(str::to_owned)
}

/// A number that PVE may have spelled as a text or with a fraction.
pub(super) fn number(value: &Value) -> u64 {
    match value {
        Value::Number(number) => number.as_u64().unwrap_or_else(|| {
            // What is negative or beyond 2^53 is not a size that a cluster has.
            let float = number.as_f64().unwrap_or_default();
            if float > 0.0 { float as u64 } else { 0 }
        }),
        Value::String(text) => text.trim().parse().unwrap_or_default(),
        _ => 0,
    }
}

/// A time, in seconds since 1970; none where there is none.
pub(super) fn time(value: &Value) -> Option<i64> {
    (!value.is_null())
        .then(|| i64::try_from(number(value)).ok())
        .flatten()
}

/// `a,b c` or `["a","b"]`
pub(super) fn words(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => text
            .split([',', ';', ' '])
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect(),
        Value::Array(list) => list
            .iter()
            .filter_map(|word| word.as_str().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn spellings_of_pve() {
        for (value, want) in [
            (json!(5), 5),
            (json!("5"), 5),
            (json!(5.9), 5),
            (json!(-5), 0),
            (json!("x"), 0),
            (Value::Null, 0),
        ] {
            assert_eq!(number(&value), want, "{value}");
        }
        for value in [json!("a,b"), json!("a b"), json!(["a", "b"])] {
            assert_eq!(words(&value), ["a", "b"], "{value}");
        }
    }
}
