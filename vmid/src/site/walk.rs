//! A document against the table of keys: unknown names, missing ones, values of another type.
//! What comes out is normalised: defaults filled in, texts in one spelling, nulls left out.

use serde_json::{Map, Value};

use super::{
    fault::Faults,
    form::{self, Form},
    key::{self, Key, Kind},
    near,
    pointer::Pointer,
};

/// The object `value` as the row `at` (`""`: the whole document, `pairs[]`: one pair) has it;
/// `path` is how messages call it. It is taken apart, not copied: tools read the site at each
/// start.
pub(super) fn object(value: Value, at: &str, path: Pointer<'_>, faults: &mut Faults) -> Value {
    let Value::Object(object) = value else {
        faults.add(path, not(&value, "an object"));
        return Value::Object(Map::new());
    };
    let keys: Vec<(&str, &Key)> = key::of_object(at).collect();
    let mut given: Vec<Option<Value>> = keys.iter().map(|_| None).collect();
    let mut others = Vec::new();
    for (name, value) in object {
        match keys.iter().position(|(known, _)| *known == name) {
            Some(place) => given[place] = Some(value).filter(|value| !value.is_null()),
            None => others.push((name, value)),
        }
    }
    let mut out = Map::with_capacity(keys.len());
    for (&(name, key), value) in keys.iter().zip(given) {
        let path = Pointer::Member(&path, name);
        let default = || match key.default {
            "" => None,
            default => serde_json::from_str(default).ok(), // cannot fail: a test reads every default
        };
        match value.or_else(default) {
            Some(value) => drop(out.insert(name.to_owned(), checked(value, key, path, faults))),
            None if key.required => faults.add(path, "is missing"),
            None => {}
        }
    }
    for (name, value) in others {
        if name.starts_with("x-") {
            out.insert(name, value);
        } else {
            faults.add(Pointer::Member(&path, &name), not_known(&name, &keys));
        }
    }
    Value::Object(out)
}

fn not_known(name: &str, keys: &[(&str, &Key)]) -> String {
    let known = keys.iter().map(|(known, _)| *known);
    let own = match near::near(name, known.clone()) {
        Some(_) => "",
        None => " (a name of your own begins with x-)",
    };
    format!("is not known{}{own}", near::hint(name, known))
}

/// A value as its row has it.
fn checked(value: Value, key: &Key, path: Pointer<'_>, faults: &mut Faults) -> Value {
    let refused = match (key.kind, value) {
        (Kind::Object, value) => return object(value, key.path, path, faults),
        (Kind::List, Value::Array(list)) => return elements(list, key, path, faults),
        (Kind::Map, Value::Object(map)) => return named(map, key, path, faults),
        (Kind::Avoid, Value::Number(number)) if number.is_u64() => {
            return Value::String(number.to_string());
        }
        (Kind::Avoid, Value::String(text)) => text_of(text, Form::Avoid),
        (Kind::Text(form), Value::String(text)) => text_of(text, form),
        (kind, value) => match expected(kind, &value) {
            None => return value,
            Some(expected) => Err((not(&value, &expected), value)),
        },
    };
    match refused {
        Ok(value) => value,
        Err((what, value)) => {
            faults.add(path, what);
            value
        }
    }
}

/// The text in the form's one spelling; else what is wrong with it, and the text.
fn text_of(text: String, form: Form) -> Result<Value, (String, Value)> {
    match form.check(&text) {
        Ok(text) => Ok(Value::String(text)),
        Err(what) => Err((what, Value::String(text))),
    }
}

/// What a value of that kind had to be, which this one is not.
fn expected(kind: Kind, value: &Value) -> Option<String> {
    let expected = match kind {
        Kind::Any => return None,
        Kind::Truth if value.is_boolean() => return None,
        Kind::Whole(least, most) => match value.as_u64() {
            Some(number) if (least..=most).contains(&number) => return None,
            _ => return Some(format!("a whole number from {least} to {most}")),
        },
        Kind::Number(least, most) => match value.as_f64() {
            Some(number) if number > 0.0 && (least..=most).contains(&number) => return None,
            _ if least > 0.0 => return Some(format!("a number from {least} to {most}")),
            _ => return Some(format!("a number above 0, at most {most}")),
        },
        Kind::Truth => "true or false",
        Kind::Object | Kind::Map => "an object",
        Kind::List => "a list",
        Kind::Avoid => Form::Avoid.expected(),
        Kind::Text(form) => form.expected(),
    };
    Some(expected.to_owned())
}

fn elements(list: Vec<Value>, key: &Key, path: Pointer<'_>, faults: &mut Faults) -> Value {
    let Some(row) = key::row(&format!("{}[]", key.path)) else {
        return Value::Array(list); // cannot be: a test sees to it
    };
    let list = list.into_iter().enumerate();
    let list =
        list.map(|(place, value)| checked(value, row, Pointer::Element(&path, place), faults));
    Value::Array(list.collect())
}

/// The values of a map whose names are the user's.
fn named(map: Map<String, Value>, key: &Key, path: Pointer<'_>, faults: &mut Faults) -> Value {
    let Some(row) = key::row(&format!("{}.*", key.path)) else {
        return Value::Object(map); // cannot be: a test sees to it
    };
    let mut out = Map::with_capacity(map.len());
    for (name, value) in map.into_iter().filter(|(_, value)| !value.is_null()) {
        let path = Pointer::Member(&path, &name);
        let value = match name.starts_with("x-") {
            true => value,
            false => {
                if Form::Line.check(&name).is_err() {
                    faults.add(path, "is no name");
                }
                checked(value, row, path, faults)
            }
        };
        out.insert(name, value);
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
