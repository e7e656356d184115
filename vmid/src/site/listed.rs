//! Pairs and services where they stand alone, without a site around them: records of a stream, an array
//! of them, or one.

use serde::Deserialize as _;
use serde_json::Value;

use super::{
    Fault, Faults, Pair, Service, Site, json, mistaken, pair, pointer::Pointer, service, vip, walk,
};
use crate::stream::{self, Bad};

/// The pairs and services of a text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listed {
    /// The pairs, in their order.
    pub pairs: Vec<Pair>,
    /// The services, in theirs.
    pub services: Vec<Service>,
}

/// The pairs of a text: records, an array of them, one, or those of a whole site. Services among
/// them are left out.
///
/// # Errors
///
/// All that is wrong with them; or there is no pair.
pub fn pairs(text: &[u8]) -> Result<Vec<Pair>, Faults> {
    let pairs = listed(text)?.pairs;
    if pairs.is_empty() {
        return Err(Faults::of_document("there is no pair in it"));
    }
    Ok(pairs)
}

/// The pairs and services of a text: records, an array of them, one, or those of a whole site. A
/// record that says where it is (`addresses`, `pair`) and has no members is a service.
///
/// # Errors
///
/// All that is wrong with them.
pub fn listed(text: &[u8]) -> Result<Listed, Faults> {
    let records = stream::parse(text).map_err(|bad: Bad| Faults::of_document(bad.to_string()))?;
    if let [only] = records.as_slice() {
        let record = only.record();
        if is_site(|name| record.raw(name).is_some()) {
            let Site {
                pairs, services, ..
            } = Site::parse(record.text().as_bytes())?;
            return Ok(Listed { pairs, services });
        }
    }
    let mut faults = Faults::default();
    let mut found = Listed::default();
    let mut paths = (Vec::new(), Vec::new());
    for (place, kept) in records.iter().enumerate() {
        let value = json::parse(kept.record().text().as_bytes());
        let value = value.map_err(|found| within(&format!("pairs[{place}]"), found))?;
        let row = row(&value);
        let path = path(row, place);
        if let Some(what) = mistaken::told(&value, "a pair").filter(|_| row == PAIR) {
            return Err(Faults::of_document(format!("record {}: {what}", place + 1)));
        }
        let mut document = walk::object(value, row, Pointer::Start(&path), &mut faults);
        vip::normalise(&mut document, &path, &mut faults);
        if !faults.0.is_empty() {
            continue;
        }
        let wrong = |error: serde_json::Error| Faults::of_document(json::told(&error));
        if row == PAIR {
            found
                .pairs
                .push(Pair::deserialize(&document).map_err(wrong)?);
            paths.0.push(path);
        } else {
            let service = Service::deserialize(&document);
            found.services.push(service.map_err(wrong)?);
            paths.1.push(path);
        }
    }
    if faults.0.is_empty() {
        pair::check(&found.pairs, &paths.0, &[], &mut faults);
        service::check(&found.services, &paths.1, &found.pairs, &[], &mut faults);
    }
    faults.or(found)
}

const PAIR: &str = "pairs[]";
const SERVICE: &str = "services[]";

/// Whether an object that has the fields that `has` says is a site, not a pair or a service.
pub fn is_site(has: impl Fn(&str) -> bool) -> bool {
    (has("pairs") || has("services")) && !["members", "addresses", "pair"].into_iter().any(has)
}

/// The row of the table of keys that a record is of: a service says where it is, and has no members.
fn row(record: &Value) -> &'static str {
    let has = |name: &str| record.get(name).is_some_and(|value| !value.is_null());
    match (has("addresses") || has("pair")) && !has("members") {
        true => SERVICE,
        false => PAIR,
    }
}

/// How messages call a record: `pairs[2]`, `services[3]`.
#[must_use]
pub fn called(record: &Value, place: usize) -> String {
    path(row(record), place)
}

fn path(row: &str, place: usize) -> String {
    row.replace("[]", &format!("[{place}]"))
}

/// The faults of a document that stands at `path` in another.
fn within(path: &str, faults: Faults) -> Faults {
    let moved = |fault: Fault| Fault {
        path: match fault.path.as_str() {
            "" => path.to_owned(),
            own => format!("{path}.{own}"),
        },
        ..fault
    };
    Faults(faults.0.into_iter().map(moved).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_beside_pairs() {
        let pair = r#"{"name":"dns","members":[{"name":"a","vmid":101},{"name":"b","vmid":102}]}"#;
        let on_pair = r#"{"name":"names","pair":"dns"}"#;
        let own = r#"{"name":"web","vmid":103,"addresses":["10.0.0.3"]}"#;
        #[rustfmt::skip]
        let cases: &[(&str, String, Result<(usize, usize), &str>)] = &[
            ("alone",              own.to_owned(),                                  Ok((0, 1))),
            ("mixed",              format!("{own}{pair}{on_pair}"),                 Ok((1, 2))),
            ("a list",             format!("[{pair},{own}]"),                       Ok((1, 1))),
            ("a site of services", format!(r#"{{"services":[{own}]}}"#),            Ok((0, 1))),
            ("no such pair",       format!("{own}{on_pair}"),                       Err("services[1].pair is \"dns\", which is no pair; there is none")),
            ("misspelled",         format!("{pair}{}", own.replace("vmid", "vimd")), Err("services[1].vimd is not known; near: vmid")),
            ("no host",            own.replace("10.0.0.3", "10.0.0.300"),           Err("services[0].addresses[0] is \"10.0.0.300\", not an IP address without a mask")),
            ("members, too",       own.replace("\"vmid\":103", "\"members\":[]"),   Err("pairs[0].addresses is not known")),
            ("a guest's address",  own.replace("addresses", "address"),             Err("record 1: this is a guest's record, not a pair")),
        ];
        for (name, text, want) in cases {
            let got = listed(text.as_bytes());
            let got = got.map(|listed| (listed.pairs.len(), listed.services.len()));
            match (got, want) {
                (Ok(got), Ok(want)) => assert_eq!(got, *want, "{name}"),
                (Err(faults), Err(want)) => {
                    assert!(faults.to_string().contains(want), "{name}: {faults}")
                }
                (got, _) => panic!("{name}: {got:?}"),
            }
        }
        assert!(pairs(own.as_bytes()).is_err(), "no pair");
    }
}
