//! What is to be kept: one policy for all groups, or one for each kind of group from a file.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde_json::{Map, Value};
use vmid::{
    site::{json::told, near::hint},
    stream::{self, Record},
};

use crate::{list::Group, retention::Keep, rule::Rule};

/// Which counts are for which group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The same for all.
    One(Keep),
    /// The first entry that matches; a group that none matches keeps everything.
    Entries(Vec<Entry>),
}

/// An entry of a policy file; a pattern that is absent matches all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    ns: Option<Glob>,
    kind: Option<Glob>,
    id: Option<Glob>,
    keep: Keep,
}

/// A text in which `*` stands for any characters and `?` for one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Glob(String);

/// What is wrong with a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// The text is not JSON, or not an array.
    NotAnArray(String),
    /// Something about an entry, the first being 1.
    Entry(usize, String),
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnArray(what) => write!(f, "a policy is a JSON array of objects: {what}"),
            Self::Entry(number, what) => write!(f, "entry {number}: {what}"),
        }
    }
}

impl std::error::Error for Wrong {}

impl Policy {
    /// Reads a policy file: an array of `{ns, type, id, keep: {last, ...}}`.
    ///
    /// # Errors
    ///
    /// It is something else, or has a name that isn't known.
    pub fn parse(text: &[u8]) -> Result<Self, Wrong> {
        let value = serde_json::from_slice(text);
        let value: Value = value.map_err(|error| Wrong::NotAnArray(told(&error)))?;
        let Value::Array(entries) = value else {
            return Err(Wrong::NotAnArray("it is something else".to_owned()));
        };
        if let Ok(records) = stream::parse(text) {
            for (place, record) in records.iter().enumerate() {
                twice(&record.record()).map_err(|what| Wrong::Entry(place + 1, what))?;
            }
        }
        let entries = entries.iter().enumerate();
        let entries = entries.map(|(place, entry)| Entry::of(place + 1, entry));
        Ok(Self::Entries(entries.collect::<Result<_, _>>()?))
    }

    /// The counts for a group; none if no entry matches it.
    #[must_use]
    pub fn keep(&self, group: &Group) -> Option<Keep> {
        match self {
            Self::One(keep) => Some(*keep),
            Self::Entries(entries) => entries.iter().find(|e| e.matches(group)).map(|e| e.keep),
        }
    }
}

impl Entry {
    fn of(number: usize, value: &Value) -> Result<Self, Wrong> {
        let wrong = |what: String| Wrong::Entry(number, what);
        let Value::Object(members) = value else {
            return Err(wrong(format!("{value} is no object")));
        };
        let known = ["ns", "type", "id", "keep"];
        if let Some(name) = members.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(wrong(format!("{name:?} is none of {}", known.join(", "))));
        }
        let glob = |name: &str| match members.get(name) {
            None => Ok(None),
            Some(Value::String(glob)) => Ok(Some(Glob(glob.clone()))),
            Some(other) => Err(wrong(format!("{name} is {other}, not text"))),
        };
        let kind = glob("type")?;
        if let Some(kind) = kind
            .as_ref()
            .filter(|kind| !KINDS.iter().any(|k| kind.matches(k)))
        {
            return Err(wrong(unknown_kind(&kind.0)));
        }
        let keep = match members.get("keep") {
            Some(Value::Object(counts)) => counts_of(counts).map_err(wrong)?,
            Some(other) => return Err(wrong(format!("keep is {other}, not an object of counts"))),
            None => return Err(wrong("keep is missing".to_owned())),
        };
        Ok(Self {
            ns: glob("ns")?,
            kind,
            id: glob("id")?,
            keep,
        })
    }

    fn matches(&self, group: &Group) -> bool {
        let matches =
            |glob: &Option<Glob>, text: &str| glob.as_ref().is_none_or(|g| g.matches(text));
        matches(&self.ns, &group.ns)
            && matches(&self.kind, &group.kind)
            && matches(&self.id, &group.id)
    }
}

/// The types of backups that PBS knows; an entry for another would never match.
const KINDS: [&str; 3] = ["ct", "vm", "host"];

/// What others call them.
const OTHER_NAMES: [(&str, &str); 8] = [
    ("lxc", "ct"),
    ("pct", "ct"),
    ("container", "ct"),
    ("qemu", "vm"),
    ("kvm", "vm"),
    ("qm", "vm"),
    ("node", "host"),
    ("pve", "host"),
];

