//! The strict listener: an older NetBox's answers to requests, its tokens and filters included. A
//! filter that it doesn't know is ignored, as NetBox does.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::{
    ipam::{Ipam, Outcome, Version},
    net,
};
use crate::{
    client::ADMIN,
    proxy::{Proxy, Reply},
    wire::Message,
};

/// A token that may look and nothing else.
pub const LOOKER: &str = "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee";

/// A NetBox of that version, until the process ends.
pub struct Strict {
    pub proxy: Proxy,
    pub ipam: Arc<Mutex<Ipam>>,
}

impl Strict {
    pub fn start(version: Version) -> Self {
        Self::with(version, |_, _, _| None)
    }

    /// What `first` answers is sent instead; it is told how many requests came before, and may
    /// change what the server keeps.
    pub fn with(
        version: Version,
        first: impl Fn(usize, &Message, &mut Ipam) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        let ipam = Arc::new(Mutex::new(Ipam::new(version)));
        let (kept, count) = (ipam.clone(), Mutex::new(0));
        let proxy = Proxy::start("http://127.0.0.1:1", move |request, _| {
            let mut ipam = kept.lock().unwrap();
            let mut count = count.lock().unwrap();
            *count += 1;
            first(*count - 1, request, &mut ipam)
                .unwrap_or_else(|| Reply::Send(answer(request, &mut ipam)))
        });
        Self { proxy, ipam }
    }

    pub fn record(&self, name: &str) -> Option<Value> {
        let ipam = self.ipam.lock().unwrap();
        ipam.addresses
            .iter()
            .find(|record| record["dns_name"] == name)
            .cloned()
    }
}

/// What the server answers.
pub fn answer(request: &Message, ipam: &mut Ipam) -> Message {
    let (status, body) = outcome(request, ipam);
    let text = if status == 204 {
        String::new()
    } else {
        body.to_string()
    };
    let mut reply = match body {
        Value::String(page) => Message::reply(status, "text/html", &page),
        _ => Message::reply(status, "application/json", &text),
    };
    let version = format!("{}.{}", ipam.version.0, ipam.version.1);
    reply.headers.push(("API-Version".to_owned(), version));
    reply
}

fn outcome(request: &Message, ipam: &mut Ipam) -> Outcome {
    let (path, query) = request
        .target()
        .split_once('?')
        .unwrap_or((request.target(), ""));
    let Some(path) = path
        .strip_prefix("/api/")
        .filter(|path| path.ends_with('/'))
    else {
        return (404, json!("<html>Page Not Found</html>"));
    };
    let may = match token(request, ipam.version) {
        Ok(token) => token == ADMIN,
        Err(why) => return (403, json!({"detail": why})),
    };
    let writes = !matches!(request.method(), "GET" | "OPTIONS");
    if writes && !may {
        let what = "You do not have permission to perform this action.";
        return (403, json!({"detail": what}));
    }
    if writes && request.header("content-type") != Some("application/json") {
        return (415, json!({"detail": "Unsupported media type in request."}));
    }
    let words: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    let (body, id) = (request.json(), |word: &str| {
        word.parse().unwrap_or_default()
    });
    match (request.method(), &words[..]) {
        ("GET", ["ipam", "prefixes"]) => listed(&ipam.prefixes, query, of_prefix),
        ("GET", ["ipam", "ip-ranges"]) => listed(&[], query, |_, _, _| true),
        // All that have a slug: none of these is there twice.
        ("GET", ["ipam", "vlan-groups"] | ["tenancy", "tenants"]) => {
            listed(&[], query, |_, _, _| true)
        }
        ("GET", ["ipam", "ip-addresses"]) => listed(&ipam.addresses, query, of_address),
        ("GET", ["core", "object-changes"]) => listed(&ipam.changes, query, of_change),
        ("GET", ["extras", "custom-fields"]) => {
            let fields: Vec<Value> = ipam.fields.iter().map(field).collect();
            listed(&fields, query, |field, name, values| {
                name != "name" || has(values, &field["name"])
            })
        }
        ("POST", ["extras", "custom-fields"]) => {
            ipam.fields
                .push((body["name"].as_str().unwrap_or_default().to_owned(), false));
            (201, body)
        }
        ("POST", ["ipam", "ip-addresses"]) => ipam.create(&body),
        ("GET", ["ipam", "prefixes", prefix, "available-ips"]) => match ipam.free(id(prefix)) {
            Some(free) => {
                let limit = values(query, "limit")
                    .last()
                    .and_then(|limit| limit.parse().ok());
                let one = |address| json!({"family": 4, "address": address, "vrf": null});
                (
                    200,
                    free.into_iter()
                        .take(limit.unwrap_or(50))
                        .map(one)
                        .collect(),
                )
            }
            None => (404, json!({"detail": "No Prefix matches the given query."})),
        },
        ("POST", ["ipam", "prefixes", prefix, "available-ips"]) => {
            ipam.create_available(id(prefix), &body)
        }
        ("GET", ["ipam", "ip-addresses", address]) => match ipam.find(id(address)) {
            Some(record) => (200, record.clone()),
            None => (
                404,
                json!({"detail": "No IPAddress matches the given query."}),
            ),
        },
        ("PATCH", ["ipam", "ip-addresses", address]) => ipam.patch(id(address), &body),
        ("DELETE", ["ipam", "ip-addresses", address]) => ipam.delete(id(address), &body),
        ("OPTIONS", _) => (
            200,
            if may {
                json!({"actions": {"POST": {}}})
            } else {
                json!({})
            },
        ),
        _ => (404, json!("<html>Page Not Found</html>")),
    }
}

