//! An HTTP GET that follows nothing: the connection always goes to the address asked,
//! the URL's host is only what the server is told (Host and SNI).

use std::{
    io::{Read, Write},
    net::IpAddr,
};

use vmid::url;

use super::{Host, Outcome, Reply, tls, wire};
use crate::fields::{Fields, shown};

pub(super) mod answer;

use answer::{Answer, Broken};

/// The most that is read of an answer.
const LONGEST: usize = 1 << 20;

/// What to get, and what should come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Get {
    /// `http://{address}/`; `{address}` stands for the address asked.
    pub url: String,
    /// The statuses that are right, one at least.
    pub status: Vec<u16>,
    /// A part of the body.
    pub body: Option<String>,
    /// A header, and the value it must have.
    pub header: Option<(String, Option<String>)>,
    /// A header that says who answers.
    pub identity: Option<String>,
    /// What the server is told as Host; none: what stands in the URL.
    pub host: Option<String>,
}

/// A URL, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    tls: bool,
    /// Without brackets.
    pub(super) host: String,
    port: u16,
    /// `host[:port]`, for the header.
    pub(super) authority: String,
    /// From the slash on.
    path: String,
}

impl Get {
    pub(super) fn parse(mut fields: Fields<'_, '_>) -> Option<Self> {
        let url = fields.required("url");
        if let Some(url) = &url
            && let Err(what) = Url::parse(&url.replace("{address}", "192.0.2.1"))
        {
            fields.wrong("url", what);
        }
        let header = fields.text("header");
        let header = header.map(|text| match text.split_once(':') {
            Some((name, value)) => (name.trim().to_owned(), Some(value.trim().to_owned())),
            None => (text, None),
        });
        let identity = fields.text_within("identity", "header");
        let named = [
            ("header", header.as_ref().map(|(name, _)| name)),
            ("identity.header", identity.as_ref()),
        ];
        for (field, name) in named {
            if let Some(name) = name.filter(|name| !is_header(name)) {
                fields.wrong(field, format!("is {}, no name of a header", shown(name)));
            }
        }
        let status = fields.statuses("status");
        let body = fields.text("body");
        fields.end();
        Some(Self {
            url: url?,
            status,
            body,
            // A header that only has to be there may as well tell the members apart:
            // where it doesn't (all say the same), nothing is concluded from it.
            identity: identity.or_else(|| match &header {
                Some((name, None)) => Some(name.clone()),
                _ => None,
            }),
            header,
            host: None,
        })
    }

    /// A page of which the status alone counts.
    pub(super) fn page(url: String, status: Vec<u16>) -> Self {
        Self {
            url,
            status,
            body: None,
            header: None,
            identity: None,
            host: None,
        }
    }

    pub(super) fn label(&self) -> String {
        format!("http {}", url::shown(&self.url))
    }

    /// The URL's port.
    pub(super) fn port(&self) -> u16 {
        let url = Url::parse(&self.url.replace("{address}", "0.0.0.0"));
        url.map_or(80, |url| url.port) // cannot fail: it was parsed so when the pairs were read
    }

    #[inline(never)] // so that a thread's stack is as deep as its own probe needs
    pub(super) fn ask(&self, host: Host, clock: &wire::Clock) -> Reply {
        let shown = match host.address {
            IpAddr::V4(v4) => v4.to_string(),
            IpAddr::V6(v6) => format!("[{v6}]"),
        };
        let url = match Url::parse(&self.url.replace("{address}", &shown)) {
            Ok(url) => url,
            Err(what) => return Reply::of(Outcome::Wrong(what)),
        };
        match self.exchange(&url, host, clock) {
            Ok(answer) => {
                let mut reply = Reply::of(self.judge(&answer));
                reply.identity = self.identity.as_ref().and_then(|name| answer.header(name));
                reply
            }
            Err(outcome) => Reply::of(outcome),
        }
    }

    fn exchange(&self, url: &Url, host: Host, clock: &wire::Clock) -> Result<Answer, Outcome> {
        let stream = wire::connect(host, url.port, clock)?;
        match url.tls {
            true => self.over(tls::session(stream, Some(&url.host), host.address)?, url),
            false => self.over(stream, url),
        }
    }

    fn over(&self, mut stream: impl Read + Write, url: &Url) -> Result<Answer, Outcome> {
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: hacheck/{}\r\nAccept: */*\r\nConnection: close\r\n\r\n",
            url.path,
            self.host.as_ref().unwrap_or(&url.authority),
            env!("CARGO_PKG_VERSION")
        );
        stream
            .write_all(request.as_bytes())
            .map_err(|error| tls::outcome(&error))?;
        let without_body = |_: &Answer| self.body.is_none();
        answer::receive(&mut stream, LONGEST, without_body).or_else(|broken| match broken {
            Broken::Long(Some(answer)) => Ok(answer),
            Broken::Long(None) => Err(Outcome::Wrong("the answer's head has no end".to_owned())),
            Broken::Answer(what) => Err(Outcome::Wrong(what)),
            Broken::Connection(error) => Err(tls::outcome(&error)),
        })
    }

    /// Whether this is the answer that was expected.
    fn judge(&self, answer: &Answer) -> Outcome {
        if !self.status.contains(&answer.status) {
            let to = answer
                .header("location")
                .map_or_else(String::new, |to| format!(" (to {})", url::shown(&to)));
            let right: Vec<String> = self.status.iter().map(u16::to_string).collect();
            let right = right.join(" or ");
            return Outcome::Wrong(format!("status {}{to}, not {right}", answer.status));
        }
        if let Some((name, wanted)) = &self.header {
            match (answer.header(name), wanted) {
                (None, _) => return Outcome::Wrong(format!("no header {name}")),
                (Some(value), Some(wanted)) if value != *wanted => {
                    return Outcome::Wrong(format!("header {name} is {value:?}, not {wanted:?}"));
                }
                _ => {}
            }
        }
        match &self.body {
            Some(part) if !String::from_utf8_lossy(&answer.body).contains(part) => Outcome::Wrong(
                format!("{part:?} is not in the body ({} bytes)", answer.body.len()),
            ),
            _ => Outcome::Good,
        }
    }
}

impl Url {
    /// The parts of a text.
    ///
    /// # Errors
    ///
    /// What is wrong with it, to be read behind the field's name; no password is in it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if url::has_userinfo(text) {
            return Err("has user information (name:password@), which is not sent; an @ of path or query is written %40".to_owned());
        }
        let wrong = || format!("is {}, not http(s)://host[:port]/path", shown(text));
        let (tls, rest) = match text.split_once("://").ok_or_else(wrong)? {
            ("http", rest) => (false, rest),
            ("https", rest) => (true, rest),
            _ => return Err(wrong()),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let path = path.split('#').next().unwrap_or_default();
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/{path}")
        };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let port = match port {
            None if tls => 443,
            None => 80,
            Some(port) => port
                .parse()
                .ok()
                .filter(|&port| port != 0)
                .ok_or_else(wrong)?,
        };
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        let graphic = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        if host.is_empty() || !graphic(authority) || !graphic(&path) {
            return Err(wrong());
        }
        Ok(Self {
            tls,
            host: host.to_owned(),
            port,
            authority: authority.to_owned(),
            path,
        })
    }
}

fn is_header(name: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    !name.is_empty() && name.bytes().all(known)
}

#[cfg(test)]
mod tests;
