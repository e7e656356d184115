//! JSON text as a value, with what serde_json alone would let pass told: a key that is there
//! twice (the first would be lost), and errors in words that a person can use.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value, error::Category};

use super::{fault::Faults, pointer::Pointer};
use crate::stream::foreign;

/// The one JSON value of `text`.
///
/// # Errors
///
/// It is none, with line and column; or names that stand twice in one object, with their paths.
pub(super) fn parse(text: &[u8]) -> Result<Value, Faults> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    if text.iter().all(u8::is_ascii_whitespace) {
        return Err(Faults::of_document("it is empty"));
    }
    let mut twice = Faults::default();
    let mut reader = serde_json::Deserializer::from_slice(text);
    let node = Node {
        path: Pointer::Start(""),
        twice: &mut twice,
    };
    let value = node
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value));
    match value {
        Ok(value) => twice.or(value),
        Err(error) => {
            let other = foreign::told(text).filter(|_| !text.starts_with(b"{"));
            Err(Faults::of_document(other.unwrap_or_else(|| told(&error))))
        }
    }
}

/// What serde_json says, in words that say what to look for and where.
#[must_use]
pub fn told(error: &serde_json::Error) -> String {
    let place = match error.line() {
        0 => String::new(),
        line => format!("line {line}, column {}: ", error.column()),
    };
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    let what = match (error.classify(), text) {
        (Category::Eof, _) => "the JSON is cut off there",
        (_, "trailing comma") => "a comma stands before the closing bracket",
        (_, "trailing characters") => "something follows the end of the JSON",
        (_, "key must be a string") => "a key in quotes was expected",
        (_, "expected value" | "expected ident") => "a JSON value was expected",
        (_, "invalid number") => "a number is misspelled",
        (_, "recursion limit exceeded") => "it is nested too deeply",
        (_, "invalid escape") => "a text has an escape that JSON does not know",
        (_, text) if text.starts_with("control character") => {
            "a text has a line break or a control character in it"
        }
        (_, text) => text,
    };
    format!("{place}{what}")
}

/// A value at a path that is being read.
struct Node<'a> {
    path: Pointer<'a>,
    twice: &'a mut Faults,
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Number::from_f64(number).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        loop {
            let path = Pointer::Element(&self.path, list.len());
            let twice = &mut *self.twice;
            match seq.next_element_seed(Node { path, twice })? {
                Some(value) => list.push(value),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = map.next_key::<Name>()? {
            let path = Pointer::Member(&self.path, &name.0);
            let twice = &mut *self.twice;
            let value = map.next_value_seed(Node { path, twice })?;
            if object.contains_key(&name.0) {
                self.twice.add(path, "is there twice");
            }
            object.insert(name.0, value);
        }
        Ok(Value::Object(object))
    }
}

/// The name of a member.
struct Name(String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        String::deserialize(reader).map(Name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told() {
        #[rustfmt::skip]
        let cases = [
            ("fine",             r#"{"a":[1,-1,1.5,"x",null,true,{}]}"#,  None),
            ("a key twice",      r#"{"a":1,"b":{"c":[{"d":1,"d":2}]}}"#,  Some("b.c[0].d is there twice")),
            ("cut off",          "{\"a\":\n{",                            Some("line 2, column 1: the JSON is cut off there")),
            ("nothing",          " \n",                                   Some("it is empty")),
            ("a comma too many", "{\"a\":1,}",                            Some("line 1, column 8: a comma stands before the closing bracket")),
            ("no quotes",        "{a:1}",                                 Some("line 1, column 2: a key in quotes was expected")),
            ("a word",           "{\"a\":nope}",                          Some("line 1, column 7: a JSON value was expected")),
            ("YAML",             "name: x\nnodes:\n",                    Some("this looks like YAML, not JSON; yq -o json turns one into the other")),
            ("two documents",    "{}{}",                                  Some("line 1, column 3: something follows the end of the JSON")),
            ("too deep",         &"[".repeat(200),                        Some("line 1, column 128: it is nested too deeply")),
        ];
        for (name, text, want) in cases {
            let got = parse(text.as_bytes())
                .err()
                .map(|faults| faults.to_string());
            assert_eq!(got.as_deref(), want, "{name}");
        }
    }

    #[test]
    fn the_value_is_serde_jsons() {
        let text = r#"{"b":[1,-1,1.5e3,"ä\n",null,true,{}],"a":18446744073709551615}"#;
        let want: Value = serde_json::from_str(text).unwrap();
        assert_eq!(parse(text.as_bytes()), Ok(want));
    }
}
