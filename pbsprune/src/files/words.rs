//! The words of a name that say something: keep, full, incr, and those of `--join`.

/// A kind of backup that others stand on, or that stands on others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Stands alone; the others stand on it.
    Full,
    /// Stands on all since the last full one.
    Increment,
    /// Stands on the last full one alone.
    Differential,
}

const LINKS: [(&str, Link); 9] = [
    ("full", Link::Full),
    ("inc", Link::Increment),
    ("incr", Link::Increment),
    ("incremental", Link::Increment),
    ("increment", Link::Increment),
    ("diff", Link::Differential),
    ("differential", Link::Differential),
    ("level0", Link::Full),
    ("level1", Link::Increment),
];

/// The words of a text, runs of letters and digits, with the place where each begins.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut next = 0;
    let pieces = text.split_inclusive(|c: char| !c.is_alphanumeric());
    let words = pieces.map(move |piece| {
        let at = next;
        next += piece.len();
        (at, piece.trim_end_matches(|c: char| !c.is_alphanumeric()))
    });
    words.filter(|(_, word)| !word.is_empty())
}

/// Somebody renamed the file so that it stays: KEEP is the first or last word of the name without its date.
#[must_use]
pub fn is_pinned(name: &str) -> bool {
    let mut words = words(name).map(|(_, word)| word);
    let first = words.next();
    let last = words.last().or(first);
    [first, last]
        .iter()
        .flatten()
        .any(|word| word.eq_ignore_ascii_case("keep"))
}

/// Full or incremental, if the name says so, and the name without that word: what its chain is called.
#[must_use]
pub fn link(name: &str) -> Option<(Link, String)> {
    for (at, word) in words(name) {
        let known = LINKS
            .iter()
            .find(|(known, _)| word.eq_ignore_ascii_case(known));
        if let Some((_, link)) = known {
            return Some((*link, without(name, at, word)));
        }
    }
    None
}

/// The name without the word that `--join` names, if it has one.
#[must_use]
pub fn joined(name: &str, joins: &[String]) -> Option<String> {
    let mut found = words(name).filter(|(_, word)| joins.iter().any(|join| join == word));
    let (at, word) = found.next()?;
    Some(without(name, at, word))
}

/// `?` can't be mistaken for a word.
fn without(name: &str, at: usize, word: &str) -> String {
    format!("{}?{}", &name[..at], &name[at + word.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_and_links() {
        #[rustfmt::skip]
        let pins = [
            ("before",        "KEEP_x_*",     true),
            ("behind",        "x_*_keep",     true),
            ("before a date", "x-Keep-*",     true),
            ("alone",         "keep",         true),
            ("in between",    "x_keep_y_*",   false),
            ("in a word",     "keeper_*",     false),
            ("none",          "*",            false),
        ];
        for (name, text, want) in pins {
            assert_eq!(is_pinned(text), want, "{name}");
        }
        #[rustfmt::skip]
        let links = [
            ("full",           "x-full_*",        Some((Link::Full, "x-?_*"))),
            ("increment",      "x-incr_*",        Some((Link::Increment, "x-?_*"))),
            ("capitals",       "*.x.DIFF",        Some((Link::Differential, "*.x.?"))),
            ("part of a word", "fullbackup_*",    None),
            ("none",           "x_*",             None),
        ];
        for (name, text, want) in links {
            let want = want.map(|(link, rest)| (link, rest.to_owned()));
            assert_eq!(link(text), want, "{name}");
        }
        let joins = ["data".to_owned(), "db".to_owned()];
        assert_eq!(joined("cloud-db_*", &joins).as_deref(), Some("cloud-?_*"));
        assert_eq!(joined("cloud-dbx_*", &joins), None);
    }
}
