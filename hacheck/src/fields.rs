//! The members of a probe's JSON object, taken out by name: whatever is wrong with one becomes a
//! fault with its path, and reading goes on, so that all of them are told at once.
//!
//! What a value should have been is said, and what it is only where no password can be in it.

use serde_json::{Map, Value};
use vmid::{
    site::{Fault, near},
    url,
};

/// An object that is being read.
pub struct Fields<'a, 'f> {
    path: String,
    object: &'a Map<String, Value>,
    known: Vec<&'static str>,
    faults: &'f mut Vec<Fault>,
}

impl<'a, 'f> Fields<'a, 'f> {
    /// The object that `value`, called `path` in messages, is; a fault if it is something else.
    pub fn of(value: &'a Value, path: String, faults: &'f mut Vec<Fault>) -> Option<Self> {
        let Value::Object(object) = value else {
            let what = not(value, "an object");
            faults.push(Fault { path, what });
            return None;
        };
        Some(Self {
            path,
            object,
            known: Vec::new(),
            faults,
        })
    }

    /// Says what is wrong with a field, to be read behind its path.
    pub fn wrong(&mut self, name: &str, what: impl Into<String>) {
        let path = format!("{}.{name}", self.path);
        let what = what.into();
        self.faults.push(Fault { path, what });
    }

    /// The value of a field, if it is there and not null.
    pub fn value(&mut self, name: &'static str) -> Option<&'a Value> {
        self.known.push(name);
        self.object.get(name).filter(|value| !value.is_null())
    }

    /// What `read` makes of a field; a fault that names what was `expected`, where that is nothing.
    fn read<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.value(name)?;
        let read = read(value);
        if read.is_none() {
            self.wrong(name, not(value, expected));
        }
        read
    }

    /// A text that isn't empty.
    pub fn text(&mut self, name: &'static str) -> Option<String> {
        self.read(name, "text", |value| {
            let text = value.as_str().filter(|text| !text.is_empty());
            text.map(str::to_owned)
        })
    }

    /// As [`Self::text`]; it must be there.
    pub fn required(&mut self, name: &'static str) -> Option<String> {
        self.must_be_there(name);
        self.text(name)
    }

    /// A whole number between `least` and `most`.
    pub fn whole<T: TryFrom<u64>>(
        &mut self,
        name: &'static str,
        least: u64,
        most: u64,
    ) -> Option<T> {
        let expected = format!("a whole number from {least} to {most}");
        self.read(name, &expected, |value| {
            let number = value.as_u64();
            let number = number.filter(|number| (least..=most).contains(number));
            number.and_then(|number| T::try_from(number).ok())
        })
    }

    /// A port, which must be there if nothing stands for it.
    pub fn port(&mut self, absent: Option<u16>) -> Option<u16> {
        if absent.is_none() {
            self.must_be_there("port");
        }
        self.whole("port", 1, 65_535).or(absent)
    }

    /// A number from 0 to `most` that may have a fraction.
    pub fn number(&mut self, name: &'static str, most: f64) -> Option<f64> {
        let expected = match most.is_finite() {
            true => format!("a number from 0 to {most}"),
            false => "a number of at least 0".to_owned(),
        };
        self.read(name, &expected, |value| {
            value
                .as_f64()
                .filter(|number| (0.0..=most).contains(number))
        })
    }

    /// True or false; `absent` if it isn't there.
    pub fn truth(&mut self, name: &'static str, absent: bool) -> bool {
        self.read(name, "true or false", Value::as_bool)
            .unwrap_or(absent)
    }

    /// One text, or several or none in an array.
    pub fn texts(&mut self, name: &'static str) -> Option<Vec<String>> {
        self.read(name, "text or a list of texts", |value| match value {
            Value::String(text) => Some(vec![text.clone()]),
            Value::Array(list) => {
                let texts = list.iter().map(|text| text.as_str().map(str::to_owned));
                texts.collect()
            }
            _ => None,
        })
    }

    /// One HTTP status, or several in an array; 200, where there is none.
    pub fn statuses(&mut self, name: &'static str) -> Vec<u16> {
        let one = |value: &Value| {
            let status = value.as_u64().filter(|status| (100..=599).contains(status));
            status.and_then(|status| u16::try_from(status).ok())
        };
        let expected = "a whole number from 100 to 599, or a list of them";
        let read = self.read(name, expected, |value| match value {
            Value::Array(list) if !list.is_empty() => list.iter().map(one).collect(),
            other => one(other).map(|status| vec![status]),
        });
        read.unwrap_or_else(|| vec![200])
    }

    /// The object in a field.
    pub fn object(&mut self, name: &'static str) -> Option<Fields<'a, '_>> {
        let value = self.value(name)?;
        Fields::of(value, format!("{}.{name}", self.path), self.faults)
    }

    /// The one text `name` of the object in the field `outer`, as in `"identity":{"txt":NAME}`.
    pub fn text_within(&mut self, outer: &'static str, name: &'static str) -> Option<String> {
        let mut inner = self.object(outer)?;
        let text = inner.required(name);
        inner.end();
        text
    }

