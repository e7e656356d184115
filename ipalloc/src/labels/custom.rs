//! Custom fields: their names, and their values as text and as JSON. NetBox reads a selection as
//! `{"value":..,"label":..}` and a reference as an object with an `id`, and takes neither back.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};
use vmid::{
    guest,
    stream::{self, Record},
};

use crate::refused::{Code, Refused};

/// The field that holds an address's owner; nobody sets it by hand.
pub const OWN: &str = "ipalloc_key";

/// NetBox's limit for a name, in characters (`extras.models.CustomField.name`).
const NAME_LIMIT: usize = 50;

/// `NAME=VALUE`; an empty VALUE is none.
///
/// # Errors
///
/// What is wrong with it.
pub fn parse(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| format!("{text:?} is not NAME=VALUE"))?;
    parse_name(name.trim())?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

/// The field `custom_fields` of a record: an object; its values are sent as they are. Beside it
/// why a new address can't have one of them, which is left out: the column of a file may have a
/// name that no field of NetBox's has.
///
/// # Errors
///
/// [`Code::BadField`].
pub fn of(record: &Record<'_>) -> Result<(BTreeMap<String, Value>, Option<Refused>), Refused> {
    let bad = |what: String| Refused::new(Code::BadField, format!("custom_fields: {what}"));
    let raw = match record.value("custom_fields") {
        stream::Value::Absent | stream::Value::Null => return Ok((BTreeMap::new(), None)),
        stream::Value::Other(raw) => raw,
        other => return Err(bad(format!("{} is not an object", guest::spelled(&other)))),
    };
    let fields: Map<String, Value> =
        serde_json::from_str(raw).map_err(|_| bad("it is not an object".to_owned()))?;
    if let Some(number) = inexact(raw) {
        return Err(bad(format!("{number} {TOO_LONG}")));
    }
    let (mut all, mut unfit) = (BTreeMap::new(), None);
    for (name, value) in fields {
        match parse_name(&name) {
            Ok(()) => {
                all.insert(name, value);
            }
            Err(what) if name.eq_ignore_ascii_case(OWN) => return Err(bad(what)),
            Err(what) => unfit = unfit.or(Some(bad(what))),
        }
    }
    Ok((all, unfit))
}

/// What is wrong with a number of [`inexact`].
pub const TOO_LONG: &str = "is a number of more digits than can be passed on; make it a text";

/// The first number of a JSON text that would become another one: an integer of more than 64 bits,
/// a fraction that no double is written as.
#[must_use]
pub fn inexact(json: &str) -> Option<&str> {
    let mut rest = json;
    while let Some(at) = rest.find(|c: char| c == '"' || c == '-' || c.is_ascii_digit()) {
        rest = &rest[at..];
        if rest.starts_with('"') {
            rest = &rest[text_end(rest)..];
            continue;
        }
        let is_part = |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E');
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let (number, after) = rest.split_at(end);
        if !is_exact(number) {
            return Some(number);
        }
        rest = after;
    }
    None
}

/// Behind the text that JSON begins with.
fn text_end(json: &str) -> usize {
    let mut escaped = false;
    let is_end = |(at, byte): (usize, u8)| {
        let ends = at > 0 && byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    };
    let end = json.bytes().enumerate().position(is_end);
    end.map_or(json.len(), |at| at + 1)
}

/// A number stays what it is, as an integer or as a double.
#[must_use]
pub fn is_exact(number: &str) -> bool {
    let digits = |text: &str| {
        let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
        let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
        digits.trim_matches('0').to_owned()
    };
    let is_double = |double: f64| digits(&format!("{double:e}")) == digits(number);
    number.parse::<i64>().is_ok()
        || number.parse::<u64>().is_ok()
        || number.parse().is_ok_and(is_double)
}

/// The name of a custom field that may be set.
fn parse_name(name: &str) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() || name.len() > NAME_LIMIT || !name.bytes().all(plain) {
        return Err(format!(
            "{name:?} is not the name of a custom field (1 to {NAME_LIMIT} letters, digits or '_')"
        ));
    }
    if name.eq_ignore_ascii_case(OWN) {
        return Err(format!("{OWN} is ipalloc's own, and not set by hand"));
    }
    Ok(())
}

