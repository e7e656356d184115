//! The last line of a guest's description: which run has made it, or is about to remove it. Pure.

use crate::journal::guest_line::is_run;

/// The mark of a run that makes a guest.
#[must_use]
pub fn makes(run: &str) -> String {
    format!("pvx run {run}")
}

/// The mark of a run that removes a guest.
#[must_use]
pub fn destroys(run: &str) -> String {
    format!("pvx destroys {run}")
}

/// The run that a mark of [`makes`] names.
#[must_use]
pub fn maker(mark: &str) -> Option<&str> {
    mark.strip_prefix("pvx run ").filter(|run| is_run(run))
}

/// The last line of a description that is not blank.
#[must_use]
pub fn last_line(description: &str) -> Option<&str> {
    let mut lines = description.lines().rev().map(str::trim);
    lines.find(|line| !line.is_empty())
}

/// A description with a mark as its last line, once.
#[must_use]
pub fn with(description: &str, mark: &str) -> String {
    let description = without(description, mark);
    if description.is_empty() {
        mark.to_owned()
    } else {
        format!("{description}\n{mark}")
    }
}

/// A description without the mark that is its last line; as it is if it has another.
#[must_use]
pub fn without(description: &str, mark: &str) -> String {
    let description = description.trim_end();
    let (before, last) = description.rsplit_once('\n').unwrap_or(("", description));
    if last.trim() == mark {
        before.trim_end().to_owned()
    } else {
        description.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_come_and_go() {
        let mark = makes("0123456789abcdef");
        #[rustfmt::skip]
        let cases = [
            ("none before",            "",                    ""),
            ("a text before",          "made by hand",        "made by hand"),
            ("as Proxmox gives it",    "made by hand\n",      "made by hand"),
            ("several lines",          "a\n\nb\n",            "a\n\nb"),
            ("another run's mark",     "a\npvx run 00\n",     "a\npvx run 00"),
        ];
        for (name, before, after) in cases {
            let marked = with(before, &mark);
            // Proxmox VE adds a line end.
            let given = format!("{marked}\n");
            assert_eq!(last_line(&given), Some(&*mark), "{name}");
            assert_eq!(with(&given, &mark), marked, "{name}: twice");
            assert_eq!(without(&given, &mark), after, "{name}");
            assert_eq!(without(before, &mark), after, "{name}: not marked");
        }
        assert_eq!(maker(&mark), Some("0123456789abcdef"));
        assert_eq!(maker(&destroys("0123456789abcdef")), None);
        assert_eq!(maker("pvx run me"), None);
        assert_eq!(last_line(" \n"), None);
        assert_eq!(
            without("x pvx run 0123456789abcdef", &mark),
            "x pvx run 0123456789abcdef"
        );
    }
}
