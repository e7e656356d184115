//! A status line with performance data, as monitoring plugins have it
//! (Nagios Plugin API; monitoring-plugins' development guidelines).

use std::{
    cmp::Reverse,
    io::{self, Write},
};

use crate::{
    escape::escape,
    severity::Severity,
    verdict::{Finding, worst},
};

/// How many findings the line tells; monitoring shows the first few hundred characters.
const TOLD: usize = 10;

/// Writes the line of `tool` about some subjects, each with its name and its findings; the exit code is
/// 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN. `well` is what is said if there is nothing to find.
///
/// # Errors
///
/// Those of `output`.
pub fn write(
    tool: &str,
    subjects: &[(String, &[Finding])],
    well: &str,
    output: &mut impl Write,
) -> io::Result<u8> {
    let all = subjects.iter().flat_map(|(_, findings)| *findings);
    let (code, word) = code(worst(all));
    let mut told: Vec<(Severity, String)> = Vec::new();
    for (name, findings) in subjects {
        let bad = findings.iter().filter(|f| f.severity > Severity::Info);
        told.extend(bad.map(|f| (f.severity, format!("{name}: {}: {}", f.code, f.message))));
    }
    told.sort_by_key(|(severity, _)| Reverse(*severity));
    let more = told.len().saturating_sub(TOLD);
    let mut text: Vec<String> = told.into_iter().take(TOLD).map(|(_, text)| text).collect();
    match (text.is_empty(), more) {
        (true, _) => text.push(well.to_owned()),
        (_, 0) => {}
        _ => text.push(format!("and {more} more")),
    }
    let data = [
        Severity::Info,
        Severity::Warning,
        Severity::Unknown,
        Severity::Critical,
    ]
    .map(|severity| {
        let of = |findings: &[Finding]| worst(findings) == severity;
        let count = subjects.iter().filter(|(_, findings)| of(findings)).count();
        format!("{}={count};;;0;{}", severity.status(), subjects.len())
    });
    let (text, data) = (plain(&text.join("; ")), data.join(" "));
    writeln!(output, "{} {word}: {text}|{data}", tool.to_uppercase())?;
    output.flush()?;
    Ok(code)
}

/// The line of a check that could not be done.
#[must_use]
pub fn failed(tool: &str, what: &str) -> String {
    format!("{} UNKNOWN: {}\n", tool.to_uppercase(), plain(what))
}

fn code(severity: Severity) -> (u8, &'static str) {
    match severity {
        Severity::Info => (0, "OK"),
        Severity::Warning => (1, "WARNING"),
        Severity::Critical => (2, "CRITICAL"),
        Severity::Unknown => (3, "UNKNOWN"),
    }
}

/// One line; the bar begins the performance data, so it can't be in the text.
fn plain(text: &str) -> String {
    escape(text).replace('\n', " ").replace('|', "/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_worst_comes_first_and_says_the_code() {
        let of = |severity| Finding::new("stale", severity, "a|b\nc", json!({}), &[]);
        let (warning, unknown) = ([of(Severity::Warning)], [of(Severity::Unknown)]);
        let info = [of(Severity::Info)];
        #[rustfmt::skip]
        let cases: &[(&str, &[(String, &[Finding])], u8, &str)] = &[
            ("nothing", &[], 0, "PBSPRUNE OK: all well|ok=0;;;0;0 warning=0;;;0;0 unknown=0;;;0;0 critical=0;;;0;0\n"),
            ("told",    &[("x".into(), &info)], 0, "PBSPRUNE OK: all well|ok=1;;;0;1 warning=0;;;0;1 unknown=0;;;0;1 critical=0;;;0;1\n"),
            ("two",     &[("x".into(), &warning), ("y".into(), &unknown)], 3,
                "PBSPRUNE UNKNOWN: y: stale: a/b\\nc; x: stale: a/b\\nc|ok=0;;;0;2 warning=1;;;0;2 unknown=1;;;0;2 critical=0;;;0;2\n"),
        ];
        for (name, subjects, code, line) in cases {
            let mut out = Vec::new();
            assert_eq!(
                write("pbsprune", subjects, "all well", &mut out).unwrap(),
                *code,
                "{name}"
            );
            assert_eq!(String::from_utf8(out).unwrap(), *line, "{name}");
        }
    }

    #[test]
    fn a_long_list_is_cut() {
        let bad = Finding::new("stale", Severity::Warning, "m", json!({}), &[]);
        let bad = vec![bad; TOLD + 5];
        let mut out = Vec::new();
        write("x", &[("x".to_owned(), &bad)], "", &mut out).unwrap();
        assert!(String::from_utf8(out).unwrap().contains("; and 5 more|"));
    }
}
