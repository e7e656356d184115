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

const LINKS: [(&str, Link); 8] = [
    ("full", Link::Full),
    ("inc", Link::Increment),
    ("incr", Link::Increment),
    ("incremental", Link::Increment),
    ("increment", Link::Increment),
    ("increments", Link::Increment),
    ("diff", Link::Differential),
    ("differential", Link::Differential),
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

/// Full or incremental, if the name says so, and its other words: what its chain is called. A number of
/// the increment (`incr2`, `incr-2`), and a word that pins one of the chain, are no part of that.
#[must_use]
pub fn link(name: &str) -> Option<(Link, String)> {
    let words: Vec<&str> = words(name).map(|(_, word)| word).collect();
    let (at, (link, length)) =
        (0..words.len()).find_map(|at| Some((at, link_of(&words[at..])?)))?;
    let others = words[..at].iter().chain(&words[at + length..]);
    let others = others.filter(|word| !word.eq_ignore_ascii_case("keep"));
    let others: Vec<String> = others.map(|word| word.to_lowercase()).collect();
    Some((link, others.join(" ")))
}

/// What the first of these words says, and how many of them say it: two, if its number is the second.
fn link_of(words: &[&str]) -> Option<(Link, usize)> {
    let is_digit = |c: char| c.is_ascii_digit();
    let first = words.first()?;
    let word = first.trim_end_matches(is_digit);
    let number = &first[word.len()..];
    let next = words.get(1).copied().unwrap_or_default();
    let (number, length) = match number.is_empty() && next.chars().all(is_digit) && !next.is_empty()
    {
        true => (next, 2),
        false => (number, 1),
    };
    if word.eq_ignore_ascii_case("level") && !number.is_empty() {
        let is_full = number.chars().all(|c| c == '0');
        let link = if is_full { Link::Full } else { Link::Increment };
        return Some((link, length));
    }
    let mut known = LINKS.iter();
    let (_, link) = known.find(|(known, _)| word.eq_ignore_ascii_case(known))?;
    Some((*link, length))
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
            ("full",           "x-full_*",        Some((Link::Full, "x"))),
            ("increment",      "x-incr_*",        Some((Link::Increment, "x"))),
            ("capitals",       "*.x.DIFF",        Some((Link::Differential, "x"))),
            ("a number",       "x-incr12_*",      Some((Link::Increment, "x"))),
            ("a number apart", "x-inc-3-y_*",     Some((Link::Increment, "x y"))),
            ("the lowest",     "x_level0_*",      Some((Link::Full, "x"))),
            ("a level",        "x_level-2_*",     Some((Link::Increment, "x"))),
            ("no level",       "x_level_*",       None),
            ("pinned",         "KEEP_x-incr_*",   Some((Link::Increment, "x"))),
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