    /// Which of `names` is there, as in `{"dns":{...}}`; a fault if it is none or several of them.
    /// If it is none because a name is misspelled, that is for [`Self::end`] to say.
    pub fn one_of(&mut self, names: &'static [&'static str]) -> Option<&'static str> {
        let there = |name: &&'static str| self.object.get(*name).is_some_and(|v| !v.is_null());
        let found: Vec<&'static str> = names.iter().copied().filter(there).collect();
        self.known.extend(names);
        let what = match found[..] {
            [only] => return Some(only),
            [] if self.unknown().next().is_some() => return None,
            [] => format!("has none of {}", names.join(", ")),
            _ => format!("has {} in one object", found.join(" and ")),
        };
        let path = self.path.clone();
        self.faults.push(Fault { path, what });
        None
    }

    /// Every name that hasn't been asked for is a fault, unless it begins with `x-`.
    pub fn end(mut self) {
        let unknown: Vec<&String> = self.unknown().collect();
        for name in unknown {
            let known = self.known.iter().copied();
            let own = match near::near(name, known.clone()) {
                Some(_) => "",
                None => " (a name of your own begins with x-)",
            };
            let what = format!("is not known{}{own}", near::hint(name, known));
            self.wrong(&printable(name), what);
        }
    }

    fn unknown(&self) -> impl Iterator<Item = &'a String> {
        let known = |name: &str| name.starts_with("x-") || self.known.contains(&name);
        self.object.keys().filter(move |name| !known(name))
    }

    fn must_be_there(&mut self, name: &'static str) {
        if self.object.get(name).is_none_or(Value::is_null) {
            self.wrong(name, "is missing");
        }
    }
}

/// "is 7, not text": objects and lists by their kind alone.
fn not(value: &Value, expected: &str) -> String {
    let shown = match value {
        Value::String(text) => shown(text),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        other => other.to_string(),
    };
    format!("is {shown}, not {expected}")
}

/// A text as a message shows it: quoted, a long one by its beginning, no query in it; nothing of one
/// with an @, behind a slash or question mark of a password as it may be.
#[must_use]
pub fn shown(text: &str) -> String {
    const MOST: usize = 60;
    if text.contains('@') {
        return "a text with an @ (not shown)".to_owned();
    }
    let safe = match text.contains("://") {
        true => url::shown(text),
        false => text.into(),
    };
    match safe.char_indices().nth(MOST) {
        Some((end, _)) => format!("{:?}...", &safe[..end]),
        None => format!("{safe:?}"),
    }
}

/// A name in a path: a strange one quoted.
fn printable(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    match (1..=60).contains(&name.len()) && name.chars().all(plain) {
        true => name.to_owned(),
        false => shown(name),
    }
}

/// What `parse` makes of `value`, or all that is wrong.
#[cfg(test)]
pub(crate) fn parsed<T>(
    value: &Value,
    parse: impl FnOnce(Fields<'_, '_>) -> Option<T>,
) -> Result<T, String> {
    let mut faults = Vec::new();
    let read = Fields::of(value, "probe".to_owned(), &mut faults).and_then(parse);
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    match read {
        Some(read) if lines.is_empty() => Ok(read),
        _ => Err(lines.join("\n")),
    }
}

#[cfg(test)]
mod tests {
    use crate::probe::Probe;
    use serde_json::json;

    #[test]
    fn all_faults_with_their_paths_and_no_secret() {
        let secret = "http://u:HUNTER2@x/";
        #[rustfmt::skip]
        let cases = [
            ("a number",          json!(7), "p is 7, not an object"),
            ("a URL",             json!({"http": secret}), "p.http is a text with an @ (not shown), not an object"),
            ("a URL elsewhere",   json!({"dns": {"name": "a", "port": secret, "type": secret, "rcode": secret, "expect": [secret]}}),
             "p.dns.type is a text with an @ (not shown), not A, AAAA, SOA or TXT\n\
              p.dns.rcode is a text with an @ (not shown), none of NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED\n\
              p.dns.expect has a text with an @ (not shown), which is no data of type A"),
            ("a list of it",      json!({"http": {"url": [secret], "status": {"x": secret}}}),
             "p.http.url is a list, not text\np.http.status is an object, not a whole number from 100 to 599"),
            ("a name of it",      json!({"tcp": {"port": 1, secret: 1}}), "p.tcp.a text with an @ (not shown) is not known"),
            ("a query",           json!({"http": {"url": "ftp://x/?key=HUNTER2"}}), "p.http.url is \"ftp://x/?...\", not http(s)://host[:port]/path"),
            ("on",                json!({"on": secret, "tcp": {"port": 1}}), "p.on is a text with an @ (not shown), not all, vip or members"),
            ("nothing",           json!({}), "p has none of dns, http, tls, tcp, nfs, route, pihole"),
            ("two",               json!({"dns": {}, "tcp": {}}), "p has dns and tcp in one object"),
            ("several at once",   json!({"http": {"staus": 200, "header": "a b"}}),
             "p.http.url is missing\np.http.header is \"a b\", no name of a header\np.http.staus is not known; near: status"),
            ("required is null",  json!({"tcp": {"port": null}}), "p.tcp.port is missing"),
            ("within",            json!({"dns": {"name": "a", "identity": {"text": 1}}}), "p.dns.identity.txt is missing\np.dns.identity.text is not known"),
        ];
        for (name, value, want) in cases {
            let mut faults = Vec::new();
            Probe::parse(&value, "p".to_owned(), &mut faults);
            let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
            let got = lines.join("\n");
            assert!(!got.contains("HUNTER2"), "{name}: {got}");
            assert!(got.starts_with(want), "{name}: {got}");
        }
    }
}