fn unknown_kind(kind: &str) -> String {
    let folded = kind.to_lowercase();
    let other = OTHER_NAMES.iter().find(|(name, _)| *name == folded);
    let near = match other {
        Some((_, near)) => format!("; near: {near}"),
        None => hint(kind, KINDS),
    };
    format!("type {kind:?} is no type of backups{near}")
}

/// A member of an entry, or of its `keep`, that is there twice: which of them was meant?
fn twice(record: &Record<'_>) -> Result<(), String> {
    let mut names = BTreeSet::new();
    if let Some(name) = record.names().find(|name| !names.insert(name.clone())) {
        return Err(format!("{name:?} is there twice"));
    }
    let keep = record.raw("keep").map(|raw| stream::parse(raw.as_bytes()));
    let keep = keep.and_then(Result::ok).unwrap_or_default();
    keep.iter().try_for_each(|keep| twice(&keep.record()))
}

fn counts_of(counts: &Map<String, Value>) -> Result<Keep, String> {
    let mut keep = Keep::default();
    for (name, count) in counts {
        let rule = rule_named(name).ok_or_else(|| {
            let names = Rule::ALL.map(Rule::name).join(", ");
            format!("{name:?} in keep is none of {names}")
        })?;
        let count = count
            .as_u64()
            .ok_or_else(|| format!("keep {name} {}", not_a_count(count)))?;
        keep.0[rule as usize] = count;
    }
    Ok(keep)
}

/// `keep-last=7,keep-daily=7`, as `diff` has it.
impl FromStr for Keep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut keep = Self::default();
        let mut seen = Vec::new();
        for part in text.split(',') {
            let (name, number) = part
                .split_once('=')
                .ok_or_else(|| format!("{part:?} is not of the form keep-daily=7"))?;
            let rule = name
                .strip_prefix("keep-")
                .and_then(rule_named)
                .ok_or_else(|| {
                    let names = Rule::ALL.map(Rule::keep_name).join(", ");
                    format!("{name:?} is none of {names}")
                })?;
            if seen.contains(&rule) {
                return Err(format!("{name} is there twice"));
            }
            seen.push(rule);
            keep.0[rule as usize] = count(number)?;
        }
        Ok(keep)
    }
}

/// `keep-daily=7,keep-weekly=4`; nothing if all are 0.
impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, rule) in self.rules().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(f, "{comma}{}={}", rule.keep_name(), self.count(rule))?;
        }
        Ok(())
    }
}

/// A count of the command line: a whole number from 0.
///
/// # Errors
///
/// It is something else.
pub fn count(text: &str) -> Result<u64, String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| text.parse().ok()).flatten();
    number.ok_or_else(|| not_a_count(text))
}

fn not_a_count(found: impl fmt::Display) -> String {
    format!("{found} is no count: 0, 1, 2, ...")
}

fn rule_named(name: &str) -> Option<Rule> {
    Rule::ALL.into_iter().find(|rule| rule.name() == name)
}

impl Glob {
    /// Goes back to the last star alone, so this takes no more than length times length.
    fn matches(&self, text: &str) -> bool {
        let (glob, text): (Vec<char>, Vec<char>) =
            (self.0.chars().collect(), text.chars().collect());
        let (mut g, mut t) = (0, 0);
        let mut star = None;
        while t < text.len() {
            match glob.get(g) {
                Some('*') => {
                    star = Some((g, t));
                    g += 1;
                }
                Some(&c) if c == '?' || c == text[t] => {
                    g += 1;
                    t += 1;
                }
                _ => match star {
                    Some((at, from)) => {
                        star = Some((at, from + 1));
                        g = at + 1;
                        t = from + 1;
                    }
                    None => return false,
                },
            }
        }
        glob[g..].iter().all(|&c| c == '*')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        #[rustfmt::skip]
        let cases = [
            ("equal",             "vm",      "vm",        true),
            ("a star for all",    "*",       "",          true),
            ("a star in between", "1*0",     "100",       true),
            ("stars go back",     "*a*b",    "aabxab",    true),
            ("and fail",          "*a*b",    "aabxa",     false),
            ("namespaces",        "prod/*",  "prod/dc/1", true),
            ("one character",     "10?",     "100",       true),
            ("but not none",      "10?",     "10",        false),
            ("no part",           "10",      "100",       false),
            ("empty is the root", "",        "prod",      false),
        ];
        for (name, glob, text, want) in cases {
            assert_eq!(Glob(glob.to_owned()).matches(text), want, "{name}");
        }
    }

