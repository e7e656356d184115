//! A status line with performance data, as monitoring plugins have it
//! (Nagios Plugin API; monitoring-plugins' development guidelines).

use std::io::{self, Write};

use crate::{
    checked::{self, Checked},
    finding::Severity,
    judge::Target,
    report::one_line,
};

/// Writes the line; the exit code is 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
///
/// # Errors
///
/// Those of `output`.
pub fn write(checked: &[Checked<'_>], output: &mut impl Write) -> io::Result<u8> {
    let worst = checked.iter().map(|one| one.severity()).max();
    let (code, word) = code(worst.unwrap_or(Severity::Unknown));
    let mut said = Vec::new();
    for one in checked {
        let of_worst = one.findings().into_iter();
        let of_worst = of_worst.filter(|(_, f)| f.severity > Severity::Info);
        said.extend(of_worst.map(|(vip, f)| {
            let message = checked::message(vip, f);
            let text = format!("{}: {}: {message}", one.pair.called(), f.code);
            (f.severity, text)
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
            .filter(|one| one.severity() == status)
            .count();
        data.push(format!("{}={count};;;0;{}", status.status(), checked.len()));
    }
    for one in checked {
        let asked = match one.pair.vip {
            Some(_) => one.at_vips(),
            None => vec![(None, one.labelled(Target::Member(0)))],
        };
        let elsewhere = (None, one.labelled(Target::Elsewhere));
        for (vip, labelled) in asked.into_iter().chain([elsewhere]) {
            let name = match vip {
                Some(vip) => format!("{} {vip}", one.pair.called()),
                None => one.pair.called(),
            };
            let answered = labelled.into_iter().filter(|(_, r)| r.is_answered());
            for (label, reply) in answered {
                let label = quoted(&format!("{name} {label}"));
                data.push(format!("{label}={:.6}s;;;0", reply.took.as_secs_f64()));
            }
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
