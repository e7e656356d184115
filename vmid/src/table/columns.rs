//! The columns of records, and the cells of a record under them: found in one pass over
//! the fields, so that neither wide nor many records take time beyond their length.

use std::collections::HashMap;

use crate::stream::{Kept, Value};

/// How many columns there are at most; what a record has besides is counted in one more.
pub const MOST_COLUMNS: usize = 512;

/// The heading of that one.
const MORE: &str = "...";

/// Named columns, and where each stands.
pub(super) struct Columns {
    places: HashMap<String, usize>,
    /// Some record has fields for which there was no room.
    more: bool,
}

impl Columns {
    /// Those of `wanted` that occur, in that order; all that occur if none are wanted.
    pub fn of(records: &[Kept], wanted: &[&str]) -> Self {
        let mut found = Self {
            places: HashMap::new(),
            more: false,
        };
        for kept in records {
            for name in kept.record().names() {
                if found.places.contains_key(&*name) {
                    continue;
                }
                if !wanted.is_empty() && !wanted.contains(&&*name) {
                    continue;
                }
                if found.places.len() == MOST_COLUMNS {
                    found.more = true;
                    break;
                }
                found.places.insert(name.into_owned(), found.places.len());
            }
        }
        let in_order = wanted
            .iter()
            .filter(|name| found.places.contains_key(**name));
        let in_order: Vec<String> = in_order.map(|name| (*name).to_owned()).collect();
        for (place, name) in in_order.into_iter().enumerate() {
            found.places.insert(name, place);
        }
        found
    }

    /// Their headings, in order.
    pub fn names(&self) -> Vec<String> {
        let mut names = vec![String::new(); self.places.len()];
        for (name, place) in &self.places {
            names[*place].clone_from(name);
        }
        names.extend(self.more.then(|| MORE.to_owned()));
        names
    }

    /// A record's cells under them. Of several fields of one name the last counts.
    pub fn row(&self, kept: &Kept) -> Vec<String> {
        let record = kept.record();
        let mut row = vec![String::new(); self.places.len()];
        let mut others = 0_u64;
        for (name, (_, raw)) in record.names().zip(record.fields()) {
            match self.places.get(&*name) {
                Some(place) => row[*place] = cell(&Value::of(raw)),
                None => others += 1,
            }
        }
        row.extend(self.more.then(|| match others {
            0 => String::new(),
            _ => format!("{others} more"),
        }));
        row
    }
}

/// A value as a person writes it: text without quotes, an error as `code: message`, the rest as JSON.
fn cell(value: &Value<'_>) -> String {
    match value {
        Value::Absent | Value::Null => String::new(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(raw) => (*raw).to_owned(),
        Value::Text(text) => text.clone().into_owned(),
        Value::Other(raw) => said(raw).unwrap_or_else(|| (*raw).to_owned()),
    }
}

/// `{"code","message"}`, or a list of such, as one line.
fn said(raw: &str) -> Option<String> {
    let one = |value: &serde_json::Value| {
        Some(format!(
            "{}: {}",
            value.get("code")?.as_str()?,
            value.get("message")?.as_str()?
        ))
    };
    match serde_json::from_str(raw).ok()? {
        serde_json::Value::Array(list) => list
            .iter()
            .map(one)
            .collect::<Option<Vec<_>>>()
            .map(|all| all.join("; ")),
        value => one(&value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream;

    fn shown(text: &str, wanted: &[&str]) -> (Vec<String>, Vec<Vec<String>>) {
        let records = stream::parse(text.as_bytes()).unwrap();
        let columns = Columns::of(&records, wanted);
        let rows = records.iter().map(|kept| columns.row(kept)).collect();
        (columns.names(), rows)
    }

    #[test]
    fn columns_and_cells() {
        let text = r#"{"b":1,"a":"x","\u0063":null}{"d":[1],"a":1,"a":2}"#;
        let (names, rows) = shown(text, &[]);
        assert_eq!(names, ["b", "a", "c", "d"]);
        assert_eq!(rows, [["1", "x", "", ""], ["", "2", "", "[1]"]]);
        let (names, rows) = shown(text, &["a", "none", "b"]);
        assert_eq!(names, ["a", "b"]);
        assert_eq!(rows, [["x", "1"], ["2", ""]]);
    }

    #[test]
    fn too_many_are_counted() {
        let fields = |from: usize, to: usize| -> String {
            let fields: Vec<String> = (from..to).map(|n| format!("\"f{n}\":{n}")).collect();
            format!("{{{}}}", fields.join(","))
        };
        let text = fields(0, MOST_COLUMNS) + &fields(1, MOST_COLUMNS + 3);
        let (names, rows) = shown(&text, &[]);
        assert_eq!(names.len(), MOST_COLUMNS + 1);
        assert_eq!(names.last().unwrap(), MORE);
        assert_eq!(rows[0].last().unwrap(), "");
        assert_eq!(rows[1].last().unwrap(), "3 more");
        assert_eq!(rows[1][1], "1");
    }
}
