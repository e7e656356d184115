//! What `schedule` finds: one table of codes, for `--help`, the README and the tests.

use serde_json::Value;
use vmid::{exempt, severity::Severity, verdict::Finding};

/// All codes, with what they mean.
pub const CODES: &[(&str, &str)] = &[
    (
        "dst-skipped",
        "a run doesn't take place, as the clock skips its time in spring; the date is named",
    ),
    (
        "dst-twice",
        "a run takes place twice in autumn, where the scheduler does so",
    ),
    (
        "same-minute",
        "two jobs start in the same minute at the same place, or one on every node",
    ),
    (
        "overlap",
        "a job starts while another runs at the same place, or is due again while it still runs",
    ),
    (
        "queue",
        "two backup jobs on one node: the second waits for the first, three hours at most",
    ),
    (
        "gc-before-prune",
        "the garbage collection comes before the pruning: its space is free only after the next",
    ),
    (
        "missed-not-repeated",
        "a run that was missed, as the node was off, is not made up for",
    ),
    (
        "zone-differs",
        "the job goes by another clock than the others",
    ),
    (
        "verify-never-catches-up",
        "a verification lasts longer than the time to the next, or all is outdated by then",
    ),
    (
        "never-runs",
        "the schedule has no run: a date that never comes, or no schedule at all",
    ),
    (
        "length-unknown",
        "how long the job runs isn't known: only its starts were compared",
    ),
    ("unseen", "something could not be seen, and why"),
    exempt::CODES[0],
    exempt::CODES[1],
];

/// A finding with a code of the table.
pub fn finding(
    code: &'static str,
    severity: Severity,
    message: String,
    evidence: Value,
    seen_by: &[&'static str],
) -> Finding {
    debug_assert!(CODES.iter().any(|(known, _)| *known == code), "{code}");
    Finding::new(code, severity, message, evidence, seen_by)
}

#[cfg(test)]
mod tests {
    use super::CODES;

    /// The README's table has the same rows, in the same order.
    #[test]
    fn the_readme_has_them_all() {
        let readme = include_str!("../../README.md");
        let (_, section) = readme.split_once("\n| code | meaning | when |\n").unwrap();
        let (section, _) = section.split_once("\n\n").unwrap();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
        let rows = rows.filter_map(|row| row.split_once("` | "));
        let rows: Vec<(&str, &str)> = rows
            .filter_map(|(code, rest)| Some((code, rest.split_once(" | ")?.0)))
            .collect();
        assert_eq!(rows, CODES);
    }
}
