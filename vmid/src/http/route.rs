//! What stands between this host and the server: a proxy, and a gateway that wants headers of
//! its own. Both may hold secrets, which no message and no `Debug` shows.

use std::{fmt, fs::File, io::Read as _, path::Path};

use anyhow::anyhow;
use ureq::{
    Proxy, ProxyProtocol,
    http::{HeaderName, HeaderValue, Uri},
};

use crate::exit;

/// The most that is read of a file of headers, in bytes.
const FILE_LIMIT: u64 = 64 << 10;

/// Headers that are the client's own or decide where a message ends.
const REFUSED: [&str; 16] = [
    "accept",
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "if-match",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// The way to a server; by default nothing stands there.
#[derive(Clone, Default)]
pub struct Route {
    /// `HTTPS_PROXY`: `http://[name:password@]host[:port]`, for https addresses.
    pub https_proxy: Option<String>,
    /// `NO_PROXY`: hosts and domains between commas that are reached directly, or `*`.
    pub no_proxy: Option<String>,
    /// Sent with each request.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Route(***)")
    }
}

impl Route {
    /// The same with the headers of a file, one `Name: value` on each line; empty lines and
    /// those that begin with `#` are passed over.
    ///
    /// # Errors
    ///
    /// The file cannot be read, a line is no header, or one that the client sends itself. The
    /// line's text is in no message.
    pub fn with_headers(mut self, file: &Path) -> anyhow::Result<Self> {
        let mut text = String::new();
        let unread = |error| anyhow!("{}: {}", file.display(), exit::reason(&error));
        let opened = File::open(file).map_err(unread)?;
        let read = opened.take(FILE_LIMIT).read_to_string(&mut text);
        read.map_err(unread)?;
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |what: String| anyhow!("{} line {number}: {what}", file.display());
            self.headers.push(header(line).map_err(wrong)?);
        }
        Ok(self)
    }

    /// The proxy for that address, if there is one.
    ///
    /// # Errors
    ///
    /// `HTTPS_PROXY` is not the address of a proxy that is spoken to by http.
    pub(super) fn proxy(&self, to: &Uri) -> anyhow::Result<Option<Proxy>> {
        let named = self.https_proxy.as_deref().map(str::trim);
        let named = named.filter(|text| !text.is_empty());
        let (Some(named), Some("https")) = (named, to.scheme_str()) else {
            return Ok(None);
        };
        if bypassed(self.no_proxy.as_deref().unwrap_or_default(), to) {
            return Ok(None);
        }
        let wrong = || {
            anyhow!(
                "HTTPS_PROXY is not of the form http://[name:password@]host[:port] (another kind of proxy is not used)"
            )
        };
        let proxy = Proxy::new(named).map_err(|_| wrong())?;
        let plain = proxy.protocol() == ProxyProtocol::Http && !proxy.host().is_empty();
        plain.then_some(Some(proxy)).ok_or_else(wrong)
    }
}

fn header(line: &str) -> Result<(HeaderName, HeaderValue), String> {
    let form = || "it is not of the form Name: value".to_owned();
    let (name, value) = line.split_once(':').ok_or_else(form)?;
    let name: HeaderName = name.parse().map_err(|_| form())?;
    if let Some(own) = REFUSED.iter().find(|own| name == **own) {
        return Err(format!("the header {own} is ipalloc's own"));
    }
    let mut value: HeaderValue = value.trim().parse().map_err(|_| form())?;
    if value.is_empty() || value.to_str().is_err() {
        return Err(form());
    }
    value.set_sensitive(true);
    Ok((name, value))
}

