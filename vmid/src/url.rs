//! What of a URL may be shown: not who logs in with which password, and not the query, which
//! may hold a key.

use std::borrow::Cow;

/// A URL for a message or a record: userinfo as `***@`, the query as `?...`, the fragment left out.
///
/// It need not be a valid URL. Whatever stands before an `@` counts as userinfo, wherever the `@` is:
/// a password may have a slash, a `?` or a `#` in it, and what a parser makes of that is no comfort.
#[must_use]
pub fn shown(url: &str) -> Cow<'_, str> {
    let (scheme, behind) = parts(url);
    let (userinfo, behind) = match behind.rsplit_once('@') {
        Some((_, behind)) => ("***@", behind),
        None => ("", behind),
    };
    let before = behind.split(['?', '#']).next().unwrap_or_default();
    let query = if behind[before.len()..].starts_with('?') {
        "?..."
    } else {
        ""
    };
    if userinfo.is_empty() && scheme.len() + before.len() == url.len() {
        return Cow::Borrowed(url);
    }
    Cow::Owned(format!("{scheme}{userinfo}{before}{query}"))
}

/// An `@` is in it, so it may hold a password; one that belongs there otherwise is written `%40`.
#[must_use]
pub fn has_userinfo(url: &str) -> bool {
    parts(url).1.contains('@')
}

/// `https://`, and what is behind it; the first is empty if no scheme is there (RFC 3986, 3.1).
fn parts(url: &str) -> (&str, &str) {
    let letter = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    let scheme = url.find("://").filter(|at| url[..*at].chars().all(letter));
    url.split_at(scheme.map_or(0, |at| at + "://".len()))
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
            ("an at in the query", "http://h/?who=a@b",             "http://***@b",            true),
            ("written as it must be", "http://h/?who=a%40b",        "http://h/?...",           false),
            ("a # behind a slash", "https://HUNT/ER2#x@host",       "https://***@host",        true),
            ("a ? behind a slash", "https://u:HUN/TER2?x@host",     "https://***@host",        true),
            ("a :// in it",        "u:HUN://TER2@host",             "***@host",                true),
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
