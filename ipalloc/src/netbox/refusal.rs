//! Of whose making a refusal is: NetBox's 400 says which of the records that were sent is
//! wrong, and in which field, in one of several forms.

use serde_json::Value;
use vmid::http::Answer;

use super::answer::FIELD;
use crate::refused::{Code, Refused};

/// The records (by their place in the request, each with its `tags`) whose own fault it is that NetBox
/// refused them. Where only one of several is wrong and NetBox doesn't say which, as it doesn't before
/// 4.7 where addresses were chosen, those with the tag that it names are, else it is said of all.
///
/// An address that somebody else has is no fault of a record's own: another can be chosen.
pub(super) fn of_records(answer: &Answer, tags: &[&[String]]) -> Vec<(usize, Refused)> {
    let count = tags.len();
    if answer.status != 400 {
        return Vec::new();
    }
    let value = answer.json().unwrap_or_default();
    let placed = |(at, value): (usize, &Value)| judged(value, "").map(|refused| (at, refused));
    match (&value, value.get("errors").and_then(Value::as_array)) {
        (Value::Array(list), _) => list
            .iter()
            .take(count)
            .enumerate()
            .filter_map(placed)
            .collect(),
        (_, Some(errors)) => {
            let place = |error: &Value| usize::try_from(error["index"].as_u64()?).ok();
            let one = |error: &Value| placed((place(error)?, &error["errors"]));
            let all = errors.iter().filter_map(one);
            all.filter(|(at, _)| *at < count).collect()
        }
        _ if count == 1 => placed((0, &value)).into_iter().collect(),
        _ => judged(&value, " of one of the requests")
            .map_or_else(Vec::new, |refused| spread(&refused, tags)),
    }
}

/// A refusal of one of several.
fn spread(refused: &Refused, tags: &[&[String]]) -> Vec<(usize, Refused)> {
    let named = |tags: &[String]| {
        let mut tags = tags.iter();
        tags.any(|tag| refused.message.contains(&format!("'{tag}'")))
    };
    let is_told = refused.code == Code::UnknownTag && tags.iter().any(|tags| named(tags));
    let all = tags.iter().enumerate();
    let wrong = all.filter(|(_, tags)| !is_told || named(tags));
    wrong.map(|(at, _)| (at, refused.clone())).collect()
}

/// Why NetBox refuses to change or remove a record that is there: a rule of its own. None if
/// the answer is something else.
pub(super) fn of_change(answer: &Answer, method: &str) -> Option<Refused> {
    let refused = |code| {
        let words = answer.words()?;
        Some(Refused::new(code, format!("refused by NetBox: {words}")))
    };
    match (answer.status, method) {
        (400 | 409, "DELETE") => refused(Code::Protected),
        (400, _) => {
            let value = answer.json()?;
            let is_taken = value.get("address").is_some();
            judged(&value, "").or_else(|| refused(Code::RefusedValue).filter(|_| !is_taken))
        }
        _ => None,
    }
}

/// The errors of one record: `{"tags":["Related object not found ..."]}`.
fn judged(errors: &Value, of: &str) -> Option<Refused> {
    let fields = errors.as_object()?;
    let own = |(field, _): &(&String, &Value)| *field != "address" && *field != "detail";
    let own: Vec<(&String, &Value)> = fields.iter().filter(own).collect();
    let (first, value) = own.first()?;
    let said = own.iter().map(|(field, value)| match field.as_str() {
        "__all__" | "non_field_errors" => words(value),
        _ => format!("{field}{of}: {}", words(value)),
    });
    let said = said.collect::<Vec<_>>().join(" ");
    let lower = said.to_lowercase();
    if said.contains(FIELD) {
        // Its key is there: on a record that this token may not see, or it would have been found.
        let message = format!(
            "the name has an address in NetBox already, of which this token sees nothing: {said}"
        );
        return Some(Refused::new(Code::NameTaken, message));
    }
    let required = ["required custom field", "field is required"];
    let code = if required.iter().any(|words| lower.contains(words)) {
        Code::MissingField
    } else if first.as_str() == "tags" && value.is_array() {
        Code::UnknownTag
    } else {
        Code::RefusedValue
    };
    Some(Refused::new(code, format!("refused by NetBox: {said}")))
}

