//! What a Pi-hole's answers say. Pure.

use serde_json::Value;

/// The longest that is repeated of a text of its, in characters.
const LONGEST: usize = 40;

/// The longest session ID that is sent back, in bytes; FTL's have 24.
const SESSION: usize = 256;

/// What it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// `enabled`, `disabled`, `failed` or `unknown`.
    pub blocking: String,
    /// Until blocking changes by itself, in seconds.
    pub timer_s: Option<u64>,
    /// The number of domains that it blocks; below 0 if its database can't be read.
    pub domains: i64,
    /// When its lists were updated, Unix time in seconds, if it says so.
    pub updated_s: Option<i64>,
    /// The version of its scripts.
    pub core: Option<String>,
    /// The version of FTL.
    pub ftl: Option<String>,
    /// It has no password: everybody may change it.
    pub open: bool,
    /// The session could not be ended.
    pub left_open: bool,
}

/// A session, or none where none is needed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Login(Option<String>);

impl Login {
    /// What `POST /api/auth` was answered with.
    ///
    /// # Errors
    ///
    /// There is no session, and why, in words.
    pub(super) fn of(status: u16, body: &[u8]) -> Result<Self, String> {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let session = &body["session"];
        let key = body["error"]["key"].as_str().unwrap_or_default();
        let message = body["error"]["message"].as_str().unwrap_or_default();
        match (status, session["valid"].as_bool()) {
            (200, Some(true)) => match &session["sid"] {
                Value::Null => Ok(Self(None)),
                Value::String(sid) if is_session(sid) => Ok(Self(Some(sid.clone()))),
                _ => Err("its session ID is none".to_owned()),
            },
            (200 | 401, Some(false)) => Err(match session["totp"].as_bool() {
                Some(true) => "it does not take the password; with two-factor authentication it takes an application password only".to_owned(),
                _ => "it does not take the password".to_owned(),
            }),
            (400, _) if message.contains("2FA") => Err(
                "it wants a second factor: the password is that of its web interface, not an application password".to_owned(),
            ),
            (429, _) if key == "api_seats_exceeded" => Err(
                "all its API sessions are taken (webserver.api.max_sessions)".to_owned(),
            ),
            (429, _) => Err("it takes no more logins for now: too many have failed".to_owned()),
            (404, _) => Err("there is no API of Pi-hole v6 (status 404 to POST /api/auth)".to_owned()),
            (200, None) => Err(misunderstood("/api/auth")),
            _ => Err(format!("status {status} to POST /api/auth")),
        }
    }

