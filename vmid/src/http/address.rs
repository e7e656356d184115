//! Which addresses a token may be sent to.

use core::net::{Ipv4Addr, Ipv6Addr};

use anyhow::anyhow;
use ureq::http::Uri;

use crate::url;

/// A server's address, fit for a token: `http(s)://host[:port][/path]`, without a final slash.
///
/// # Errors
///
/// It is no such address; it holds a user name or password, which is not shown; it is
/// http, not https, and another host than this one would get the token in clear.
pub(super) fn checked(text: &str) -> anyhow::Result<(&str, Uri)> {
    let base = text.trim_end_matches('/');
    if url::has_userinfo(base) {
        return Err(anyhow!(
            "the address {} has a user name or password in it, and must not: a token is used, \
             which comes from the environment or a file",
            url::shown(base)
        ));
    }
    let wrong = || {
        // What stands behind a second colon may be a password whose host got lost.
        let harmless = base.matches(':').count() <= 1 && !base.contains('#');
        let shown = if harmless {
            url::shown(base)
        } else {
            "what was given".into()
        };
        anyhow!("{shown:?} is not an address of the form https://host[:port][/path]")
    };
    let uri: Uri = base.parse().map_err(|_| wrong())?;
    if !is_plain(base) {
        return Err(wrong());
    }
    let host = uri.host().filter(|host| !host.is_empty());
    let host = host.ok_or_else(wrong)?;
    match uri.scheme_str() {
        Some("https") => Ok((base, uri)),
        Some("http") if is_this_host(host) => Ok((base, uri)),
        Some("http") => Err(anyhow!(
            "{} would send the token in clear; it must be https:// (http:// is for this host's \
             own addresses alone, such as 127.0.0.1)",
            url::shown(base)
        )),
        _ => Err(wrong()),
    }
}

/// Nothing but scheme, host, a port that is a number, and a path of plain characters: no query and no
/// fragment, which would swallow the path of every request.
fn is_plain(base: &str) -> bool {
    let Some((_, behind)) = base.split_once("://") else {
        return false;
    };
    let (authority, path) = behind.split_at(behind.find('/').unwrap_or(behind.len()));
    let host_end = authority.rfind(']').map_or(0, |at| at + 1);
    let port = authority[host_end..].split_once(':').map(|(_, port)| port);
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    let is_path = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~%+".contains(&byte);
    port.is_none_or(is_port) && path.bytes().all(is_path)
}

/// 127.0.0.0/8, ::1 or `localhost` (RFC 6761, 6.3): what is sent there leaves no host.
fn is_this_host(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let v4 = bare.parse::<Ipv4Addr>().is_ok_and(|a| a.is_loopback());
    let v6 = bare.parse::<Ipv6Addr>().is_ok_and(|a| a.is_loopback());
    v4 || v6 || bare.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_token_may_go() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, Result<&str, &str>)] = &[
            ("https",               "https://netbox.example/",      Ok("https://netbox.example")),
            ("port and path",       "https://host:8443/netbox//",   Ok("https://host:8443/netbox")),
            ("http to this host",   "http://127.0.0.1:8001",        Ok("http://127.0.0.1:8001")),
            ("its IPv6 address",    "http://[::1]:8001",            Ok("http://[::1]:8001")),
            ("its name",            "http://LocalHost:8001",        Ok("http://LocalHost:8001")),
            ("all of 127/8",        "http://127.9.8.7",             Ok("http://127.9.8.7")),
            ("http to another",     "http://netbox.example",        Err("in clear")),
            ("a name that begins so", "http://localhost.example",   Err("in clear")),
            ("an address that begins so", "http://127.0.0.1.example", Err("in clear")),
            ("a mapped address",    "http://[::ffff:127.0.0.1]",    Err("in clear")),
            ("a password",          "https://root:HUNTER2@host",    Err("has a user name or password")),
            ("a slash in it",       "https://ro/ot:HUNTER2@host",   Err("has a user name or password")),
            ("one without a scheme", "root:HUNTER2@host",           Err("has a user name or password")),
            ("a query",             "https://host/?key=HUNTER2",    Err("is not an address of the form")),
            ("a fragment",          "https://host/#HUNTER2",        Err("is not an address of the form")),
            ("a password before a #", "https://127.0.0.1/HUNTER2#x@host", Err("has a user name or password")),
            ("a password before a ?", "https://ro:HUN/TER2?x@host", Err("has a user name or password")),
            ("a password, no host", "https://root:HUNTER2",         Err("is not an address of the form")),
            ("a port and more",     "https://root:1HUNTER2;h",      Err("is not an address of the form")),
            ("port 0",              "https://host:0",               Err("is not an address of the form")),
            ("an IPv6 address",     "https://[fd00::1]:8006/a",     Ok("https://[fd00::1]:8006/a")),
            ("another scheme",      "ftp://host",                   Err("is not an address of the form")),
            ("no scheme",           "netbox.example",               Err("is not an address of the form")),
            ("no host",             "https://",                     Err("is not an address of the form")),
            ("a space",             "https://ho st",                Err("is not an address of the form")),
            ("nothing",             "",                             Err("is not an address of the form")),
        ];
        for (name, text, want) in cases {
            let got = checked(text)
                .map(|(base, _)| base)
                .map_err(|e| e.to_string());
            match (&got, want) {
                (Ok(base), Ok(want)) => assert_eq!(base, want, "{name}"),
                (Err(said), Err(part)) => assert!(said.contains(part), "{name}: {said}"),
                _ => panic!("{name}: {got:?}"),
            }
            assert!(!format!("{got:?}").contains("HUNTER2"), "{name}: {got:?}");
        }
    }
}
