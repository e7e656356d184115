//! Words of a call that stand where names or values are expected: a file's name there is
//! a slip that must not become a guest (`ipalloc allocate guests.jsonl`).

use core::net::IpAddr;

use ipnet::IpNet;

/// How files are called whose records belong on standard input.
const SUFFIXES: [&str; 8] = [
    ".json", ".jsonl", ".ndjson", ".csv", ".yaml", ".yml", ".txt", ".tsv",
];

/// A word of the call, unless it looks like a file; a value parser for clap.
///
/// # Errors
///
/// It ends like a file's name, or has a `/` and is no address, prefix, `NAME/IF` or
/// `name=value` word; the message says where records come from.
pub fn word(text: &str) -> Result<String, String> {
    match looks_like_file(text) {
        true => Err(told(text)),
        false => Ok(text.to_owned()),
    }
}

/// What is said of a word that looks like a file.
#[must_use]
pub fn told(text: &str) -> String {
    format!("{text} looks like a file; records come on standard input: <{text}")
}

/// The word is a file's name rather than a guest's name, an ID or an address.
///
/// With `/` these are none: addresses with a mask, prefixes, `NAME/netN` (a guest's
/// further interface: both parts are plain names, the second ends in a digit), and
/// `name=value` words.
#[must_use]
pub fn looks_like_file(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    if SUFFIXES
        .iter()
        .any(|suffix| lower.len() > suffix.len() && lower.ends_with(suffix))
    {
        return !is_assignment(text);
    }
    text.contains('/') && !is_address(text) && !is_interface(text) && !is_assignment(text)
}

/// An address or prefix, also one that is misspelled: all digits, dots, colons and a mask.
fn is_address(text: &str) -> bool {
    let spelled = |c: char| c.is_ascii_hexdigit() || matches!(c, '.' | ':' | '/');
    let parsed = text.parse::<IpNet>().is_ok() || text.parse::<IpAddr>().is_ok();
    parsed || text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(spelled)
}

/// `NAME/IF`, such as `web/net1`.
fn is_interface(text: &str) -> bool {
    let plain = |part: &str| {
        let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        part.starts_with(|c: char| c.is_ascii_alphanumeric()) && part.chars().all(word)
    };
    text.split_once('/').is_some_and(|(name, interface)| {
        plain(name) && plain(interface) && interface.ends_with(|c: char| c.is_ascii_digit())
    })
}

/// `name=value`, as Semaphore's surveys and Ansible give it; the value may be a path.
fn is_assignment(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let name = text.split_once('=').map(|(name, _)| name);
    name.is_some_and(|name| !name.is_empty() && name.chars().all(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_values() {
        #[rustfmt::skip]
        let cases: &[(&str, bool)] = &[
            ("guests.jsonl", true), ("LIST.JSON", true), ("ip.csv", true), ("hosts.yml", true),
            ("./guests", true), ("/tmp/guests", true), ("dir/guests", true), ("../x", true), ("~/x", true),
            ("web", false), ("web.example", false), ("30066", false), ("192.168.30.66", false),
            ("192.168.30.66/24", false), ("192.168.30.300/24", false), ("192.168.30.66/", false),
            ("fd00::1/64", false), ("fe80::/10", false), ("10.0.0.0/8", false),
            ("web/net1", false), ("web/eth0", false), ("name=value", false), ("file=/tmp/x.json", false),
            (".json", false), ("-", false),
        ];
        for (text, want) in cases {
            assert_eq!(looks_like_file(text), *want, "{text}");
        }
        assert_eq!(
            word("guests.jsonl"),
            Err(
                "guests.jsonl looks like a file; records come on standard input: <guests.jsonl"
                    .to_owned()
            )
        );
    }
}
