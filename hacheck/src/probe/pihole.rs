//! What a Pi-hole (v6) holds, by its own API: whether it blocks, how many domains, since when, and
//! its versions. Paths, fields and errors are those of FTL's `src/api/docs` and `src/api/auth.c`.
//!
//! A password is sent to nobody whose certificate isn't known. A session is ended whatever happens
//! in it, or it is told that one may be left: there are 16 of them, each for half an hour.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use rustls::{ClientConfig, pki_types::ServerName};
use serde_json::{Value, json};
use vmid::trust::{self, Fingerprint};

use super::{Outcome, Reply, wire};
use crate::{
    evidence::Unseen,
    fields::{Fields, shown},
};

mod api;
mod document;
mod file;

use api::Api;
pub use document::Content;
use document::Login;

/// The name that every certificate made by FTL is for (its `src/webserver/x509.c`).
const NAME: &str = "pi.hole";

/// The part of the time that is kept for the end of the session.
const LAST: u32 = 4;

/// How long the answer to a login is waited for: FTL hashes an application password twice (its
/// `verify_login`), once in more than a second on a small computer, and makes a session then,
/// whoever waits or doesn't.
const LOGIN: Duration = Duration::from_secs(10);

/// The least that the end of a session may take, with a handshake on such a computer.
const END: Duration = Duration::from_secs(2);

/// What becomes of a session that was not ended.
const BY_ITSELF: &str = "it ends by itself (webserver.session.timeout)";

/// Whom to ask, and what is too different.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// The port of its https.
    pub port: u16,
    /// The name that its certificate must be for.
    pub name: String,
    /// The file with the password; `{address}` in its name is the member's.
    pub password_file: String,
    /// Which certificates are good.
    pub trust: Trust,
    /// By how many percent the numbers of domains may differ.
    pub domains_percent: f64,
    /// The oldest that its lists may be, in seconds.
    pub max_age_s: Option<u64>,
}

/// Which certificates are good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Those with these fingerprints.
    Pinned(Vec<Fingerprint>),
    /// Those that an authority in this file has signed.
    File(String),
}

impl Ask {
    pub(super) fn parse(mut fields: Fields<'_, '_>) -> Option<Self> {
        let password_file = path(&mut fields, "password_file", true);
        let trust = trust(&mut fields);
        let name = fields.text("name").unwrap_or_else(|| NAME.to_owned());
        if ServerName::try_from(name.as_str()).is_err() {
            fields.wrong("name", format!("is {}, no name of a server", shown(&name)));
        }
        let domains_percent = fields.number("domains_percent", 100.0).unwrap_or(0.0);
        let max_age_s = fields.whole("max_age_s", 1, u64::from(u32::MAX));
        let port = fields.port(Some(443));
        fields.end();
        Some(Self {
            port: port?,
            name,
            password_file: password_file?,
            trust: trust?,
            domains_percent,
            max_age_s,
        })
    }

    pub(super) fn label(&self) -> String {
        match self.port {
            443 => "pihole".to_owned(),
            port => format!("pihole port {port}"),
        }
    }

    #[inline(never)] // so that a thread's stack is as deep as its own probe needs
    pub(super) fn ask(&self, address: IpAddr, clock: &wire::Clock) -> Reply {
        clock.asked();
        let content = self.content(address, clock.deadline);
        clock.answered();
        match content {
            Ok(content) => Reply {
                content: Some(super::Content::Pihole(content)),
                ..Reply::of(Outcome::Good)
            },
            // A TLS that isn't understood says nothing of the service that it is beside.
            Err(Outcome::Wrong(what)) => Reply::of(unseen(what)),
            Err(outcome) => Reply::of(outcome),
        }
    }

    /// All of it, in a session of its own.
    fn content(&self, address: IpAddr, deadline: Instant) -> Result<Content, Outcome> {
        let password = file::first_line(
            &self
                .password_file
                .replace("{address}", &address.to_string()),
        );
        let password = password.map_err(unseen)?;
        let api = Api {
            address,
            port: self.port,
            name: &self.name,
            settings: self.settings().map_err(unseen)?,
        };
        let started = Instant::now();
        let time = deadline.saturating_duration_since(started);
        let before_last = time - time / LAST;
        let body = json!({"password": password}).to_string();
        let until = started + before_last;
        let answer = api.login(&body, until, until.max(started + LOGIN));
        let answer = answer.map_err(|failed| match failed.sent {
            true => adding(failed.outcome, "a session may be left at its API"),
            false => failed.outcome,
        })?;
        let login = Login::of(answer.status, &answer.body).map_err(unseen)?;
        // What the login took is not taken from the rest.
        let read = read(&api, login.session(), Instant::now() + before_last);
        // Also when something failed.
        let ended = match login.session() {
            None => true,
            Some(session) => {
                let until = deadline.max(Instant::now() + END);
                let answer = api.send("DELETE", "/api/auth", Some(session), until);
                answer.is_ok_and(|answer| answer.status == 204)
            }
        };
        let mut content = read.map_err(|outcome| match ended {
            true => outcome,
            false => adding(outcome, "the session at its API could not be ended"),
        })?;
        content.open = login.session().is_none();
        content.left_open = !ended;
        Ok(content)
    }

