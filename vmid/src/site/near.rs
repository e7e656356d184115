//! The known name that a misspelled one was probably meant to be.

/// The name of `known` that is nearest to `word`, if at most two changes away.
#[must_use]
pub fn near<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    within(2, word, known)
}

/// The name of `known` that is nearest to `word`, if at most `most` changes away (and two, and a
/// change for every three characters); upper and lower case are the same.
#[must_use]
pub fn within<'a>(
    most: usize,
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let folded = word.to_lowercase();
    let all = known.into_iter();
    let all = all.map(|other| (distance(&folded, &other.to_lowercase()), other));
    let nearest = all.min_by_key(|(distance, _)| *distance);
    // A word of two letters has everything within two changes.
    let most = word.chars().count().div_ceil(3).min(2).min(most);
    nearest
        .filter(|(distance, _)| *distance <= most)
        .map(|(_, other)| other)
}

/// `; near: NAME`, or `; there are NAMES`, for the end of a message.
#[must_use]
pub fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    const MOST: usize = 20;
    if let Some(near) = near(word, known.clone()) {
        return format!("; near: {near}");
    }
    let names: Vec<&str> = known.into_iter().collect();
    match names.len() {
        0 => "; there is none".to_owned(),
        count if count > MOST => {
            let (shown, more) = (names[..MOST].join(", "), count - MOST);
            format!("; there are {shown} and {more} more")
        }
        _ => format!("; there are {}", names.join(", ")),
    }
}

/// How many characters to put in, take out, replace, or swap with the next to make one of
/// the other (optimal string alignment).
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    if one.len().abs_diff(other.len()) > 2 {
        return usize::MAX; // further than anybody asks for, and it may be a long text
    }
    let mut cost = vec![vec![0; other.len() + 1]; one.len() + 1];
    for i in 0..=one.len() {
        for j in 0..=other.len() {
            cost[i][j] = match (i, j) {
                (0, _) => j,
                (_, 0) => i,
                _ => {
                    let replaced = cost[i - 1][j - 1] + usize::from(one[i - 1] != other[j - 1]);
                    let shorter = cost[i - 1][j].min(cost[i][j - 1]) + 1;
                    let swapped =
                        i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1];
                    let swapped = if swapped {
                        cost[i - 2][j - 2] + 1
                    } else {
                        usize::MAX
                    };
                    replaced.min(shorter).min(swapped)
                }
            };
        }
    }
    cost[one.len()][other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        let cases = [
            ("same", "vrid", "vrid", 0),
            ("swapped", "vird", "vrid", 1),
            ("one less", "expects", "expect", 1),
            ("replaced", "node", "nade", 1),
            ("too far", "", "vip", usize::MAX),
        ];
        for (name, one, other, want) in cases {
            assert_eq!(distance(one, other), want, "{name}");
            assert_eq!(distance(other, one), want, "{name}, the other way round");
        }
    }

    #[test]
    fn nearest() {
        let known = ["storages", "bridges", "vip", "db"];
        assert_eq!(near("storage", known), Some("storages"));
        assert_eq!(near("Bridges", known), Some("bridges"));
        assert_eq!(near("colour", known), None);
        assert_eq!(near("vp", known), Some("vip"));
        assert_eq!(near("name", ["base"]), Some("base"), "two changes");
        assert_eq!(within(1, "name", ["base"]), None, "two, but one is allowed");
        assert_eq!(within(1, "Bases", ["base"]), Some("base"));
        assert_eq!(near("ab", known), Some("db"), "one of two letters");
        assert_eq!(near("xy", known), None, "both of two letters");
        assert_eq!(hint("nose", ["node"]), "; near: node");
        assert_eq!(hint("x", ["node", "vip"]), "; there are node, vip");
        assert_eq!(hint("x", []), "; there is none");
    }
}
