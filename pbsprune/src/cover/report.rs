//! Verdicts as records, and as a table for people.

use std::io::{self, Write};

use vmid::{
    exit::{Answer, Stop},
    severity::Severity,
    span,
    table::{self, Format, Table},
};

use super::verdict::Verdict;

/// Writes them in the form that was asked for.
///
/// # Errors
///
/// Those of `output`.
pub fn write(
    verdicts: &[Verdict],
    format: Format,
    terminal: bool,
    mut output: impl Write,
) -> Result<Answer, Stop> {
    let worst = verdicts.iter().map(Verdict::severity).max();
    let answer = Answer::no_if(worst > Some(Severity::Info));
    if format == Format::Table {
        let written = print(verdicts, &mut output).and_then(|()| output.flush());
        return written.map(|()| answer).map_err(Stop::output);
    }
    table::present(format, &[], output, terminal, |lines| {
        for verdict in verdicts {
            lines
                .extend(&verdict.json().to_string(), "")
                .map_err(Stop::output)?;
        }
        lines.flush().map_err(Stop::output)?;
        Ok(answer)
    })
}

/// The worst first, a row for each finding; then those of whom nothing is to be said.
fn print(verdicts: &[Verdict], output: &mut impl Write) -> io::Result<()> {
    let mut table = Table::new([
        "STATUS", "VMID", "NAME", "NODE", "NEWEST", "AGE", "VERIFIED", "COUNT", "FINDING",
    ]);
    let mut sorted: Vec<&Verdict> = verdicts.iter().collect();
    sorted.sort_by_key(|verdict| {
        std::cmp::Reverse((verdict.severity(), !verdict.findings.is_empty()))
    });
    for verdict in sorted {
        let mut cells = of(verdict);
        let mut said = verdict.findings.iter().map(|found| match &found.exempt {
            Some(why) => format!("{} (exempt: {why}): {}", found.code, found.message),
            None => format!(
                "{} ({}): {}",
                found.code,
                found.severity.name(),
                found.message
            ),
        });
        cells.push(said.next().unwrap_or_default());
        let width = cells.len();
        table.push(cells);
        for more in said {
            let mut row = vec![String::new(); width - 1];
            row.push(more);
            table.push(row);
        }
    }
    table.print(output)
}

/// The cells before the finding.
fn of(verdict: &Verdict) -> Vec<String> {
    let is_guest = verdict.fields.contains_key("vmid");
    let subject = if is_guest {
        String::new()
    } else {
        verdict.called()
    };
    let age = |name: &str| {
        let seconds = verdict.fields.get(name).and_then(serde_json::Value::as_u64);
        seconds.map_or(String::new(), |seconds| {
            span::shown(std::time::Duration::from_secs(seconds))
        })
    };
    let name = if is_guest {
        verdict.text("name")
    } else {
        subject
    };
    vec![
        verdict.severity().status().to_owned(),
        verdict.text("vmid"),
        name,
        verdict.text("node"),
        verdict.text("newest"),
        age("age_s"),
        age("verified_age_s"),
        verdict.text("count"),
    ]
}
