//! NetBox's JSON as the nouns of [`crate::ipam`], and its refusals as sentences.

use core::net::IpAddr;
use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;
use vmid::http::Answer;

use crate::{
    among::Segment,
    ipam::{Entry, EntryId, Prefix, Range, Said, Vrf},
    labels::custom,
    request,
};

/// The custom field that holds an address's owner.
pub(super) const FIELD: &str = custom::OWN;

/// The fields of an address that are asked for.
pub(super) const ADDRESS_FIELDS: &str = "id,address,vrf,tenant,status,role,dns_name,description,comments,tags,custom_fields,assigned_object_type,assigned_object_id,last_updated";

/// An address as NetBox keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub entry: Entry,
    /// For `If-Match`: NetBox's ETag is made of the time of the last change.
    pub etag: String,
    pub description: String,
    /// The custom field exists.
    pub has_field: bool,
    /// The kind and the number of what it is on.
    pub on: Option<(String, u64)>,
}

/// The end of the description that names the owner where there is no custom field.
pub(super) fn mark(key: &str) -> String {
    format!("[ipalloc:{key}]")
}

/// How such a mark begins, for keys that begin so.
pub(super) fn mark_begin(key: &str) -> String {
    format!("[ipalloc:{key}")
}

/// The key in such a mark.
fn marked(description: &str) -> Option<&str> {
    let inner = description.trim_end().strip_suffix(']')?;
    inner
        .rsplit_once("[ipalloc:")
        .map(|(_, key)| key)
        .filter(|key| !key.is_empty())
}

