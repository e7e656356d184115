//! What the status of a prefix or a range says: whether addresses are handed out of it.
//!
//! NetBox takes other statuses where its FIELD_CHOICES says so, a file can hold a slip of the pen,
//! and a NetBox in another language exports its own words: what is not known is closed.

/// NetBox's statuses of prefixes (`ipam.choices.PrefixStatusChoices`).
pub const OF_PREFIXES: [&str; 4] = ["active", "container", "deprecated", "reserved"];

/// NetBox's statuses of ranges (`ipam.choices.IPRangeStatusChoices`).
pub const OF_RANGES: [&str; 3] = ["active", "deprecated", "reserved"];

/// NetBox's statuses of addresses that are in use, or set aside for it
/// (`ipam.choices.IPAddressStatusChoices` has `deprecated` besides).
pub const IN_USE: [&str; 4] = ["active", "reserved", "dhcp", "slaac"];

/// NetBox's limit for a status, in characters.
const LIMIT: usize = 50;

/// A status of an address as it is given: NetBox's own in lower case, a custom one as it is.
///
/// # Errors
///
/// It is empty, too long or has control characters.
pub fn parse_given(text: &str) -> Result<String, String> {
    let status = text.trim();
    if status.is_empty() {
        return Err("it is empty".to_owned());
    }
    if status.chars().count() > LIMIT || status.contains(char::is_control) {
        return Err(format!(
            "{text:?} is not a status (at most {LIMIT} characters, none of control)"
        ));
    }
    let lower = status.to_lowercase();
    let is_known = IN_USE.contains(&lower.as_str()) || lower == "deprecated";
    Ok(if is_known { lower } else { status.to_owned() })
}

/// An address with that status is in use; `open` are the custom ones that are.
///
/// # Errors
///
/// It is not.
pub fn in_use(status: &str, open: &[String]) -> Result<(), String> {
    if IN_USE.contains(&status) || open.contains(&status.to_lowercase()) {
        return Ok(());
    }
    let own = IN_USE.join(", ");
    Err(match status {
        "deprecated" => {
            format!("deprecated is out of use, as release --retire marks it; a new one is {own}")
        }
        _ => format!(
            "{status:?} is none of NetBox's, {own}; --status-open {status:?} opens a custom one"
        ),
    })
}

/// Why nothing is handed out; `line` is that of its file, `open` the custom ones that are open.
/// A file without any is at the default.
#[must_use]
pub fn closed(status: &str, known: &[&str], line: Option<u64>, open: &[String]) -> Option<String> {
    if status.is_empty() || status == "active" || open.iter().any(|open| open == status) {
        return None;
    }
    if known.contains(&status) {
        return Some(status.to_owned());
    }
    let line = line.map_or(String::new(), |line| format!(" (line {line} of its file)"));
    Some(format!(
        "closed: its status {status:?}{line} is none of NetBox's, {}; --status-open {status:?} opens a custom one",
        known.join(", ")
    ))
}

/// A custom status, as `--status-open` names it: lower case, as it is compared.
///
/// # Errors
///
/// It is one of NetBox's own.
pub fn parse_open(text: &str) -> Result<String, String> {
    let status = text.trim().to_lowercase();
    if status.is_empty() {
        return Err("it is empty".to_owned());
    }
    if OF_PREFIXES.contains(&&status[..]) {
        return Err(format!(
            "{status} is NetBox's own; --force allocates in a closed prefix that is named"
        ));
    }
    Ok(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_closed() {
        let open = ["in use".to_owned()];
        #[rustfmt::skip]
        let cases = [
            ("NetBox's own",         "active",     &OF_PREFIXES[..], None),
            ("no such column",       "",           &OF_PREFIXES[..], None),
            ("closed",               "deprecated", &OF_PREFIXES[..], Some("deprecated")),
            ("a custom one, opened", "in use",     &OF_PREFIXES[..], None),
            ("a slip of the pen",    "deprecate",  &OF_PREFIXES[..], Some(r#"closed: its status "deprecate" (line 3 of its file) is none of NetBox's, active, container, deprecated, reserved; --status-open "deprecate" opens a custom one"#)),
            ("another language",     "veraltet",   &OF_RANGES[..],   Some(r#"closed: its status "veraltet" (line 3 of its file) is none of NetBox's, active, deprecated, reserved; --status-open "veraltet" opens a custom one"#)),
        ];
        for (name, status, known, want) in cases {
            let got = closed(status, known, Some(3), &open);
            assert_eq!(got.as_deref(), want, "{name}");
        }
    }

    #[test]
    fn opened_statuses() {
        assert_eq!(parse_open(" In Use "), Ok("in use".to_owned()));
        assert!(parse_open("Reserved").is_err());
        assert!(parse_open(" ").is_err());
    }
}
