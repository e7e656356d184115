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

/// The field `custom_fields` of a record: an object; its values are sent as they are.
///
/// # Errors
///
/// [`Code::BadField`].
pub fn of(record: &Record<'_>) -> Result<BTreeMap<String, Value>, Refused> {
    let bad = |what: String| Refused::new(Code::BadField, format!("custom_fields: {what}"));
    let raw = match record.value("custom_fields") {
        stream::Value::Absent | stream::Value::Null => return Ok(BTreeMap::new()),
        stream::Value::Other(raw) => raw,
        other => return Err(bad(format!("{} is not an object", guest::spelled(&other)))),
    };
    let fields: Map<String, Value> =
        serde_json::from_str(raw).map_err(|_| bad("it is not an object".to_owned()))?;
    for name in fields.keys() {
        parse_name(name).map_err(bad)?;
    }
    Ok(fields.into_iter().collect())
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
        Value::Object(fields) if fields.contains_key("url") => {
            fields.get("id").unwrap_or(value).clone()
        }
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
            all.join(",")
        }
        other => other.to_string(),
    }
}

/// What a record has (see [`plain`]) is what was asked for; a file has texts alone.
#[must_use]
pub fn same(asked: &Value, has: &Value) -> bool {
    match (asked, has) {
        // By attributes: which object that is only NetBox knows.
        (Value::Object(_), Value::Number(_)) => true,
        (Value::Array(asked), Value::Array(has)) => {
            asked.len() == has.len() && asked.iter().zip(has).all(|(asked, has)| same(asked, has))
        }
        (Value::Number(asked), Value::Number(has)) if asked.is_f64() || has.is_f64() => {
            asked.as_f64() == has.as_f64()
        }
        (Value::Bool(asked), Value::String(has)) => asked.to_string().eq_ignore_ascii_case(has),
        (Value::String(asked), Value::String(has)) => asked == has || same_instant(asked, has),
        _ => asked == has || shown(asked) == shown(has),
    }
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
            ("by attributes",       json!({"name": "x"}), object.clone(),            true),
            ("several of them",     json!([{"name": "x"}]), json!([object]),         true),
            ("JSON",                json!({"a": [1]}),   json!({"a": [1]}),          true),
            ("other JSON",          json!({"a": [1]}),   json!({"a": [2]}),          false),
        ];
        for (name, asked, has, want) in cases {
            assert_eq!(same(&asked, &plain(&has)), want, "{name}");
        }
    }
}
