//! The codes of the findings: `--help`, the README and the site's exemptions have them from here.

/// All codes, with what they mean.
pub const CODES: &[(&str, &str)] = &[
    ("no-job", "no backup job is about the guest"),
    ("job-disabled", "all jobs that are about it are off"),
    ("never", "there is no backup of it that came to its end"),
    (
        "new",
        "there is none, and its job has not run since it was made",
    ),
    (
        "stale",
        "the newest that can be restored is older than it may be",
    ),
    (
        "stale-job",
        "one of its jobs has left none since its run, where another one has",
    ),
    (
        "only-failed",
        "the newest that is complete failed its verification; critical if all did",
    ),
    (
        "unverified",
        "neither its newest nor any younger than --verify-age is verified",
    ),
    (
        "volume-left-out",
        "a volume of it is in no backup: backup=0, not set, a bind mount",
    ),
    ("incomplete-newest", "the newest did not come to its end"),
    (
        "other-name",
        "by its notes the newest is of a guest with another name",
    ),
    (
        "no-agent",
        "a VM without guest agent: its backups are as after a power failure",
    ),
    ("orphan-group", "backups of an ID that no guest has"),
    (
        "unseen",
        "a list that was not given whole: what follows from it is not known",
    ),
    (
        "zone-assumed",
        "nobody says in which zone the schedules are: this host's is taken",
    ),
    (
        "exemption-expired",
        "an exemption of the site is over, and no longer counts",
    ),
    (
        "exemption-unused",
        "an exemption of the site matches nothing: remove it",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cover::arguments::HELP;

    #[test]
    fn help_and_readme_have_them() {
        let readme = include_str!("../../README.md");
        for (code, meaning) in CODES {
            let line = format!("  {code:<17}  {meaning}\n");
            assert!(HELP.contains(&line), "--help: {line}");
            let row = format!("| `{code}` | {meaning} |");
            assert!(readme.contains(&row), "README.md: {row}");
        }
        let in_help = HELP.lines().filter(|line| {
            let code = line
                .strip_prefix("  ")
                .and_then(|rest| rest.split_once("  "));
            code.is_some_and(|(code, _)| code.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'))
        });
        assert_eq!(in_help.count(), CODES.len());
    }
}
