//! Whose backup is it, by its notes? A job writes the guest's name into them (`notes-template`), and an ID
//! that another guest had before has that one's backups.

use std::collections::HashSet;

use super::backups::Place;

/// The name that stands for the guest in a template.
const NAME: &str = "{{guestname}}";

/// What a guest is called, and how its jobs write that down.
#[derive(Clone, Debug)]
pub struct Names<'a> {
    /// Its name; none if it was not seen, and then notes say nothing.
    pub own: Option<&'a str>,
    /// Of its jobs, what the notes are made of.
    pub templates: Vec<&'a str>,
    /// The names of all guests that live.
    pub living: &'a HashSet<&'a str>,
}

impl Names<'_> {
    /// The other name that notes have where the guest's own should stand; none if they say nothing of that kind.
    ///
    /// It is what stands in the name's place in a template of its jobs. Without any that has the name in it,
    /// only notes that are the name of another guest that lives say something.
    #[must_use]
    pub fn other(&self, notes: &str) -> Option<String> {
        let notes = notes.trim();
        if notes.is_empty() || self.own.is_none() || self.is_own(notes) {
            return None;
        }
        let templates = self.templates.iter();
        let mut named = templates
            .filter(|template| template.contains(NAME))
            .peekable();
        let found = match named.peek() {
            Some(_) => named.find_map(|template| in_place_of_name(template, notes)),
            None => Some(notes.to_owned()).filter(|notes| self.living.contains(notes.as_str())),
        };
        found.filter(|name| is_name(name))
    }

    /// The notes have the guest's own name in them.
    fn is_own(&self, notes: &str) -> bool {
        let own = self.own.unwrap_or_default();
        words(notes).any(|word| word.eq_ignore_ascii_case(own))
    }

    /// The places of the guest, and those of another that has its ID, as of a second cluster on one server: only
    /// where one place has the guest's own name can it be known that the other isn't just its old one.
    #[must_use]
    pub fn apart<'p>(&self, places: Vec<&'p Place>) -> (Vec<&'p Place>, Vec<(&'p Place, String)>) {
        let notes = |place: &&'p Place| place.notes.as_deref();
        if !places
            .iter()
            .filter_map(notes)
            .any(|notes| self.is_own(notes))
        {
            return (places, Vec::new());
        }
        let (mut own, mut others) = (Vec::new(), Vec::new());
        for place in places {
            match notes(&place).and_then(|notes| self.other(notes)) {
                Some(name) => others.push((place, name)),
                None => own.push(place),
            }
        }
        (own, others)
    }
}

/// What stands in `notes` where `template` has the guest's name.
fn in_place_of_name(template: &str, notes: &str) -> Option<String> {
    let (first, rest) = template.split_once(NAME)?;
    let (mut found, mut steps, mut last_steps) = (None, MOST_STEPS, MOST_STEPS);
    matched(first, notes, &mut steps, &mut |after| {
        // The longest first: a name goes as far as its letters do.
        let ends = (1..=after.len())
            .rev()
            .filter(|&end| after.is_char_boundary(end));
        for end in ends {
            let (name, after) = after.split_at(end);
            let rest = rest.trim_end();
            if is_name(name)
                && matched(rest, after, &mut last_steps, &mut |end| {
                    end.trim().is_empty()
                })
            {
                found = Some(name.to_owned());
                return true;
            }
        }
        false
    });
    found
}

/// Whether `pattern`, texts with `{{...}}` for words, can stand before something that `then` takes.
fn matched(pattern: &str, text: &str, steps: &mut u32, then: &mut dyn FnMut(&str) -> bool) -> bool {
    *steps = steps.saturating_sub(1);
    if *steps == 0 {
        return false;
    }
    let Some((plain, behind)) = pattern.split_once("{{") else {
        return text
            .strip_prefix(unescaped(pattern).as_str())
            .is_some_and(then);
    };
    let Some(text) = text.strip_prefix(unescaped(plain).as_str()) else {
        return false;
    };
    let Some((_, pattern)) = behind.split_once("}}") else {
        return false;
    };
    let word = text.find(char::is_whitespace).unwrap_or(text.len());
    let mut ends = (0..=word).rev().filter(|&end| text.is_char_boundary(end));
    ends.any(|end| matched(pattern, &text[end..], steps, then))
}

/// So much is tried: a template of nothing but variables could stand for notes in countless ways.
const MOST_STEPS: u32 = 10_000;

/// A template has `\n` and `\\` for a line's end and a backslash.
fn unescaped(text: &str) -> String {
    text.replace("\\n", "\n").replace("\\\\", "\\")
}

/// A name that a guest can have (`dns-name` of PVE's schema).
fn is_name(text: &str) -> bool {
    let fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    text.len() <= 253
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(fit)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '.')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn whose_it_is() {
        let plain = "{{guestname}}";
        let long = "{{guestname}} on {{node}}, {{vmid}}";
        let behind = "job {{vmid}}: {{guestname}}\\nnightly";
        #[rustfmt::skip]
        let cases: &[(&str, &str, &[&str], Option<&str>)] = &[
            ("its own",                   "web",                  &[plain],       None),
            ("in other letters",          "WEB",                  &[plain],       None),
            ("another's",                 "paperless",            &[plain],       Some("paperless")),
            ("another's, in a text",      "paperless on a, 101",  &[plain, long], Some("paperless")),
            ("its own, in a text",        "web on paperless, 7",  &[long],        None),
            ("behind",                    "job 101: db\nnightly", &[behind],      Some("db")),
            ("people's words",            "before the upgrade",   &[plain, long], None),
            ("no name",                   "***",                  &[plain],       None),
            ("nothing",                   " ",                    &[plain],       None),
            ("a template without it",     "nightly",              &["nightly"],   None),
            ("a guest that lives",        "mail",                 &["nightly"],   Some("mail")),
            ("a guest that lives, no job", "mail",                &[],            Some("mail")),
            ("a word, no job",            "manual",               &[],            None),
            ("its name is a part",        "web-old",              &[plain],       Some("web-old")),
        ];
        let living = HashSet::from(["web", "mail"]);
        for (name, notes, templates, want) in cases {
            let names = Names {
                own: Some("web"),
                templates: templates.to_vec(),
                living: &living,
            };
            assert_eq!(names.other(notes).as_deref(), *want, "{name}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_too_strange(notes in ".{0,80}", template in "(\\{\\{|\\}\\}|guestname|\\{\\{guestname\\}\\}|[a-z \\\\n]){0,8}") {
            let living = HashSet::new();
            let names = Names { own: Some("web"), templates: vec![&template], living: &living };
            let _ = names.other(&notes);
        }
    }
}
