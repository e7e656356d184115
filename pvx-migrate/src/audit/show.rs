//! The findings for people: a table, rows for a spreadsheet, Markdown.

use std::{
    cmp::Reverse,
    collections::HashMap,
    io::{self, Write},
};

use serde_json::{Value, json};
use vmid::{escape::escape, severity::Severity, table::Table, verdict::Finding};

use super::record::Record;

/// The columns of a table and of Markdown.
const COLUMNS: [&str; 5] = ["severity", "of", "name", "code", "what"];

/// Each finding with the record it is in, the worst first; else in the order of the records.
fn by_severity(records: &[Record]) -> Vec<(&Record, &Finding)> {
    let all = records.iter();
    let all = all.flat_map(|record| record.findings.iter().map(move |finding| (record, finding)));
    let mut all: Vec<(&Record, &Finding)> = all.collect();
    all.sort_by_key(|(_, finding)| (Reverse(finding.severity), finding.exempt.is_some()));
    all
}

fn cells(record: &Record, finding: &Finding) -> [String; 5] {
    let what = match &finding.exempt {
        Some(why) => format!("{} (exempt: {why})", finding.message),
        None => finding.message.clone(),
    };
    [
        finding.severity.name().to_owned(),
        record.called(),
        record.name().to_owned(),
        finding.code.to_owned(),
        what,
    ]
}

/// So many findings that say the same are a row each; more are one row together.
const ALIKE: usize = 3;

/// The rows for people: what is said alike of many subjects is told once.
fn rows(records: &[Record]) -> Vec<[String; 5]> {
    let mut groups: Vec<Vec<[String; 5]>> = Vec::new();
    let mut places: HashMap<(&str, String), usize> = HashMap::new();
    for (record, finding) in by_severity(records) {
        let row = cells(record, finding);
        let key = (finding.code, row[4].clone());
        let place = *places.entry(key).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(row),
            None => groups.push(vec![row]),
        }
    }
    groups.into_iter().flat_map(together).collect()
}

/// Rows that say the same: each for itself, or one for all if they are many.
fn together(group: Vec<[String; 5]>) -> Vec<[String; 5]> {
    if group.len() <= ALIKE {
        return group;
    }
    let names = group.iter().map(|[_, of, name, ..]| match &name[..] {
        "" => &of[..],
        name => name,
    });
    let names = names.collect::<Vec<_>>().join(", ");
    let [severity, of, _, code, what] = &group[0];
    let of = format!("{of} and {} more", group.len() - 1);
    let what = format!("{what}: {names}");
    vec![[severity.clone(), of, String::new(), code.clone(), what]]
}

/// How many subjects there are of each status, in words.
#[must_use]
pub fn summary(records: &[Record]) -> String {
    let counted = [
        (Severity::Critical, "critical"),
        (Severity::Unknown, "unknown"),
        (Severity::Warning, "with warnings"),
        (Severity::Info, "well"),
    ];
    let counted = counted.iter().filter_map(|(severity, word)| {
        let count = records
            .iter()
            .filter(|record| record.severity() == *severity)
            .count();
        (count > 0).then(|| format!("{count} {word}"))
    });
    let counted: Vec<String> = counted.collect();
    format!("of {} subjects {}", records.len(), counted.join(", "))
}

/// A row for each finding, and how many subjects are well.
///
/// # Errors
///
/// Those of `output`.
pub fn table(records: &[Record], output: &mut impl Write) -> io::Result<()> {
    let mut table = Table::new(COLUMNS);
    let all = rows(records);
    let is_empty = all.is_empty();
    for row in all {
        table.push(row.into());
    }
    if !is_empty {
        table.print(output)?;
        writeln!(output)?;
    }
    writeln!(output, "{}", escape(&summary(records)))
}

/// A record for each finding, flat, for a spreadsheet; of each subject that is well one without.
#[must_use]
pub fn flat(record: &Record) -> Vec<Value> {
    let rows = record.findings.iter().map(|finding| {
        let [severity, of, name, code, _] = cells(record, finding);
        json!({"status": record.severity().status(), "of": of, "name": name, "severity": severity, "code": code,
            "message": finding.message, "exempt": finding.exempt, "evidence": finding.evidence})
    });
    let rows: Vec<Value> = rows.collect();
    if rows.is_empty() {
        let of = record.called();
        return vec![
            json!({"status": "ok", "of": of, "name": record.name(), "severity": null, "code": null,
            "message": null, "exempt": null, "evidence": null}),
        ];
    }
    rows
}

/// The same in Markdown, for a wiki.
///
/// # Errors
///
/// Those of `output`.
pub fn markdown(records: &[Record], output: &mut impl Write) -> io::Result<()> {
    writeln!(output, "{}\n", plain(&summary(records)))?;
    let all = rows(records);
    if all.is_empty() {
        return Ok(());
    }
    writeln!(output, "| {} |", COLUMNS.join(" | "))?;
    writeln!(output, "|{}", " --- |".repeat(COLUMNS.len()))?;
    for row in all {
        let row = row.map(|cell| plain(&cell));
        writeln!(output, "| {} |", row.join(" | "))?;
    }
    Ok(())
}

/// Text that means nothing to Markdown or HTML, in one line.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in escape(text).chars() {
        match letter {
            '&' => plain.push_str("&amp;"),
            '<' => plain.push_str("&lt;"),
            '>' => plain.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '!' | '$' | ':' | '@' => {
                plain.push('\\');
                plain.push(letter);
            }
            '\n' | '\r' => plain.push(' '),
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use vmid::exempt::Subject;

    fn records() -> Vec<Record> {
        let of = |code, severity, message: &str| {
            Finding::new(code, severity, message, json!({}), &["state"])
        };
        let mut first = Record::of(Subject::Vmid(101)).with("name", "a|b");
        first.findings = vec![of("no-limit", Severity::Warning, "<b>x</b> | `y`\nz")];
        let mut exempt = of("lock", Severity::Info, "locked");
        exempt.exempt = Some("known".to_owned());
        let mut second = Record::of(Subject::Node("n".to_owned()));
        second.findings = vec![exempt, of("unseen", Severity::Unknown, "m")];
        vec![first, second, Record::of(Subject::Vmid(102))]
    }

    #[test]
    fn worst_first_and_counted() {
        let mut out = Vec::new();
        table(&records(), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let starts: Vec<&str> = text
            .lines()
            .map(|line| line.split("  ").next().unwrap())
            .collect();
        assert_eq!(
            starts,
            [
                "severity",
                "unknown",
                "warning",
                "info",
                "",
                "of 3 subjects 1 unknown, 1 with warnings, 1 well"
            ]
        );
        assert!(text.contains("locked (exempt: known)"), "{text}");
    }

    #[test]
    fn markup_is_text() {
        let mut out = Vec::new();
        markdown(&records(), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let line = text.lines().find(|line| line.contains("no-limit")).unwrap();
        assert_eq!(
            line,
            r"| warning | vmid 101 | a\|b | no-limit | &lt;b&gt;x&lt;/b&gt; \| \`y\`\\nz |"
        );
        let mut none = Vec::new();
        markdown(&[], &mut none).unwrap();
        assert_eq!(String::from_utf8(none).unwrap(), "of 0 subjects \n\n");
    }

    #[test]
    fn one_row_for_who_is_well() {
        let records = records();
        assert_eq!(flat(&records[2])[0]["status"], "ok");
        assert_eq!(flat(&records[1]).len(), 2);
    }
}