/// A value as it can be sent: of what NetBox reads, the value of a selection and the ID of an
/// object that is referred to.
#[must_use]
pub fn plain(value: &Value) -> Value {
    match value {
        Value::Object(fields) if fields.len() == 2 && fields.contains_key("label") => {
            fields.get("value").unwrap_or(value).clone()
        }
        Value::Object(fields) if is_reference(fields) => fields.get("id").unwrap_or(value).clone(),
        Value::Array(list) => list.iter().map(plain).collect(),
        other => other.clone(),
    }
}

/// Fields as a raw JSON object.
#[must_use]
pub fn object(fields: &BTreeMap<String, Value>) -> String {
    let all = fields.iter();
    let all: Map<String, Value> = all.map(|(n, v)| (n.clone(), v.clone())).collect();
    Value::Object(all).to_string()
}

/// A value as the text of a cell.
#[must_use]
pub fn shown(value: &Value) -> String {
    let is_simple = |value: &Value| !value.is_array() && !value.is_object();
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(list) if list.iter().all(is_simple) => {
            let all: Vec<String> = list.iter().map(shown).collect();
            // Else nobody could tell its values apart.
            let has_borders = |text: &String| !text.is_empty() && !text.contains([',', '"']);
            match all.iter().all(has_borders) {
                true => all.join(","),
                false => value.to_string(),
            }
        }
        other => other.to_string(),
    }
}

/// What a record has, as NetBox reads it, is what was asked for; a file has texts alone.
#[must_use]
pub fn same(asked: &Value, has: &Value) -> bool {
    match (asked, has) {
        _ if asked == has => true,
        // By attributes: those of them that NetBox says of it.
        (Value::Object(asked), Value::Object(has)) if is_reference(has) => asked
            .iter()
            .all(|(name, asked)| has.get(name).is_none_or(|has| same(asked, has))),
        (_, Value::Object(_)) => {
            let plain = plain(has);
            let is_itself = plain == *has;
            !is_itself && same(asked, &plain) || is_itself && shown(asked) == shown(has)
        }
        (Value::Array(asked), Value::Array(has)) => {
            asked.len() == has.len() && asked.iter().zip(has).all(|(asked, has)| same(asked, has))
        }
        (Value::Number(asked), Value::Number(has)) if asked.is_f64() || has.is_f64() => {
            asked.as_f64() == has.as_f64()
        }
        (Value::Bool(asked), Value::String(has)) => asked.to_string().eq_ignore_ascii_case(has),
        (Value::String(asked), Value::String(has)) => {
            let (asked, has) = (asked.trim(), has.trim()); // as a file's cells are
            // NetBox 4.7 completes the value of a URL field that has no scheme.
            let is_completed = has.strip_prefix("https://") == Some(asked);
            asked == has || is_completed || same_instant(asked, has)
        }
        _ => shown(asked).trim() == shown(has).trim(),
    }
}

/// It is what NetBox says of an object that a field refers to.
fn is_reference(fields: &Map<String, Value>) -> bool {
    fields.contains_key("url") && fields.contains_key("id")
}