    /// Its ID.
    pub(super) fn session(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

/// It can stand in a header.
fn is_session(sid: &str) -> bool {
    (1..=SESSION).contains(&sid.len()) && sid.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The answer to `GET path`.
///
/// # Errors
///
/// It is another one than a document.
pub(super) fn of(path: &str, status: u16, body: &[u8]) -> Result<Value, String> {
    if status != 200 {
        return Err(format!("status {status} to GET {path}"));
    }
    let document = serde_json::from_slice(body).ok();
    document
        .filter(Value::is_object)
        .ok_or_else(|| misunderstood(path))
}

impl Content {
    /// From `/api/dns/blocking`, `/api/stats/summary` and `/api/info/version`.
    ///
    /// # Errors
    ///
    /// What is compared is not in them.
    pub(super) fn of(blocking: &Value, summary: &Value, version: &Value) -> Result<Self, String> {
        let local = |part: &str| plain(&version["version"][part]["local"]["version"]);
        let timer = blocking["timer"].as_f64().filter(|&left| left >= 0.0);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Ok(Self {
            blocking: plain(&blocking["blocking"])
                .ok_or_else(|| misunderstood("/api/dns/blocking"))?,
            timer_s: timer.map(|left| left as u64),
            domains: summary["gravity"]["domains_being_blocked"]
                .as_i64()
                .ok_or_else(|| misunderstood("/api/stats/summary"))?,
            updated_s: summary["gravity"]["last_update"]
                .as_i64()
                .filter(|&at| at > 0),
            core: local("core"),
            ftl: local("ftl"),
            open: false,
            left_open: false,
        })
    }
}

fn misunderstood(path: &str) -> String {
    format!("what it says at {path} is not what Pi-hole v6 says there")
}

/// A text that isn't empty, without what could upset a terminal, and not too long.
fn plain(value: &Value) -> Option<String> {
    let text = value.as_str().filter(|text| !text.is_empty())?;
    let safe = |c: char| {
        if c.is_ascii_graphic() || c == ' ' {
            c
        } else {
            '?'
        }
    };
    Some(text.chars().take(LONGEST).map(safe).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// A session's ID, or a part of what is said.
    type Want = Result<Option<&'static str>, &'static str>;

    #[test]
    fn logins() {
        let session = |valid: bool, totp: bool, sid: Value| json!({"session": {"valid": valid, "totp": totp, "sid": sid, "csrf": null, "validity": 300}, "took": 0.1});
        let error = |key: &str, message: &str| json!({"error": {"key": key, "message": message, "hint": null}});
        let sid = "vFA+EP4MQ5JJvJg+3Q2Jnw=";
        #[rustfmt::skip]
        let cases: [(&str, u16, Value, Want); 14] = [
            ("a session",        200, session(true, false, json!(sid)), Ok(Some(sid))),
            ("2FA, application", 200, session(true, true, json!(sid)), Ok(Some(sid))),
            ("no password",      200, session(true, false, Value::Null), Ok(None)),
            ("a wrong one",      401, session(false, false, Value::Null), Err("it does not take the password")),
            ("wrong, with 2FA",  401, session(false, true, Value::Null), Err("an application password only")),
            ("2FA",              400, error("bad_request", "No 2FA token found in JSON payload"), Err("it wants a second factor")),
            ("another 400",      400, error("bad_request", "No password found in JSON payload"), Err("status 400 to POST /api/auth")),
            ("full",             429, error("api_seats_exceeded", "API seats exceeded"), Err("all its API sessions are taken")),
            ("too many failed",  429, error("rate_limiting", "Rate-limiting login attempts"), Err("it takes no more logins")),
            ("v5",               404, Value::Null, Err("no API of Pi-hole v6")),
            ("a broken one",     502, Value::Null, Err("status 502 to POST /api/auth")),
            ("something else",   200, json!({"ok": true}), Err("not what Pi-hole v6 says")),
            ("a second header",  200, session(true, false, json!("x\r\nX-Evil: y")), Err("its session ID is none")),
            ("a long one",       200, session(true, false, json!("x".repeat(300))), Err("its session ID is none")),
        ];
        for (name, status, body, want) in cases {
            let got = Login::of(status, body.to_string().as_bytes());
            match (&got, want) {
                (Ok(login), Ok(sid)) => assert_eq!(login.session(), sid, "{name}"),
                (Err(what), Err(part)) => assert!(what.contains(part), "{name}: {what}"),
                _ => panic!("{name}: {got:?}"),
            }
        }
    }

    #[test]
    fn contents() {
        let summary = json!({"queries": {"total": 7}, "gravity": {"domains_being_blocked": 104_756, "last_update": 1_725_194_639}});
        let version = json!({"version": {"core": {"local": {"version": "v6.1", "hash": "x"}}, "ftl": {"local": {"version": "v6.2\u{1b}[2J"}}, "docker": {"local": null}}});
        let content = Content::of(
            &json!({"blocking": "disabled", "timer": 14.7}),
            &summary,
            &version,
        )
        .unwrap();
        assert_eq!(
            (content.blocking.as_str(), content.timer_s),
            ("disabled", Some(14))
        );
        assert_eq!(
            (content.domains, content.updated_s),
            (104_756, Some(1_725_194_639))
        );
        assert_eq!(
            (content.core.as_deref(), content.ftl.as_deref()),
            (Some("v6.1"), Some("v6.2?[2J"))
        );
        let bare = json!({"gravity": {"domains_being_blocked": -2}});
        let content = Content::of(
            &json!({"blocking": "enabled", "timer": null}),
            &bare,
            &json!({}),
        )
        .unwrap();
        assert_eq!(
            (content.domains, content.updated_s, content.core),
            (-2, None, None)
        );
        for (blocking, summary, place) in [
            (json!({}), &bare, "/api/dns/blocking"),
            (
                json!({"blocking": "enabled"}),
                &json!({"gravity": []}),
                "/api/stats/summary",
            ),
        ] {
            let what = Content::of(&blocking, summary, &json!({})).unwrap_err();
            assert!(what.contains(place), "{what}");
        }
        for (status, body) in [(401, "{}"), (200, "[]"), (200, "<html>")] {
            assert!(
                of("/x", status, body.as_bytes()).is_err(),
                "{status} {body}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_borne(status in 100_u16..600, bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Login::of(status, &bytes);
            let _ = of("/x", status, &bytes);
        }
    }
}