pub(super) fn text(value: &Value, name: &str) -> String {
    value
        .get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// `{"value":"active","label":"Active"}`
fn choice(value: &Value, name: &str) -> String {
    value
        .get(name)
        .map(|choice| text(choice, "value"))
        .unwrap_or_default()
}

pub(super) fn vrf(value: &Value) -> Vrf {
    let vrf = value.get("vrf").filter(|vrf| !vrf.is_null());
    vrf.map_or(Vrf::GLOBAL, |vrf| Vrf::named(&text(vrf, "name")))
}

/// The ID of the VRF of an object, and of the object itself.
pub(super) fn ids(value: &Value) -> (Option<u64>, Option<u64>) {
    let vrf = value
        .get("vrf")
        .and_then(|vrf| vrf.get("id"))
        .and_then(Value::as_u64);
    (vrf, value.get("id").and_then(Value::as_u64))
}

fn flag(value: &Value, name: &str) -> bool {
    value.get(name).and_then(Value::as_bool).unwrap_or_default()
}

pub(super) fn prefix(value: &Value) -> Result<Prefix, String> {
    Ok(Prefix {
        net: request::parse_prefix(&text(value, "prefix"))?,
        vrf: vrf(value),
        vlan: value
            .get("vlan")
            .and_then(|vlan| vlan.get("vid"))
            .and_then(Value::as_u64),
        status: choice(value, "status"),
        is_pool: flag(value, "is_pool"),
        mark_utilized: flag(value, "mark_utilized"),
        belongs: BTreeSet::new(),
        segment: segment(value),
        todo: None,
        line: None,
    })
}

/// By the IDs of the VLAN and the place.
fn segment(value: &Value) -> Segment {
    let vlan = value.get("vlan").and_then(|vlan| ids(vlan).1);
    let id = value.get("scope_id").and_then(Value::as_u64);
    let scope = id.map(|id| format!("{} {id}", text(value, "scope_type")));
    Segment {
        vlan: vlan.map(|id| id.to_string()).unwrap_or_default(),
        scope: scope.unwrap_or_default(),
    }
}

pub(super) fn range(value: &Value) -> Result<Range, String> {
    let (start, length) = address(&text(value, "start_address"))?;
    let (end, _) = address(&text(value, "end_address"))?;
    Ok(Range {
        start,
        end,
        length,
        vrf: vrf(value),
        status: choice(value, "status"),
        populated: flag(value, "mark_populated"),
        utilized: flag(value, "mark_utilized"),
        line: None,
    })
}

pub(super) fn record(value: &Value) -> Result<Record, String> {
    let (address, length) = address(&text(value, "address"))?;
    let id = ids(value).1.ok_or("an address without an id")?;
    let description = text(value, "description");
    let field = value
        .get("custom_fields")
        .and_then(|fields| fields.get(FIELD));
    let key = match field.and_then(Value::as_str).filter(|key| !key.is_empty()) {
        Some(key) => Some(key.to_owned()),
        None => marked(&description).map(str::to_owned),
    };
    Ok(Record {
        entry: Entry {
            id: EntryId(id),
            address,
            length,
            vrf: vrf(value),
            status: choice(value, "status"),
            role: choice(value, "role"),
            dns_name: text(value, "dns_name"),
            key,
            comments: text(value, "comments"),
            said: Some(Box::new(said(value, &description))),
        },
        etag: etag(&text(value, "last_updated")),
        description,
        has_field: field.is_some(),
        on: holder(value),
    })
}

/// The kind and the number of what an address or a MAC address is on.
pub(super) fn holder(value: &Value) -> Option<(String, u64)> {
    let kind = value.get("assigned_object_type")?.as_str()?;
    let id = value.get("assigned_object_id")?.as_u64()?;
    Some((kind.to_owned(), id))
}

/// Without the mark of an owner, which is ours.
fn said(value: &Value, description: &str) -> Said {
    let mark = marked(description).map(mark).unwrap_or_default();
    let description = description.trim_end().strip_suffix(&mark);
    let tags = value.get("tags").and_then(Value::as_array);
    let tags = tags.into_iter().flatten().map(|tag| text(tag, "slug"));
    let fields = value.get("custom_fields").and_then(Value::as_object);
    let own = |(name, value): &(&String, &Value)| *name != FIELD && !value.is_null();
    let fields = fields.into_iter().flatten().filter(own);
    let tenant = value.get("tenant").map(|tenant| text(tenant, "slug"));
    Said {
        tenant: tenant.filter(|slug| !slug.is_empty()),
        custom: fields
            .map(|(name, value)| (name.clone(), custom::plain(value)))
            .collect(),
        description: description.unwrap_or_default().trim_end().to_owned(),
        tags: tags.collect(),
    }
}

/// NetBox's ETag of an object that was last changed then: the instant as Python's `isoformat` writes it
/// in UTC, in whatever zone the answer has it (the server's TIME_ZONE).
pub(super) fn etag(last_updated: &str) -> String {
    let written = last_updated.parse::<Timestamp>().map_or_else(
        |_| last_updated.to_owned(),
        |instant| {
            // Python leaves out a fraction of 0.
            let form = match instant.subsec_nanosecond() {
                0 => "%FT%T+00:00",
                _ => "%FT%T%.6f+00:00",
            };
            instant.strftime(form).to_string()
        },
    );
    format!("W/\"{written}\"")
}

pub(super) fn address(text: &str) -> Result<(IpAddr, u8), String> {
    let wanted = request::parse_wanted(text)?;
    let whole = if wanted.address.is_ipv4() { 32 } else { 128 };
    Ok((wanted.address, wanted.length.unwrap_or(whole)))
}

/// What an answer says is wrong, on one line: NetBox's own words where it has any.
pub(super) fn complaint(answer: &Answer) -> String {
    match (answer.status, answer.words()) {
        (403, Some(said)) => denied(&said),
        (404, None) if !answer.body.is_empty() => {
            "status 404 and a page that is not NetBox's API; is the address complete (BASE_PATH)?"
                .to_owned()
        }
        _ => answer.complaint(),
    }
}

/// What one of NetBox's 403s means; in another language than English, its words alone.
fn denied(detail: &str) -> String {
    let meaning = [
        ("credentials were not provided", "no token was sent"),
        ("token disabled", "the token is disabled"),
        ("token expired", "the token has expired"),
        (
            "source ip",
            "the token is not valid from this host's address",
        ),
        ("invalid v1 token", "the token is wrong"),
        ("invalid v2 token", "the token is wrong"),
        ("invalid authorization header", "the token is malformed"),
        // Before 4.5, where there is one kind of token.
        ("invalid token header", "the token is malformed"),
        ("invalid token", "the token is wrong"),
        ("do not have permission", "the token's user may not do this"),
    ];
    let lower = detail.to_lowercase();
    let known = meaning.iter().find(|(words, _)| lower.contains(words));
    known.map_or_else(
        || format!("denied: {detail}"),
        |(_, what)| format!("denied, {what}: {detail}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            body: body.as_bytes().to_vec(),
            location: String::new(),
            ..Answer::default()
        }
    }

    #[test]
    fn complaints() {
        #[rustfmt::skip]
        let cases: &[(&str, u16, &str, &str)] = &[
            ("no token",       403, r#"{"detail":"Authentication credentials were not provided."}"#, "denied, no token was sent: Authentication credentials were not provided."),
            ("bad token",      403, r#"{"detail":"Invalid v2 token"}"#, "denied, the token is wrong: Invalid v2 token"),
            ("before 4.5",     403, r#"{"detail":"Invalid token"}"#, "denied, the token is wrong: Invalid token"),
            ("in German",      403, r#"{"detail":"Token abgelaufen"}"#, "denied: Token abgelaufen"),
            ("read-only base", 500, r#"{"error":"cannot execute INSERT in a read-only transaction","exception":"InternalError"}"#, "status 500: cannot execute INSERT in a read-only transaction"),
            ("field errors",   400, r#"{"dns_name":["Only letters"]}"#, r#"status 400: {"dns_name":["Only letters"]}"#),
            ("a login page",   200, "<html>", "status 200 and a page that is not JSON; a login page, or a proxy's"),
            ("forgotten path", 404, "<html>", "status 404 and a page that is not NetBox's API; is the address complete (BASE_PATH)?"),
            ("nothing",        502, "", "status 502 and nothing else"),
        ];
        for (name, status, body, want) in cases {
            assert_eq!(complaint(&answer(*status, body)), *want, "{name}");
        }
    }

    #[test]
    fn etags_are_instants() {
        let want = r#"W/"2026-11-26T06:29:02.616576+00:00""#;
        #[rustfmt::skip]
        let cases = [
            ("UTC",                "2026-11-26T06:29:02.616576Z",      want),
            ("Europe/Berlin",      "2026-11-26T07:29:02.616576+01:00", want),
            ("Asia/Kathmandu",     "2026-11-26T12:14:02.616576+05:45", want),
            ("the day before",     "2026-11-25T23:29:02.616576-07:00", want),
            ("a whole second",     "2026-11-26T07:29:02+01:00",        r#"W/"2026-11-26T06:29:02+00:00""#),
            ("the microsecond's zeros stay", "2026-11-26T07:29:02.610000+01:00", r#"W/"2026-11-26T06:29:02.610000+00:00""#),
            ("no time",            "",                                 r#"W/"""#),
        ];
        for (name, said, want) in cases {
            assert_eq!(etag(said), want, "{name}");
        }
    }

    #[test]
    fn owners_in_descriptions() {
        assert_eq!(marked("the wiki [ipalloc:wiki/eth0]"), Some("wiki/eth0"));
        assert_eq!(marked("[ipalloc:]"), None);
        assert_eq!(marked("[ipalloc:wiki] moved"), None, "it must be the end");
    }
}