/// The texts in it, whatever their nesting: custom fields' errors are bare texts, others lists.
fn words(value: &Value) -> String {
    let join = |texts: Vec<String>| texts.join(" ");
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => join(list.iter().map(words).collect()),
        Value::Object(fields) => {
            let one = |(name, value): (&String, &Value)| format!("{name}: {}", words(value));
            join(fields.iter().map(one).collect())
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            body: body.as_bytes().to_vec(),
            ..Answer::default()
        }
    }

    #[test]
    fn whose_fault() {
        const TAG: &str =
            r#"{"tags":["Related object not found using the provided attributes: {'slug': 'x'}"]}"#;
        const CF: &str = r#"{"__all__":["Missing required custom field 'ticket'."]}"#;
        const DNS: &str = r#"{"dns_name":["Only letters"]}"#;
        const TAKEN: &str =
            r#"{"address":["Duplicate IP address found in global table: 192.0.2.9/24"]}"#;
        const KEY: &str = r#"{"__all__":["Custom field 'ipalloc_key' must have a unique value."]}"#;
        let two = |errors: &str| format!("[{{}},{errors}]");
        let indexed = |errors: &str| {
            format!(
                r#"{{"detail":"1 of 2 objects could not be created.","errors":[{{"index":1,"errors":{errors}}}]}}"#
            )
        };
        #[rustfmt::skip]
        let cases: &[(&str, String, &[(usize, &str)])] = &[
            ("unknown tag, by place",    two(TAG),            &[(1, "unknown-tag")]),
            ("unknown tag, by index",    indexed(TAG),        &[(1, "unknown-tag")]),
            ("unknown tag, of whom",     TAG.to_owned(),      &[(0, "unknown-tag"), (1, "unknown-tag")]),
            ("required field",           indexed(CF),         &[(1, "missing-field")]),
            ("a validator",              two(DNS),            &[(1, "refused-value")]),
            ("an unseen owner",          indexed(KEY),        &[(1, "name-taken")]),
            ("an address that is taken", indexed(TAKEN),      &[]),
            ("beside another's tag",     format!("[{TAKEN},{TAG}]"), &[(1, "unknown-tag")]),
            ("no place there is",        r#"{"errors":[{"index":7,"errors":{"x":["y"]}}]}"#.to_owned(), &[]),
            ("a list that is too long",  format!("[{{}},{{}},{TAG}]"), &[]),
            ("bad JSON",                 r#"{"detail":"JSON parse error"}"#.to_owned(), &[]),
            ("nothing wrong",            "[{},{}]".to_owned(), &[]),
            ("a page",                   "<html>".to_owned(), &[]),
        ];
        let (none, some) = (Vec::new(), vec!["y".to_owned(), "x".to_owned()]);
        for (name, body, want) in cases {
            let got = of_records(&answer(400, body), &[&none, &none]);
            let got: Vec<_> = got.iter().map(|(at, r)| (*at, r.code.as_str())).collect();
            assert_eq!(got, *want, "{name}");
        }
        let places = |status: u16, tags: &[&[String]]| {
            let all = of_records(&answer(status, TAG), tags).into_iter();
            all.map(|(at, _)| at).collect::<Vec<_>>()
        };
        assert_eq!(places(400, &[&none, &some]), [1], "who has the tag");
        assert_eq!(places(400, &[&none]), [0], "there is one only");
        assert_eq!(places(403, &[&none]), [0; 0]);
    }

    #[test]
    fn in_its_words() {
        let body = r#"{"__all__":["No."],"custom_fields":{"ticket":"Must be a number."}}"#;
        let refused = of_records(&answer(400, body), &[&[]]).remove(0).1;
        assert_eq!(
            refused.message,
            "refused by NetBox: No. custom_fields: ticket: Must be a number."
        );
    }

    #[test]
    fn changes() {
        #[rustfmt::skip]
        let cases = [
            ("a protection rule", "DELETE", 400, r#"{"detail":"Deletion is prevented"}"#,   Some(Code::Protected)),
            ("what depends on it", "DELETE", 409, r#"{"detail":"1 dependent objects"}"#,     Some(Code::Protected)),
            ("a validator",       "PATCH",  400, r#"{"status":["No"]}"#,                     Some(Code::RefusedValue)),
            ("a rule in words",   "PATCH",  400, r#"{"detail":"No"}"#,                       Some(Code::RefusedValue)),
            ("an address that is taken", "PATCH", 400, r#"{"address":["Duplicate"]}"#,       None),
            ("no permission",     "DELETE", 403, r#"{"detail":"No"}"#,                       None),
            ("a proxy's page",    "DELETE", 400, "<html>",                                   None),
        ];
        for (name, method, status, body, want) in cases {
            let got = of_change(&answer(status, body), method).map(|refused| refused.code);
            assert_eq!(got, want, "{name}");
        }
    }
}