    #[test]
    fn the_first_entry_that_matches_counts() {
        let policy = Policy::parse(
            br#"[{"ns":"prod","type":"vm","keep":{"last":1}},
                 {"ns":"prod*","id":"1*","keep":{"daily":2,"yearly":3}},
                 {"type":"h*","keep":{}}]"#,
        )
        .unwrap();
        let keep = |ns: &str, kind: &str, id: &str| {
            let [ns, kind, id] = [ns, kind, id].map(str::to_owned);
            policy
                .keep(&Group { ns, kind, id })
                .map(|keep| keep.to_string())
        };
        #[rustfmt::skip]
        let cases = [
            ("both match, first wins", keep("prod", "vm", "100"),   Some("keep-last=1")),
            ("second",                 keep("prod/x", "vm", "100"), Some("keep-daily=2,keep-yearly=3")),
            ("an empty keep",          keep("", "host", "x"),       Some("")),
            ("none",                   keep("", "vm", "100"),       None),
        ];
        for (name, got, want) in cases {
            assert_eq!(got.as_deref(), want, "{name}");
        }
    }

    #[test]
    fn what_is_not_a_policy_is_refused() {
        #[rustfmt::skip]
        let cases = [
            ("not JSON",        "[",                              "a policy is a JSON array of objects: line 1, column 1: the JSON is cut off there"),
            ("an object",       "{}",                             "a policy is a JSON array of objects: it is something else"),
            ("a number in it",  "[1]",                            "entry 1: 1 is no object"),
            ("unknown name",    r#"[{"keep":{}},{"nsx":"a"}]"#,   "entry 2: \"nsx\" is none of ns, type, id, keep"),
            ("unknown rule",    r#"[{"keep":{"dialy":1}}]"#,      "entry 1: \"dialy\" in keep is none of last, hourly, daily, weekly, monthly, yearly"),
            ("negative",        r#"[{"keep":{"daily":-1}}]"#,     "entry 1: keep daily -1 is no count: 0, 1, 2, ..."),
            ("PVE's type",      r#"[{"type":"lxc","keep":{}}]"#,  "entry 1: type \"lxc\" is no type of backups; near: ct"),
            ("PVE's other",     r#"[{"type":"qemu","keep":{}}]"#, "entry 1: type \"qemu\" is no type of backups; near: vm"),
            ("capitals",        r#"[{"type":"VM","keep":{}}]"#,   "entry 1: type \"VM\" is no type of backups; near: vm"),
            ("matches none",    r#"[{"type":"x*","keep":{}}]"#,   "entry 1: type \"x*\" is no type of backups; there are ct, vm, host"),
            ("no keep",         r#"[{"ns":"a"}]"#,                "entry 1: keep is missing"),
            ("a number as id",  r#"[{"id":100,"keep":{}}]"#,      "entry 1: id is 100, not text"),
        ];
        for (name, text, want) in cases {
            let error = Policy::parse(text.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), want, "{name}");
        }
    }

    #[test]
    fn counts_on_the_command_line() {
        #[rustfmt::skip]
        let cases = [
            ("two",      "keep-last=7,keep-yearly=0",  Ok("keep-last=7")),
            ("no name",  "7",                          Err("\"7\" is not of the form keep-daily=7")),
            ("bare",     "daily=7",                    Err("\"daily\" is none of keep-last, keep-hourly, keep-daily, keep-weekly, keep-monthly, keep-yearly")),
            ("negative", "keep-last=-7",               Err("-7 is no count: 0, 1, 2, ...")),
            ("twice",    "keep-last=7,keep-last=8",    Err("keep-last is there twice")),
        ];
        for (name, text, want) in cases {
            let got = text.parse::<Keep>().map(|keep| keep.to_string());
            assert_eq!(
                got,
                want.map(str::to_owned).map_err(str::to_owned),
                "{name}"
            );
        }
    }
}