/// That address is reached directly: `*`, its host, or a domain that it is in.
fn bypassed(no_proxy: &str, to: &Uri) -> bool {
    let bare = |host: &str| {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host.trim_end_matches('.').to_ascii_lowercase()
    };
    let host = bare(to.host().unwrap_or_default());
    let is_address = host.parse::<core::net::IpAddr>().is_ok();
    let fits = |entry: &str| {
        if entry == "*" {
            return true;
        }
        let entry = bare(entry);
        let domain = entry.trim_start_matches("*.").trim_start_matches('.');
        let inside = || {
            host.strip_suffix(domain)
                .is_some_and(|rest| rest.ends_with('.'))
        };
        !domain.is_empty() && (host == domain || !is_address && inside())
    };
    let entries = no_proxy.split([',', ' ']).map(str::trim);
    entries.filter(|entry| !entry.is_empty()).any(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_reached_directly() {
        #[rustfmt::skip]
        let cases = [
            ("nobody",               "",                       "https://nb.lab.example",  false),
            ("everybody",            "*",                      "https://nb.lab.example",  true),
            ("the host",             "a, NB.lab.example",      "https://nb.lab.example:8443", true),
            ("its domain",           "lab.example",            "https://nb.lab.example",  true),
            ("with a dot",           ".lab.example",           "https://nb.lab.example",  true),
            ("with a star",          "*.lab.example",          "https://nb.lab.example",  true),
            ("an end that is none",  "b.lab.example",          "https://nb.lab.example",  false),
            ("an address",           "192.0.2.7",              "https://192.0.2.7",       true),
            ("an end of an address", "2.7",                    "https://192.0.2.7",       false),
            ("IPv6",                 "fd00::1",                "https://[fd00::1]:8443",  true),
            ("between spaces",       "x y nb.lab.example",     "https://nb.lab.example",  true),
        ];
        for (name, no_proxy, to, want) in cases {
            assert_eq!(bypassed(no_proxy, &to.parse().unwrap()), want, "{name}");
        }
    }

    #[test]
    fn which_proxy() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, &str, Result<Option<&str>, &str>)] = &[
            ("for https",         "http://proxy.example:3128", "https://nb.example", Ok(Some("proxy.example:3128"))),
            ("with a password",   "http://kim:HUNTER2@proxy.example:3128", "https://nb.example", Ok(Some("proxy.example:3128"))),
            ("without a scheme",  "proxy.example:3128",        "https://nb.example", Ok(Some("proxy.example:3128"))),
            ("never for http",    "http://proxy.example:3128", "http://127.0.0.1",   Ok(None)),
            ("empty",             "",                          "https://nb.example", Ok(None)),
            ("one with TLS",      "https://kim:HUNTER2@proxy.example", "https://nb.example", Err("HTTPS_PROXY is not of the form")),
            ("SOCKS",             "socks5://proxy.example",    "https://nb.example", Err("HTTPS_PROXY is not of the form")),
            ("nonsense",          "http://HUNTER2 @",          "https://nb.example", Err("HTTPS_PROXY is not of the form")),
        ];
        for (name, proxy, to, want) in cases {
            let route = Route {
                https_proxy: Some((*proxy).to_owned()),
                ..Route::default()
            };
            assert_eq!(format!("{route:?}"), "Route(***)");
            let got = route.proxy(&to.parse().unwrap());
            let got = got.map(|proxy| proxy.map(|p| format!("{}:{}", p.host(), p.port())));
            match (got, want) {
                (Ok(got), Ok(want)) => assert_eq!(got.as_deref(), *want, "{name}"),
                (Err(told), Err(want)) => {
                    let told = told.to_string();
                    assert!(
                        told.starts_with(want) && !told.contains("HUNTER2"),
                        "{name}: {told}"
                    );
                }
                (got, _) => panic!("{name}: {got:?}"),
            }
        }
    }

    #[test]
    fn files_of_headers() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, Result<usize, &str>)] = &[
            ("two",           "CF-Access-Client-Id: a\r\n# why\n\nCF-Access-Client-Secret: HUNTER2: b\n", Ok(2)),
            ("none",          "",                              Ok(0)),
            ("the token",     "X-A: 1\nAuthorization: HUNTER2", Err("line 2: the header authorization is ipalloc's own")),
            ("the host",      "hOST: HUNTER2",                 Err("line 1: the header host is ipalloc's own")),
            ("its length",    "Content-Length: 7",             Err("line 1: the header content-length is ipalloc's own")),
            ("no colon",      "HUNTER2",                       Err("line 1: it is not of the form Name: value")),
            ("no name",       "HUNTER 2: x",                   Err("line 1: it is not of the form Name: value")),
            ("no value",      "X-A:",                          Err("line 1: it is not of the form Name: value")),
            ("no text",       "X-A: HUNTER2\u{1}",             Err("line 1: it is not of the form Name: value")),
        ];
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("headers");
        for (name, text, want) in cases {
            std::fs::write(&file, text).unwrap();
            let got = Route::default().with_headers(&file);
            match (got, want) {
                (Ok(got), Ok(want)) => assert_eq!(got.headers.len(), *want, "{name}"),
                (Err(told), Err(want)) => {
                    let told = told.to_string();
                    assert!(
                        told.ends_with(want) && !told.contains("HUNTER"),
                        "{name}: {told}"
                    );
                }
                (got, _) => panic!("{name}: {got:?}"),
            }
        }
    }
}
