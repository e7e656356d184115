//! Values of custom fields out of options: what a text is depends on the kind of its field.

use std::collections::BTreeMap;

use anyhow::anyhow;
use serde_json::{Number, Value};
use vmid::exit::{self, Stop};

use super::{NetBox, answer::FIELD};
use crate::labels::custom::{TOO_LONG, inexact, is_exact};

/// The list of all custom fields.
const FIELDS: &str = "/api/extras/custom-fields/?limit=1000&fields=id,name,type,object_types";

impl NetBox {
    /// The values of these fields, of whose kinds NetBox is asked once.
    pub(super) fn converted(
        &self,
        given: &[(String, String)],
    ) -> Result<BTreeMap<String, Value>, Stop> {
        let Some(kinds) = self.kinds()? else {
            exit::say(
                "ipalloc",
                "note: the token may not see custom fields, so the values of --cf are sent as text",
            );
            let all = given.iter();
            return Ok(all.map(|(n, v)| (n.clone(), Value::from(&**v))).collect());
        };
        let mut values = BTreeMap::new();
        for (name, text) in given {
            let wrong = |what: String| Stop::input(anyhow!("--cf {name}: {what}"));
            let kind = kinds.get(name).ok_or_else(|| {
                let known: Vec<&str> = kinds.keys().map(String::as_str).collect();
                let known = match known.as_slice() {
                    [] => "none".to_owned(),
                    known => known.join(", "),
                };
                let what =
                    "NetBox has no such custom field of IP addresses, or the token may not see it";
                wrong(format!("{what}; there is {known}"))
            })?;
            values.insert(name.clone(), value(kind, text).map_err(wrong)?);
        }
        Ok(values)
    }

    /// The kinds of the custom fields of addresses that may be set, by their names; none if the
    /// token may not see them.
    fn kinds(&self) -> Result<Option<BTreeMap<String, String>>, Stop> {
        let fields = match self.api.list(FIELDS) {
            Ok(fields) => fields,
            Err(stop) => {
                let answer = self.api.read(FIELDS)?;
                let is_denied = answer.status == 403 && answer.json().is_some();
                return if is_denied { Ok(None) } else { Err(stop) };
            }
        };
        let of_addresses = |field: &&Value| {
            let types = field["object_types"].as_array();
            types.is_some_and(|types| types.iter().any(|t| t == "ipam.ipaddress"))
        };
        let kinds = fields.iter().filter(of_addresses).filter_map(|field| {
            let name = field["name"].as_str().filter(|name| *name != FIELD)?;
            Some((name.to_owned(), field["type"]["value"].as_str()?.to_owned()))
        });
        Ok(Some(kinds.collect()))
    }
}

/// A text as a value of that kind (`extras.choices.CustomFieldTypeChoices`); dates, choices and
/// the text itself NetBox judges.
fn value(kind: &str, text: &str) -> Result<Value, String> {
    if text.is_empty() {
        return Ok(Value::Null);
    }
    let wrong = |what: &str| format!("{text:?} is not {what}");
    let json = || serde_json::from_str::<Value>(text).ok();
    let exact = |value: Value| match inexact(text) {
        Some(number) => Err(format!("{number} {TOO_LONG}")),
        None => Ok(value),
    };
    let trimmed = text.trim();
    match kind {
        "integer" => {
            let number: Option<i64> = trimmed.parse().ok();
            number.map(Value::from).ok_or_else(|| wrong("an integer"))
        }
        "decimal" if trimmed.parse::<f64>().is_ok_and(f64::is_finite) && !is_exact(trimmed) => {
            Err(format!("{trimmed} has more digits than can be passed on"))
        }
        "decimal" => {
            let number: Option<f64> = trimmed.parse().ok();
            let number = number.and_then(Number::from_f64).map(Value::Number);
            number.ok_or_else(|| wrong("a decimal number"))
        }
        "boolean" => match trimmed.to_ascii_lowercase().as_str() {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err(wrong("true or false")),
        },
        "json" => json().ok_or_else(|| wrong("JSON")).and_then(exact),
        "multiselect" => Ok(text.split(',').map(str::trim).map(Value::from).collect()),
        "object" => object(trimmed)
            .or_else(|| json().filter(Value::is_object))
            .ok_or_else(|| {
                wrong("an object's ID, nor attributes that name it ({\"name\":\"...\"})")
            }),
        "multiobject" => {
            let ids: Option<Vec<Value>> = text.split(',').map(|id| object(id.trim())).collect();
            let list = || json().filter(Value::is_array);
            let all = ids.map(Value::Array).or_else(list);
            all.ok_or_else(|| wrong("a list of objects' IDs between commas, nor a JSON list"))
        }
        _ => Ok(Value::from(text)),
    }
}

fn object(id: &str) -> Option<Value> {
    id.parse::<u64>().ok().map(Value::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_of_every_kind() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, &str, Option<Value>)] = &[
            ("a text",             "text",        " 5 ",          Some(json!(" 5 "))),
            ("none",               "integer",     "",             Some(Value::Null)),
            ("an integer",         "integer",     "-5",           Some(json!(-5))),
            ("a fraction",         "integer",     "5.0",          None),
            ("a decimal",          "decimal",     "1.50",         Some(json!(1.5))),
            ("a whole one",        "decimal",     "2",            Some(json!(2.0))),
            ("too many digits",    "decimal",     "0.12345678901234567890", None),
            ("as few as can be",   "decimal",     "+0.30000000000000004", Some(json!(0.300_000_000_000_000_04))),
            ("in JSON",            "json",        "[123456789012345678901234]", None),
            ("no number",          "decimal",     "NaN",          None),
            ("with a comma",       "decimal",     "1,5",          None),
            ("a truth",            "boolean",     "True",         Some(json!(true))),
            ("another's word",     "boolean",     "yes",          None),
            ("a date",             "date",        "2026-11-26",   Some(json!("2026-11-26"))),
            ("JSON",               "json",        r#"{"a":[1]}"#, Some(json!({"a": [1]}))),
            ("no JSON",            "json",        "{a}",          None),
            ("a choice",           "select",      "berlin",       Some(json!("berlin"))),
            ("choices",            "multiselect", "a, b",         Some(json!(["a", "b"]))),
            ("an object",          "object",      "7",            Some(json!(7))),
            ("by attributes",      "object",      r#"{"name":"x"}"#, Some(json!({"name": "x"}))),
            ("by its name",        "object",      "x",            None),
            ("a list is none",     "object",      "[7]",          None),
            ("objects",            "multiobject", "7, 8",         Some(json!([7, 8]))),
            ("by attributes",      "multiobject", r#"[{"name":"x"}]"#, Some(json!([{"name": "x"}]))),
            ("by their names",     "multiobject", "x,y",          None),
            ("a kind of later",    "colour",      "5",            Some(json!("5"))),
        ];
        for (name, kind, text, want) in cases {
            assert_eq!(value(kind, text).ok(), *want, "{name}");
        }
    }
}
