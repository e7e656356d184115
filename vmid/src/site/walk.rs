//! A document against the table of keys: unknown names, missing ones, values of another type.
//! What comes out is normalised: defaults filled in, texts in one spelling, nulls left out.

use serde_json::{Map, Value};

use super::{
    fault::Faults,
    form::{self, Form},
    key::{self, Key, Kind},
    near,
};

/// The object `value` as the row `at` (`""`: the whole document, `pairs[]`: one pair) has it;
/// `path` is how messages call it.
pub(super) fn object(value: &Value, at: &str, path: &str, faults: &mut Faults) -> Value {
    let Value::Object(object) = value else {
        faults.add(path, not(value, "an object"));
        return Value::Object(Map::new());
    };
    let mut out = Map::new();
    for (name, key) in key::of_object(at) {
        let path = joined(path, name);
        match object.get(name).filter(|value| !value.is_null()) {
            Some(value) => drop(out.insert(name.to_owned(), checked(value, key, &path, faults))),
            None if key.required => faults.add(path, "is missing"),
            None if key.default.is_empty() => {}
            None => {
                // cannot fail: a test reads every default
                let value = serde_json::from_str(key.default).unwrap_or_default();
                out.insert(name.to_owned(), checked(&value, key, &path, faults));
            }
        }
    }
    for (name, value) in object {
        if name.starts_with("x-") {
            out.insert(name.clone(), value.clone());
        } else if !key::of_object(at).any(|(known, _)| known == name) {
            let known = key::of_object(at).map(|(known, _)| known);
            let hint = near::hint(name, known.clone());
            let own = match near::near(name, known) {
                Some(_) => "",
                None => " (a name of your own begins with x-)",
            };
            let what = format!("is not known{hint}{own}");
            faults.add(joined(path, &printable(name)), what);
        }
    }
    Value::Object(out)
}

/// A value as its row has it.
fn checked(value: &Value, key: &Key, path: &str, faults: &mut Faults) -> Value {
    let wrong = |expected: &str| not(value, expected);
    let refused = match key.kind {
        Kind::Any => return value.clone(),
        Kind::Object => return object(value, key.path, path, faults),
        Kind::List => match value {
            Value::Array(list) => return elements(list, key, path, faults),
            _ => wrong("a list"),
        },
        Kind::Map => match value {
            Value::Object(map) => return named(map, key, path, faults),
            _ => wrong("an object"),
        },
        Kind::Truth if value.is_boolean() => return value.clone(),
        Kind::Truth => wrong("true or false"),
        Kind::Whole(least, most) => match value.as_u64() {
            Some(number) if (least..=most).contains(&number) => return value.clone(),
            _ => wrong(&format!("a whole number from {least} to {most}")),
        },
        Kind::Number(least, most) => match value.as_f64() {
            Some(number) if number > 0.0 && (least..=most).contains(&number) => {
                return value.clone();
            }
            _ if least > 0.0 => wrong(&format!("a number from {least} to {most}")),
            _ => wrong(&format!("a number above 0, at most {most}")),
        },
        Kind::Avoid => match value {
            Value::Number(number) if number.is_u64() => return Value::String(number.to_string()),
            Value::String(text) => match Form::Avoid.check(text) {
                Ok(text) => return Value::String(text),
                Err(what) => what,
            },
            _ => wrong(Form::Avoid.expected()),
        },
        Kind::Text(form) => match value {
            Value::String(text) => match form.check(text) {
                Ok(text) => return Value::String(text),
                Err(what) => what,
            },
            _ => wrong(form.expected()),
        },
    };
    faults.add(path, refused);
    value.clone()
}

fn elements(list: &[Value], key: &Key, path: &str, faults: &mut Faults) -> Value {
    let Some(row) = key::row(&format!("{}[]", key.path)) else {
        return Value::Array(list.to_vec()); // cannot be: a test sees to it
    };
    let list = list.iter().enumerate();
    let list = list.map(|(place, value)| checked(value, row, &format!("{path}[{place}]"), faults));
    Value::Array(list.collect())
}

/// The values of a map whose names are the user's.
fn named(map: &Map<String, Value>, key: &Key, path: &str, faults: &mut Faults) -> Value {
    let Some(row) = key::row(&format!("{}.*", key.path)) else {
        return Value::Object(map.clone()); // cannot be: a test sees to it
    };
    let mut out = Map::new();
    for (name, value) in map.iter().filter(|(_, value)| !value.is_null()) {
        let path = joined(path, &printable(name));
        if name.starts_with("x-") {
            out.insert(name.clone(), value.clone());
            continue;
        }
        if Form::Line.check(name).is_err() {
            faults.add(path.clone(), "is no name");
        }
        out.insert(name.clone(), checked(value, row, &path, faults));
    }
    Value::Object(out)
}

/// "is 7, not text": objects and lists by their kind alone, as they may be long, and hold secrets.
fn not(value: &Value, expected: &str) -> String {
    let shown = match value {
        Value::String(text) => form::shown(text),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        other => other.to_string(),
    };
    format!("is {shown}, not {expected}")
}

fn joined(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    }
}

/// A name of the document in a path: a long or strange one quoted.
fn printable(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "$-_.".contains(c);
    match (1..=60).contains(&name.len()) && name.chars().all(plain) {
        true => name.to_owned(),
        false => form::shown(name),
    }
}