    fn settings(&self) -> Result<Arc<ClientConfig>, String> {
        match &self.trust {
            Trust::Pinned(fingerprints) => trust::pinned(fingerprints.clone()),
            Trust::File(path) => {
                let pem = file::read(path)?;
                trust::authorities(&pem).map_err(|what| format!("{path}: {what}"))
            }
        }
    }
}

/// What is asked in a session.
fn read(api: &Api<'_>, session: Option<&str>, until: Instant) -> Result<Content, Outcome> {
    let get = |path: &str| -> Result<Value, Outcome> {
        let answer = api.send("GET", path, session, until)?;
        document::of(path, answer.status, &answer.body).map_err(unseen)
    };
    let blocking = get("/api/dns/blocking")?;
    let summary = get("/api/stats/summary")?;
    let version = get("/api/info/version")?;
    Content::of(&blocking, &summary, &version).map_err(unseen)
}

/// The same, with what became of the session.
fn adding(outcome: Outcome, session: &str) -> Outcome {
    let with = |said: &str| format!("{said}; {session}: {BY_ITSELF}");
    match outcome {
        Outcome::Good => Outcome::Good,
        Outcome::Wrong(what) => Outcome::Wrong(with(&what)),
        Outcome::Dead(how, what) => Outcome::Dead(how, with(&what)),
        Outcome::Unseen(unseen) => Outcome::Unseen(Unseen {
            message: with(&unseen.message),
            ..unseen
        }),
    }
}

fn unseen(message: String) -> Outcome {
    Outcome::Unseen(Unseen {
        what: "pihole".to_owned(),
        errno: String::new(),
        message,
    })
}

/// The absolute path of a file.
fn path(fields: &mut Fields<'_, '_>, name: &'static str, required: bool) -> Option<String> {
    let path = match required {
        true => fields.required(name),
        false => fields.text(name),
    }?;
    if !path.starts_with('/') || path.contains(char::is_control) {
        fields.wrong(name, format!("is {}, no absolute path", shown(&path)));
    }
    Some(path)
}

/// One of `fingerprint` and `ca_cert`: nothing is asked of anybody else.
fn trust(fields: &mut Fields<'_, '_>) -> Option<Trust> {
    let pinned = fields.texts("fingerprint");
    let file = path(fields, "ca_cert", false);
    match (pinned, file) {
        (Some(texts), None) => {
            let mut fingerprints = Vec::new();
            for text in &texts {
                match Fingerprint::parse(text) {
                    Ok(fingerprint) => fingerprints.push(fingerprint),
                    Err(what) => {
                        fields.wrong("fingerprint", format!("has {}: {what}", shown(text)))
                    }
                }
            }
            if texts.is_empty() {
                fields.wrong("fingerprint", "is an empty list");
            }
            Some(Trust::Pinned(fingerprints))
        }
        (None, Some(file)) => Some(Trust::File(file)),
        (None, None) => {
            let what = "is missing, and so is ca_cert: a password is sent to nobody whose certificate isn't known";
            fields.wrong("fingerprint", what);
            None
        }
        (Some(_), Some(_)) => {
            fields.wrong("fingerprint", "is there beside ca_cert: one of them");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::parsed;

    #[test]
    fn what_is_wrong_with_a_probe() {
        let pin = "ab".repeat(32);
        let with = |more: Value| {
            let mut value = json!({"password_file": "/etc/pvx/pihole", "fingerprint": pin});
            for (name, field) in more.as_object().unwrap() {
                value[name] = field.clone();
            }
            value
        };
        #[rustfmt::skip]
        let cases = [
            ("as it should be",   with(json!({})), ""),
            ("a pin for each",    with(json!({"fingerprint": [pin, pin]})), ""),
            ("an authority",      with(json!({"fingerprint": null, "ca_cert": "/etc/pvx/pihole.pem"})), ""),
            ("nobody is trusted", with(json!({"fingerprint": null})), "probe.fingerprint is missing, and so is ca_cert"),
            ("both",              with(json!({"ca_cert": "/x"})), "probe.fingerprint is there beside ca_cert"),
            ("no pin",            with(json!({"fingerprint": "abc"})), "probe.fingerprint has \"abc\": a SHA-256 fingerprint has 64"),
            ("an empty list",     with(json!({"fingerprint": []})), "probe.fingerprint is an empty list"),
            ("the password",      with(json!({"password": "HUNTER2"})), "probe.password is not known; there are password_file"),
            ("no file of it",     with(json!({"password_file": null})), "probe.password_file is missing"),
            ("a relative path",   with(json!({"password_file": "pihole"})), "probe.password_file is \"pihole\", no absolute path"),
            ("another name",      with(json!({"name": "a b"})), "probe.name is \"a b\", no name of a server"),
        ];
        for (name, value, want) in cases {
            let got = parsed(&value, Ask::parse).map_or_else(|what| what, |_| String::new());
            assert!(
                got.starts_with(want) && got.is_empty() == want.is_empty(),
                "{name}: {got}"
            );
            assert!(!got.contains("HUNTER2"), "{name}: {got}");
        }
    }
}
