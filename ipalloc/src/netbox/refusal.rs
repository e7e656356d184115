//! Of whose making a refusal is: NetBox's 400 says which of the records that were sent is
//! wrong, and in which field, in one of several forms.

use serde_json::Value;
use vmid::http::Answer;

use super::answer::FIELD;
use crate::{
    ipam::New,
    refused::{Code, Refused},
};

/// The records (by their place in the request) whose own fault it is that NetBox
/// refused them. Where only one of several is wrong and NetBox doesn't say which, as it doesn't before
/// 4.7 where addresses were chosen, those with the tag or tenant that it names are, else it is said of all.
///
/// An address that somebody else has is no fault of a record's own: another can be chosen.
pub(super) fn of_records(answer: &Answer, news: &[&New]) -> Vec<(usize, Refused)> {
    let count = news.len();
    if answer.status != 400 {
        return Vec::new();
    }
    let value = answer.json().unwrap_or_default();
    let advised = |value: &Value, of: &str| Some(advised(judged(value, of)?, value));
    let placed = |(at, value): (usize, &Value)| advised(value, "").map(|refused| (at, refused));
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
        _ => advised(&value, " of one of the requests")
            .map_or_else(Vec::new, |refused| spread(&refused, news)),
    }
}

/// A refusal of one of several.
fn spread(refused: &Refused, news: &[&New]) -> Vec<(usize, Refused)> {
    let named = |new: &New| {
        let is_named = |slug: &String| refused.message.contains(&format!("'{slug}'"));
        match refused.code {
            Code::UnknownTag => new.tags.iter().any(is_named),
            Code::UnknownTenant => new.labels.tenant.iter().any(is_named),
            _ => false,
        }
    };
    let is_told = news.iter().any(|new| named(new));
    let all = news.iter().enumerate();
    let wrong = all.filter(|(_, new)| !is_told || named(new));
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
    let required = [
        "required custom field",
        "field is required",
        "required field cannot be empty",
    ];
    if required.iter().any(|words| lower.contains(words)) {
        return Some(Refused::new(
            Code::MissingField,
            format!("refused by NetBox: {said}"),
        ));
    }
    let code = if first.as_str() == "tenant" && value.is_array() {
        Code::UnknownTenant
    } else if first.as_str() == "tags" && value.is_array() {
        Code::UnknownTag
    } else {
        Code::RefusedValue
    };
    Some(Refused::new(code, format!("refused by NetBox: {said}")))
}

/// The same, for what is missing with the option that gives it to a new record.
fn advised(refused: Refused, errors: &Value) -> Refused {
    let first = errors.as_object().and_then(|fields| fields.keys().next());
    let (Code::MissingField, Some(first)) = (refused.code, first) else {
        return refused;
    };
    let option = option(first, &refused.message);
    Refused {
        message: format!("{} ({option} gives it)", refused.message),
        ..refused
    }
}

/// The option that gives a field of that name, or the custom field that NetBox's words have
/// between quotes.
fn option(field: &str, said: &str) -> String {
    let known = ["description", "tags", "tenant"];
    if known.contains(&field) {
        return format!("--{field}");
    }
    if field == "role" {
        return "--ipam-role".to_owned();
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let named = said.split('\'').nth(1);
    let named = named.filter(|name| !name.is_empty() && name.chars().all(plain));
    format!("--cf {}=VALUE", named.unwrap_or("NAME"))
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
    use crate::{ipam::Vrf, labels::Labels};

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            body: body.as_bytes().to_vec(),
            ..Answer::default()
        }
    }

    fn new(tags: &[&str], tenant: Option<&str>) -> New {
        New {
            address: "192.0.2.9".parse().unwrap(),
            length: 24,
            vrf: Vrf::GLOBAL,
            dns_name: String::new(),
            key: String::new(),
            description: String::new(),
            tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
            labels: Labels {
                tenant: tenant.map(str::to_owned),
                ..Labels::default()
            },
            any_of: None,
        }
    }

    #[test]
    fn whose_fault() {
        const TAG: &str =
            r#"{"tags":["Related object not found using the provided attributes: {'slug': 'x'}"]}"#;
        const TENANT: &str = r#"{"tenant":["Related object not found using the provided attributes: {'slug': 'x'}"]}"#;
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
        let (none, some) = (new(&[], None), new(&["y", "x"], None));
        for (name, body, want) in cases {
            let got = of_records(&answer(400, body), &[&none, &none]);
            let got: Vec<_> = got.iter().map(|(at, r)| (*at, r.code.as_str())).collect();
            assert_eq!(got, *want, "{name}");
        }
        let places = |status: u16, news: &[&New]| {
            let all = of_records(&answer(status, TAG), news).into_iter();
            all.map(|(at, _)| at).collect::<Vec<_>>()
        };
        assert_eq!(places(400, &[&none, &some]), [1], "who has the tag");
        assert_eq!(places(400, &[&none]), [0], "there is one only");
        assert_eq!(places(403, &[&none]), [0; 0]);
        let tenants = [new(&["x"], Some("z")), new(&[], Some("x")), new(&[], None)];
        let tenants: Vec<&New> = tenants.iter().collect();
        let told = of_records(&answer(400, TENANT), &tenants);
        assert_eq!(told.len(), 1, "who has the tenant: {told:?}");
        assert_eq!((told[0].0, told[0].1.code), (1, Code::UnknownTenant));
    }

    #[test]
    fn in_its_words() {
        let body = r#"{"__all__":["No."],"custom_fields":{"ticket":"Must be a number."}}"#;
        let none = new(&[], None);
        let said = |body: &str| of_records(&answer(400, body), &[&none]).remove(0).1.message;
        assert_eq!(
            said(body),
            "refused by NetBox: No. custom_fields: ticket: Must be a number."
        );
        #[rustfmt::skip]
        let cases = [
            ("a custom field", r#"{"__all__":["Missing required custom field 'ticket'."]}"#, "(--cf ticket=VALUE gives it)"),
            ("an empty one",   r#"{"__all__":["Invalid value for custom field 'a_b': Required field cannot be empty."]}"#, "(--cf a_b=VALUE gives it)"),
            ("hostile",        r#"{"__all__":["Missing required custom field 'a;rm -r x'."]}"#, "(--cf NAME=VALUE gives it)"),
            ("its tenant",     r#"{"tenant":["This field is required."]}"#,          "(--tenant gives it)"),
            ("its role",       r#"{"role":["This field is required."]}"#,            "(--ipam-role gives it)"),
        ];
        for (name, body, want) in cases {
            assert!(said(body).ends_with(want), "{name}: {}", said(body));
        }
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
