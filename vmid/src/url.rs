//! What of a URL may be shown: not who logs in with which password, and not the query, which
//! may hold a key.

use std::borrow::Cow;

/// A URL for a message or a record: userinfo as `***@`, the query as `?...`, the fragment left out.
///
/// It need not be a valid URL; what isn't one is shown by the same rules.
#[must_use]
pub fn shown(url: &str) -> Cow<'_, str> {
    let (scheme, behind) = parts(url);
    let (before, query) = without_query(behind);
    let query = if query.starts_with('?') { "?..." } else { "" };
    match before.rsplit_once('@') {
        Some((_, host)) => Cow::Owned(format!("{scheme}***@{host}{query}")),
        None if scheme.len() + before.len() == url.len() => Cow::Borrowed(url),
        None => Cow::Owned(format!("{scheme}{before}{query}")),
    }
}

/// Something stands before an `@` in it, so it may hold a password. A path that has an `@` counts, too:
/// in `https://ro/ot:secret@host` the password is in what a parser would call the path.
#[must_use]
pub fn has_userinfo(url: &str) -> bool {
    without_query(parts(url).1).0.contains('@')
}

/// What is behind the scheme, up to the query or fragment, and these. Where a `?` stands before any
/// slash and an `@` behind it, it is one of a password.
fn without_query(behind: &str) -> (&str, &str) {
    let end = |from: usize| {
        behind[from..]
            .find(['?', '#'])
            .map_or(behind.len(), |at| from + at)
    };
    let first = end(0);
    let host = behind.rfind('@').filter(|_| !behind[..first].contains('/'));
    behind.split_at(host.map_or(first, |at| end(at.max(first))))
}

/// `https://`, and what is behind it; the first is empty if no scheme is there.
fn parts(url: &str) -> (&str, &str) {
    let length = url.find("://").map_or(0, |at| at + "://".len());
    url.split_at(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, &str, bool)] = &[
            ("plain",              "https://host:8006/api2",        "https://host:8006/api2",  false),
            ("query",              "http://h/?apikey=HUNTER2",      "http://h/?...",           false),
            ("fragment",           "http://h/#HUNTER2",             "http://h/",               false),
            ("user and password",  "https://u:HUNTER2@host/x?y=1",  "https://***@host/x?...",  true),
            ("a slash in it",      "https://ro/ot:HUNTER2@host",    "https://***@host",        true),
            ("two at signs",       "https://u:HUNT@ER2@host",       "https://***@host",        true),
            ("no scheme",          "u:HUNTER2@host",                "***@host",                true),
            ("an at in the query", "http://h/?who=a@b",             "http://h/?...",           false),
            ("a ? in the password", "http://u:HUN?TER2@host/?y=1",  "http://***@host/?...",    true),
            ("a # in the password", "http://u:HUN#TER2@host",       "http://***@host",         true),
            ("nothing",            "",                              "",                        false),
        ];
        for (name, url, want, userinfo) in cases {
            assert_eq!(shown(url), *want, "{name}");
            assert_eq!(has_userinfo(url), *userinfo, "{name}");
        }
    }
}
