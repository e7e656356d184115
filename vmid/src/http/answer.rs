//! An answer, and what it says is wrong: the server's own words, where it has any.

use serde_json::Value;

use super::wait::WAIT_LIMIT;
use crate::{span, url};

/// The most characters of a server's words that a message shows.
const WORDS_LIMIT: usize = 300;

/// An answer.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body; complete, as far as its announced length tells.
    pub body: Vec<u8>,
    /// Where a redirect points, or empty.
    pub location: String,
    /// Its headers, in the order in which they came; those that are no text are left out.
    pub headers: Vec<(String, String)>,
}

impl Answer {
    /// The first header of that name, in whatever case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The body as JSON; none if it is not JSON (a proxy's page, a cut-off body).
    #[must_use]
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// What the server itself says is wrong, on one line: `message` with the parameters that
    /// `errors` names (Proxmox), `detail` or `error` (NetBox), else all of a JSON body. None if
    /// the body is not JSON.
    #[must_use]
    pub fn words(&self) -> Option<String> {
        let value = self.json()?;
        let said = of_proxmox(&value)
            .or_else(|| of_netbox(&value))
            .unwrap_or_else(|| value.to_string());
        let line: Vec<&str> = said.split_whitespace().collect();
        Some(line.join(" ").chars().take(WORDS_LIMIT).collect())
    }

    /// What is wrong with an answer that is not the one hoped for, on one line: where a redirect
    /// points, the status and the server's words, or that a page came instead of JSON.
    #[must_use]
    pub fn complaint(&self) -> String {
        let status = self.status;
        if (300..400).contains(&status) {
            return format!(
                "redirected to {:?}, which is not followed; name that address if it is right",
                url::shown(&self.location)
            );
        }
        if status == 429 {
            return self.too_many();
        }
        match self.words() {
            Some(words) => format!("status {status}: {words}"),
            None if self.body.is_empty() => format!("status {status} and nothing else"),
            None if status == 404 => {
                format!("status {status} and a page that is not JSON; is the address complete?")
            }
            None => {
                format!("status {status} and a page that is not JSON; a login page, or a proxy's")
            }
        }
    }
}

impl Answer {
    /// Every request that meets this was repeated, as long as the server's wish allows that.
    fn too_many(&self) -> String {
        let wish = self.header("retry-after").unwrap_or("none");
        let words = self
            .words()
            .map_or(String::new(), |words| format!(": {words}"));
        let longest = span::shown(WAIT_LIMIT);
        format!(
            "status 429{words}; it takes no more requests, and {longest} in all are waited at most (Retry-After: {wish})"
        )
    }
}

/// `{"message":"...","errors":{"parameter":"what"}}`
fn of_proxmox(value: &Value) -> Option<String> {
    let message = value.get("message").and_then(Value::as_str).map(str::trim);
    let errors = value.get("errors").and_then(Value::as_object);
    let named = errors.into_iter().flatten();
    let named = named.map(|(parameter, what)| {
        let what = what
            .as_str()
            .map_or_else(|| what.to_string(), str::to_owned);
        format!("{parameter}: {}", what.trim())
    });
    let message = message.filter(|message| !message.is_empty());
    let all: Vec<String> = message
        .map(str::to_owned)
        .into_iter()
        .chain(named)
        .collect();
    (!all.is_empty()).then(|| all.join(" "))
}

/// `{"detail":"..."}`, `{"error":"..."}`; beside a list of `errors`, "1 of 2 objects could not be
/// created" alone would hide why.
fn of_netbox(value: &Value) -> Option<String> {
    let detail = value.get("detail").or_else(|| value.get("error"));
    let detail = detail.and_then(Value::as_str);
    detail
        .filter(|_| value.get("errors").is_none())
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints() {
        let page = "<html>";
        #[rustfmt::skip]
        let cases: &[(&str, u16, &str, &str)] = &[
            ("NetBox's words",      403, r#"{"detail":"Invalid v2 token"}"#, "status 403: Invalid v2 token"),
            ("a read-only base",    500, r#"{"error":"cannot execute INSERT","exception":"InternalError"}"#, "status 500: cannot execute INSERT"),
            ("one of a batch",      400, r#"{"detail":"1 of 1 objects","errors":[{"errors":["Duplicate"]}]}"#, r#"status 400: {"detail":"1 of 1 objects","errors":[{"errors":["Duplicate"]}]}"#),
            ("a field's errors",    400, r#"{"dns_name":["Only letters"]}"#, r#"status 400: {"dns_name":["Only letters"]}"#),
            ("Proxmox's words",     500, "{\"data\":null,\"message\":\"VM 7 does not\\nexist\\n\"}", "status 500: VM 7 does not exist"),
            ("and its parameters",  400, r#"{"data":null,"message":"Parameter verification failed.","errors":{"vmid":"not a number\n"}}"#, "status 400: Parameter verification failed. vmid: not a number"),
            ("nothing but data",    403, r#"{"data":null}"#, r#"status 403: {"data":null}"#),
            ("a login page",        200, page, "status 200 and a page that is not JSON; a login page, or a proxy's"),
            ("a forgotten path",    404, page, "status 404 and a page that is not JSON; is the address complete?"),
            ("a proxy",             502, page, "status 502 and a page that is not JSON; a login page, or a proxy's"),
            ("nothing",             502, "", "status 502 and nothing else"),
            ("too many requests",   429, r#"{"detail":"Throttled."}"#, "status 429: Throttled.; it takes no more requests, and 1m in all are waited at most (Retry-After: 90)"),
            ("a redirect",          301, page, "redirected to \"https://host/x?...\", which is not followed; name that address if it is right"),
        ];
        for (name, status, body, want) in cases {
            let answer = Answer {
                status: *status,
                body: body.as_bytes().to_vec(),
                location: "https://host/x?token=HUNTER2".to_owned(),
                headers: vec![("Retry-After".to_owned(), "90".to_owned())],
            };
            assert_eq!(answer.complaint(), *want, "{name}");
        }
    }
}
