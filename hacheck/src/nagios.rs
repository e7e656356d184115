//! A status line with performance data, as monitoring plugins have it
//! (Nagios Plugin API; monitoring-plugins' development guidelines).

use std::io::{self, Write};

use crate::{checked::Checked, finding::Severity, judge::Target, report::one_line};

/// Writes the line; the exit code is 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
///
/// # Errors
///
/// Those of `output`.
pub fn write(checked: &[Checked<'_>], output: &mut impl Write) -> io::Result<u8> {
    let worst = checked.iter().map(|one| one.verdict.severity()).max();
    let (code, word) = code(worst.unwrap_or(Severity::Unknown));
    let mut said = Vec::new();
    for one in checked {
        let of_worst = one
            .verdict
            .findings
            .iter()
            .filter(|f| f.severity > Severity::Info);
        said.extend(of_worst.map(|f| {
            (
                f.severity,
                format!("{}: {}: {}", one.pair.called(), f.code, f.message),
            )
        }));
    }
    said.sort_by_key(|(severity, _)| std::cmp::Reverse(*severity));
    let mut text: Vec<String> = said.into_iter().map(|(_, text)| text).collect();
    if text.is_empty() {
        text = checked.iter().map(|one| ok(one)).collect();
    }
    let mut data = Vec::new();
    for status in [
        Severity::Info,
        Severity::Warning,
        Severity::Unknown,
        Severity::Critical,
    ] {
        let count = checked
            .iter()
            .filter(|one| one.verdict.severity() == status)
            .count();
        data.push(format!("{}={count};;;0;{}", status.status(), checked.len()));
    }
    for one in checked {
        let target = if one.pair.vip.is_some() {
            Target::Vip
        } else {
            Target::Member(0)
        };
        let labelled = one.labelled(target).into_iter();
        for (label, reply) in labelled
            .chain(one.labelled(Target::Elsewhere))
            .filter(|(_, reply)| reply.is_answered())
        {
            data.push(format!(
                "{}={:.6}s;;;0",
                quoted(&format!("{} {label}", one.pair.called())),
                reply.took.as_secs_f64()
            ));
        }
    }
    writeln!(
        output,
        "HACHECK {word}: {}|{}",
        plain(&text.join("; ")),
        data.join(" ")
    )?;
    Ok(code)
}

/// The line of a check that could not be done.
#[must_use]
pub fn failed(what: &str) -> String {
    format!("HACHECK UNKNOWN: {}\n", plain(what))
}

fn ok(one: &Checked<'_>) -> String {
    match one.verdict.holder {
        Some(member) => format!("{} on {}", one.pair.name, one.pair.members[member].name),
        None => one.pair.called(),
    }
}

fn code(severity: Severity) -> (u8, &'static str) {
    match severity {
        Severity::Info => (0, "OK"),
        Severity::Warning => (1, "WARNING"),
        Severity::Critical => (2, "CRITICAL"),
        Severity::Unknown => (3, "UNKNOWN"),
    }
}

/// The bar begins the performance data, so it can't be in the text.
fn plain(text: &str) -> String {
    one_line(text).replace('|', "/")
}

/// A label in single quotes; `=` and quotes are not allowed in it.
fn quoted(label: &str) -> String {
    format!("'{}'", plain(label).replace(['=', '\''], "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_line_may_hold() {
        assert_eq!(failed("a|b\nc"), "HACHECK UNKNOWN: a/b\\nc\n");
        assert_eq!(quoted("dns ha.test's=A"), "'dns ha.test_s_A'");
        assert_eq!(code(Severity::Unknown), (3, "UNKNOWN"));
    }
}