/// They are one time, however it is written: NetBox writes `Z` for `+00:00`.
fn same_instant(one: &str, other: &str) -> bool {
    let instant = |text: &str| text.parse::<Timestamp>().ok();
    instant(one).is_some_and(|one| instant(other) == Some(one))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_and_values() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, Option<(&str, &str)>)] = &[
            ("a text",           "ticket=T-7",        Some(("ticket", "T-7"))),
            ("with a = in it",   "link=http://a/?b=c", Some(("link", "http://a/?b=c"))),
            ("none",             "ticket=",           Some(("ticket", ""))),
            ("a space before",   "ticket= T",         Some(("ticket", " T"))),
            ("no value",         "ticket",            None),
            ("no name",          "=T",                None),
            ("a dash in it",     "my-ticket=T",       None),
            ("a column more",    "a,b=T",             None),
            ("a new line",       "a\nb=T",            None),
            ("umlauts",          "größe=T",           None),
            ("ipalloc's own",    "ipalloc_key=web",   None),
            ("in capitals",      "IPALLOC_KEY=web",   None),
        ];
        for (name, text, want) in cases {
            let got = parse(text).ok();
            let got = got
                .as_ref()
                .map(|(name, value)| (name.as_str(), value.as_str()));
            assert_eq!(got, *want, "{name}");
        }
        let long = "a".repeat(NAME_LIMIT);
        assert!(parse(&format!("{long}=1")).is_ok() && parse(&format!("{long}a=1")).is_err());
    }

    #[test]
    fn what_is_the_same() {
        let select = json!({"value": "b", "label": "Berlin"});
        let object = json!({"id": 7, "url": "http://x/7/", "display": "x"});
        #[rustfmt::skip]
        let cases = [
            ("text",                json!("a"),          json!("a"),                 true),
            ("another",             json!("a"),          json!("A"),                 false),
            ("none",                json!(""),           Value::Null,                true),
            ("a file's number",     json!(5),            json!("5"),                 true),
            ("large numbers",       json!(9007199254740993_i64), json!(9007199254740992_i64), false),
            ("a fraction",          json!(1.5),          json!(1.50),                true),
            ("a whole one",         json!(2),            json!(2.0),                 true),
            ("a file's truth",      json!(true),         json!("True"),              true),
            ("an untruth",          json!(true),         json!(false),               false),
            ("a time",              json!("2026-11-26 11:00:00+01:00"), json!("2026-11-26T10:00:00Z"), true),
            ("another time",        json!("2026-11-26T11:00:00Z"), json!("2026-11-26T10:00:00Z"), false),
            ("a selection",         json!("b"),          select.clone(),             true),
            ("several",             json!(["b"]),        json!([select]),            true),
            ("as a file has them",  json!(["a", "b"]),   json!("a,b"),               true),
            ("an object's ID",      json!(7),            object.clone(),             true),
            ("another object",      json!(8),            object.clone(),             false),
            ("by attributes",       json!({"display": "x"}), object.clone(),         true),
            ("by others",           json!({"display": "y"}), object.clone(),         false),
            ("by what isn't said",  json!({"name": "x"}), object.clone(),            true),
            ("several of them",     json!([{"display": "x"}]), json!([object.clone()]), true),
            ("several others",      json!([{"display": "y"}]), json!([object]),      false),
            ("JSON and a number",   json!({"a": 1}),     json!(1),                   false),
            ("JSON like a selection", json!({"value": "b", "label": "B"}), json!({"value": "b", "label": "B"}), true),
            ("spaces around it",    json!(" a"),         json!("a"),                 true),
            ("a file's, too",       json!([" a"]),       json!("a"),                 true),
            ("without a scheme",    json!("a.org/x"),    json!("https://a.org/x"),   true),
            ("another scheme",      json!("a.org/x"),    json!("http://a.org/x"),    false),
            ("borders of a list",   json!(["a,b", "c"]), json!("a,b,c"),             false),
            ("as a file has those", json!(["a,b", "c"]), json!(r#"["a,b","c"]"#),    true),
            ("JSON",                json!({"a": [1]}),   json!({"a": [1]}),          true),
            ("other JSON",          json!({"a": [1]}),   json!({"a": [2]}),          false),
        ];
        for (name, asked, has, want) in cases {
            assert_eq!(same(&asked, &has), want, "{name}");
        }
    }
    #[test]
    fn numbers_that_change() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, Option<&str>)] = &[
            ("short ones",        r#"{"a":[-5,0,1.50,-0.0,2e3,1E-7]}"#,      None),
            ("the largest",       "[18446744073709551615,-9223372036854775808]", None),
            ("one more",          r#"{"a":18446744073709551616}"#,           Some("18446744073709551616")),
            ("long",              "[1,123456789012345678901234]",            Some("123456789012345678901234")),
            ("as doubles are written", "[0.30000000000000004,1.2345678901234567e+23,1e308]", None),
            ("longer",            "0.12345678901234567890",                  Some("0.12345678901234567890")),
            ("in a text",         r#"{"0.123456789012345678901\"":"\\","b":"123456789012345678901234"}"#, None),
            ("behind a text",     r#"{"\"":123456789012345678901234}"#,     Some("123456789012345678901234")),
        ];
        for (name, json, want) in cases {
            assert_eq!(inexact(json), *want, "{name}");
        }
    }
}
