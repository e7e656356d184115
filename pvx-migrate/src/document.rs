//! The state document that a plan is made from, read and checked before anything rests on it.

use std::{io::Read, time::Duration};

use anyhow::{Context as _, anyhow};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use vmid::{exit::Stop, span};

use crate::{
    state::{READ, State},
    unreadable::told,
};

/// How far a document may seem to come from the future: two clocks that differ.
const SKEW: SignedDuration = SignedDuration::from_mins(1);

/// The state document of `input`.
///
/// # Errors
///
/// It is none, of another version, cut off, or older than `max_age`.
pub fn state(
    mut input: impl Read,
    now: Timestamp,
    max_age: Duration,
    whence: &str,
) -> Result<State, Stop> {
    let mut text = Vec::new();
    input
        .read_to_end(&mut text)
        .context(whence.to_owned())
        .map_err(Stop::outside)?;
    let hint = "'pvx-migrate state' prints a state document";
    let bad = |what: anyhow::Error| Stop::input(what).hint(hint);
    if text.iter().all(u8::is_ascii_whitespace) {
        return Err(bad(anyhow!("{whence}: no state document: nothing came in")));
    }
    // Text that is known to be UTF-8 as a whole is not checked again string by string.
    let read = match str::from_utf8(&text) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(&text),
    };
    let state: State = match read {
        Ok(state) => state,
        Err(error) => {
            let what = match instead(&text) {
                Some(what) => format!("no state document but {what}"),
                None if error.is_eof() => "the state document is cut off".to_owned(),
                None => format!("no state document: {}", told(&error)),
            };
            return Err(bad(anyhow!("{whence}: {what}")));
        }
    };
    if !READ.contains(&state.version) {
        let (version, [oldest, older, newest]) = (state.version, READ);
        return Err(bad(anyhow!(
            "{whence}: the state document has version {version}, this reads {oldest}, {older} and {newest}"
        )));
    }
    let age = now.duration_since(state.at);
    if age < -SKEW {
        let what = anyhow!("{whence}: the state is of {}, which is to come", state.at);
        return Err(Stop::input(what).hint("is a clock wrong?"));
    }
    let age = Duration::try_from(age).unwrap_or_default(); // to come, but within the skew
    if age > max_age {
        let what = anyhow!(
            "{whence}: the state is of {}, {} old; --max-age is {}",
            state.at,
            span::shown(age),
            span::written(max_age)
        );
        return Err(Stop::input(what).hint("read it again: pvx-migrate state"));
    }
    Ok(state)
}

/// What came instead of a state document, if that can be told by its first value.
fn instead(text: &[u8]) -> Option<&'static str> {
    let text = text.trim_ascii_start();
    if text.starts_with(b"<") {
        return Some("a page of HTML or XML");
    }
    let first = serde_json::Deserializer::from_slice(text)
        .into_iter()
        .next()?;
    let first: Value = first.ok()?;
    if first.is_array() {
        return Some("a list");
    }
    let fields = first.as_object()?;
    let has = |name: &str| fields.contains_key(name);
    let failed = fields.get("data").is_some_and(Value::is_null)
        || has("errors")
        || (has("detail") && fields.len() == 1);
    #[rustfmt::skip]
    let kinds = [
        (has("version") && has("at"),                  None),
        (failed,                                       Some("the answer of a request that failed")),
        (has("data"),                                  Some("an answer of the API, which knows a part of the state only")),
        (has("action") && has("vmid"),                 Some("a plan")),
        (has("phase"),                                 Some("a run's journal")),
        (has("vmid") || has("net0"),                   Some("guests' records")),
        (has("vlans") || has("pairs") || has("nodes"), Some("a site file")),
    ];
    kinds.into_iter().find(|(is, _)| *is)?.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_instead() {
        #[rustfmt::skip]
        let cases = [
            ("a page",              "\n<!doctype html>",              Some("a page of HTML or XML")),
            ("an answer",           r#"{"data":[{"vmid":101}]}"#,     Some("an answer of the API, which knows a part of the state only")),
            ("Proxmox refused",     r#"{"data":null}"#,               Some("the answer of a request that failed")),
            ("and said why",        r#"{"data":null,"message":"no"}"#, Some("the answer of a request that failed")),
            ("NetBox refused",      r#"{"detail":"Invalid token"}"#,  Some("the answer of a request that failed")),
            ("a parameter",         r#"{"errors":{"x":"y"}}"#,        Some("the answer of a request that failed")),
            ("a plan of two lines", "{\"vmid\":101,\"action\":\"live\"}\n{\"vmid\":102}", Some("a plan")),
            ("a journal",           r#"{"vmid":101,"phase":"task"}"#, Some("a run's journal")),
            ("an inventory",        r#"{"vmid":101,"net0":"x"}"#,     Some("guests' records")),
            ("a site file",         r#"{"name":"x","nodes":[]}"#,     Some("a site file")),
            ("resources",           "[{}]",                           Some("a list")),
            ("a state, damaged",    r#"{"version":1,"at":"x","nodes":{}}"#, None),
            ("cut off",             r#"{"version":1"#,                None),
            ("YAML",                "name: x",                        None),
        ];
        for (name, text, want) in cases {
            assert_eq!(instead(text.as_bytes()), want, "{name}");
        }
    }
}
