//! What is wrong with JSON that isn't what it should be, in words that name what to look for.

use serde_json::error::Category;

/// Of a text that stands where something else should be, so many characters are told.
const LONGEST: usize = 60;

/// What serde_json says, without its own words; with the place where there is one.
#[must_use]
pub fn told(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    let what = match error.classify() {
        Category::Eof => "the JSON is cut off".to_owned(),
        Category::Syntax if text == "trailing characters" => {
            "something follows the end of the JSON".to_owned()
        }
        Category::Syntax => "it is no JSON".to_owned(),
        Category::Data | Category::Io => mistaken(text),
    };
    match error.line() {
        0 => what,
        1 => format!("{what} (column {})", error.column()),
        line => format!("{what} (line {line}, column {})", error.column()),
    }
}

/// A value that is missing, or another one than was expected.
fn mistaken(text: &str) -> String {
    if let Some(field) = text.strip_prefix("missing field ") {
        return format!("it has no {}", quoted(field));
    }
    if let Some(field) = text.strip_prefix("duplicate field ") {
        return format!("it has {} twice", quoted(field));
    }
    if let Some(rest) = text.strip_prefix("unknown variant ") {
        return quoted(rest).replacen(", expected one of", " is none of", 1);
    }
    let rest = text
        .strip_prefix("invalid type: ")
        .or_else(|| text.strip_prefix("invalid value: "))
        .or_else(|| text.strip_prefix("invalid length "));
    match rest.and_then(|rest| rest.split_once(", expected ")) {
        Some((got, wanted)) => format!("{} stands where {} should be", plain(got), plain(wanted)),
        None => quoted(text),
    }
}

fn quoted(text: &str) -> String {
    text.replace('`', "\"")
}

/// A type of the program in words of JSON.
fn plain(kind: &str) -> String {
    let words = match kind {
        "map" => "an object",
        "sequence" | "a sequence" => "a list",
        "a map" => "an object",
        "a string" | "a borrowed string" => "a text",
        "a boolean" => "true or false",
        kind if kind.starts_with("struct ") || kind.starts_with("internally tagged") => "an object",
        kind if kind.starts_with("enum ") || kind.contains("variant") => "a name",
        kind if ["u8", "u16", "u32", "u64", "usize"].contains(&kind) => "a whole number",
        kind if ["i64", "i32", "f64"].contains(&kind) => "a number",
        kind => match kind.split_once(' ') {
            // A number stands between two backticks.
            Some(("integer" | "float" | "boolean", value)) => return value.replace('`', ""),
            Some(("string", value)) => return value.chars().take(LONGEST).collect(),
            _ => return quoted(kind),
        },
    };
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{plan::record::Action, state::Space};

    #[test]
    fn without_words_of_the_library() {
        #[rustfmt::skip]
        let cases = [
            ("cut off",         r#"{"free":1"#,               "the JSON is cut off (column 9)"),
            ("nothing",         "",                           "the JSON is cut off (column 0)"),
            ("a page",          "<html>",                     "it is no JSON (column 1)"),
            ("two",             r#"{"free":1,"total":1}{}"#,  "something follows the end of the JSON (column 21)"),
            ("missing",         r#"{"free":1}"#,              "it has no \"total\" (column 10)"),
            ("twice",           r#"{"free":1,"free":1}"#,     "it has \"free\" twice (column 16)"),
            ("another type",    r#"{"free":"much"}"#,         "\"much\" stands where a whole number should be (column 14)"),
            ("null",            r#"{"free":null}"#,           "null stands where a whole number should be (column 12)"),
            ("negative",        r#"{"free":-5}"#,             "-5 stands where a whole number should be (column 10)"),
        ];
        for (name, text, want) in cases {
            let error = serde_json::from_str::<Space>(text).unwrap_err();
            assert_eq!(told(&error), want, "{name}");
        }
        let error = serde_json::from_str::<Action>("\"fly\"").unwrap_err();
        assert!(
            told(&error).starts_with("\"fly\" is none of \"live\", \"restart\""),
            "{}",
            told(&error)
        );
    }
}