/// The token of a request. Servers before 4.5 know one word and one kind of token.
fn token(request: &Message, version: Version) -> Result<&str, &'static str> {
    let none = "Authentication credentials were not provided.";
    let header = request.header("authorization").ok_or(none)?;
    let (word, token) = header.split_once(' ').ok_or(none)?;
    let bearer = version >= (4, 5) && word == "Bearer";
    if word != "Token" && !bearer {
        return Err(none);
    }
    match token {
        ADMIN | LOOKER => Ok(token),
        _ if version < (4, 5) => Err("Invalid token"),
        _ => Err("Invalid v1 token"),
    }
}

fn field((name, required): &(String, bool)) -> Value {
    json!({"name": name, "type": {"value": "text"}, "object_types": ["ipam.ipaddress"],
        "unique": name == "ipalloc_key", "required": required, "filter_logic": {"value": "exact"}})
}

/// The values of a filter, decoded.
fn values(query: &str, name: &str) -> Vec<String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let named = pairs.filter(|(other, _)| *other == name);
    named.map(|(_, value)| decoded(value)).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next().unwrap_or(0), rest.next().unwrap_or(0)];
            let digits = String::from_utf8_lossy(&digits).into_owned();
            bytes.push(u8::from_str_radix(&digits, 16).unwrap_or(b'?'));
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A page of what all filters of the query let through: `fits` is asked of each name once.
fn listed(all: &[Value], query: &str, fits: fn(&Value, &str, &[String]) -> bool) -> Outcome {
    let names: Vec<&str> = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(n, _)| n)
        .collect();
    let through = |value: &&Value| {
        names
            .iter()
            .all(|name| fits(value, name, &values(query, name)))
    };
    let found: Vec<&Value> = all.iter().filter(through).collect();
    let number = |name: &str| {
        values(query, name)
            .last()
            .and_then(|text| text.parse::<usize>().ok())
    };
    let limit = number("limit")
        .filter(|limit| *limit > 0)
        .unwrap_or(1000)
        .min(1000);
    let start = number("offset").unwrap_or(0);
    let page: Vec<Value> = found
        .iter()
        .skip(start)
        .take(limit)
        .map(|value| (*value).clone())
        .collect();
    let more = found.len() > start + page.len();
    let next = format!(
        "http://127.0.0.1/?limit={limit}&offset={}",
        start + page.len()
    );
    let next = more.then_some(format!("{next}&{}", without_paging(query)));
    (
        200,
        json!({"count": found.len(), "next": next, "previous": null, "results": page}),
    )
}

fn without_paging(query: &str) -> String {
    let kept = query
        .split('&')
        .filter(|pair| !pair.starts_with("limit=") && !pair.starts_with("offset="));
    kept.collect::<Vec<_>>().join("&")
}

fn has(values: &[String], value: &Value) -> bool {
    values
        .iter()
        .any(|text| value == text.as_str() || value.as_u64().is_some_and(|n| text.parse() == Ok(n)))
}

fn of_prefix(prefix: &Value, name: &str, values: &[String]) -> bool {
    let last = values.last().map_or("", String::as_str);
    let own = net::parse(prefix["prefix"].as_str().unwrap_or_default()).unwrap_or_default();
    match (name, net::parse(last)) {
        ("vlan_vid", _) => prefix["vlan"]["vid"].as_u64() == last.parse().ok(),
        ("prefix", _) => has(values, &prefix["prefix"]),
        ("vrf_id", _) => last == "null",
        ("site", _) => prefix["scope"]["slug"] == last,
        ("tenant", _) => prefix["tenant"]["slug"] == last,
        ("within", Some(outer)) => net::holds(outer, own.0) && own.1 > outer.1,
        ("within_include", Some(outer)) => net::holds(outer, own.0) && own.1 >= outer.1,
        ("contains", Some(inner)) => net::holds(own, inner.0) && own.1 <= inner.1,
        ("within" | "within_include" | "contains", None) => false,
        _ => true,
    }
}

fn of_address(record: &Value, name: &str, values: &[String]) -> bool {
    let text = |field: &str| record[field].as_str().unwrap_or_default().to_owned();
    let own = net::parse(&text("address")).unwrap_or_default();
    let any = |fits: &dyn Fn(&str) -> bool| values.iter().any(|value| fits(value));
    let lower = |field: &str| text(field).to_lowercase();
    match name {
        "id" => has(values, &record["id"]),
        "address" => any(&|value| match value.split_once('/') {
            Some(_) => text("address") == value,
            None => net::parse(value).is_some_and(|other| other.0 == own.0),
        }),
        "parent" => any(&|value| net::parse(value).is_some_and(|outer| net::holds(outer, own.0))),
        "dns_name" => any(&|value| text("dns_name") == value),
        "dns_name__ie" => any(&|value| lower("dns_name") == value.to_lowercase()),
        "dns_name__isw" => any(&|value| lower("dns_name").starts_with(&value.to_lowercase())),
        "description__iew" => any(&|value| lower("description").ends_with(&value.to_lowercase())),
        "cf_ipalloc_key" => has(values, &record["custom_fields"]["ipalloc_key"]),
        "vrf_id" => values.last().is_some_and(|value| value == "null"),
        "status" => has(values, &record["status"]["value"]),
        _ => true,
    }
}

fn of_change(change: &Value, name: &str, values: &[String]) -> bool {
    match name {
        "changed_object_id" | "changed_object_type" => has(values, &change[name]),
        "action" => has(values, &change["action"]["value"]),
        _ => true,
    }
}
