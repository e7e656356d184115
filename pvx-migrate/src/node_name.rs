//! Names of nodes, which stand in paths of the API: a name that PVE would not give may not.

use std::fmt;

/// The longest label of a host name (RFC 1035).
const LONGEST: usize = 63;

/// Why a name is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoNodeName(String);

impl fmt::Display for NoNodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(name) = self;
        write!(
            f,
            "{name:?} is no name of a node: letters, digits and hyphens, no hyphen at an end"
        )
    }
}

impl std::error::Error for NoNodeName {}

/// Checks a name by PVE's rule for nodes (`pve-node`).
///
/// # Errors
///
/// [`NoNodeName`]
pub fn check(name: &str) -> Result<(), NoNodeName> {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let is_name = (1..=LONGEST).contains(&name.len())
        && name.bytes().all(inner)
        && !name.starts_with('-')
        && !name.ends_with('-');
    if is_name {
        return Ok(());
    }
    Err(NoNodeName(name.chars().take(2 * LONGEST).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let long = "a".repeat(64);
        #[rustfmt::skip]
        let cases = [
            ("plain",           "pve1",                          true),
            ("hyphens",         "pve-a-1",                       true),
            ("capitals",        "PVE1",                          true),
            ("one letter",      "n",                             true),
            ("empty",           "",                              false),
            ("a path",          "n1/lxc/200/status/stop?x=",     false),
            ("up",              "..",                            false),
            ("percent form",    "n1%2f",                         false),
            ("a line break",    "n1\r\n",                        false),
            ("a host name",     "pve1.example",                  false),
            ("a hyphen before", "-pve",                          false),
            ("a hyphen behind", "pve-",                          false),
            ("letters of ours", "knötchen",                      false),
            ("too long",        &long,                           false),
        ];
        for (name, text, want) in cases {
            assert_eq!(check(text).is_ok(), want, "{name}");
        }
    }
}
