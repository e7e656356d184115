//! NetBox's slugs: its files have names where its API is asked by slug, and it makes the slug of a tag
//! in another way than those of everything else.

/// The slug of a tag's name, or of a slug itself: letters of all scripts stay (Tag.slugify, which is
/// Django's slugify with allow_unicode).
#[must_use]
pub fn of_tag(name: &str) -> String {
    let lower = name.to_lowercase();
    let words = lower.split([' ', '-']).map(|word| {
        let plain = |c: &char| c.is_alphanumeric() || *c == '_';
        word.chars().filter(plain).collect::<String>()
    });
    let words: Vec<String> = words.filter(|word| !word.is_empty()).collect();
    words.join("-")
}

/// The slug that NetBox's forms propose for the name of a tenant, site, group and the like: what is no ASCII letter, digit or underscore
/// is left out, and spaces, dots and dashes are one dash.
#[must_use]
pub fn proposed(name: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_gap = |c: char| c.is_whitespace() || c == '.' || c == '-';
    let kept: String = name.chars().filter(|&c| is_word(c) || is_gap(c)).collect();
    let kept = kept.trim_matches(|c: char| c.is_whitespace() || c == '.');
    let mut slug = String::new();
    for c in kept.chars() {
        match is_gap(c) {
            true if slug.ends_with('-') => {}
            true => slug.push('-'),
            false => slug.push(c.to_ascii_lowercase()),
        }
    }
    slug
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_of_tags() {
        #[rustfmt::skip]
        let cases = [
            ("a slug",       "acme-inc",     "acme-inc"),
            ("its name",     "ACME, Inc.",   "acme-inc"),
            ("a dash in it", "Acme - Nord",  "acme-nord"),
            ("an underscore", "a_b",         "a_b"),
            ("its letters",  "Köln",         "köln"),
        ];
        for (name, text, want) in cases {
            assert_eq!(of_tag(text), want, "{name}");
        }
    }

    #[test]
    fn slugs_of_everything_else() {
        #[rustfmt::skip]
        let cases = [
            ("a slug",          "acme-inc",       "acme-inc"),
            ("its name",        "ACME, Inc.",     "acme-inc"),
            ("dots and dashes", " a.b -- c_d. ",  "a-b-c_d"),
            ("other letters",   "Köln (Süd)",     "kln-sd"),
        ];
        for (name, text, want) in cases {
            assert_eq!(proposed(text), want, "{name}");
        }
    }
}
