//! A loss on paper: the steps in words, then what to expect. No command stands here: on the day on
//! which it is printed nobody knows what will be true on the day on which it is read.

use std::fmt::Write as _;

use super::{
    Outcome,
    record::{Act, Fate, Finding},
};
use crate::{size::human, state::State};

/// The runbooks of some losses.
#[must_use]
pub fn write(state: &State, outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    for outcome in outcomes {
        if !text.is_empty() {
            text.push('\n');
        }
        one(state, outcome, &mut text);
    }
    text
}

fn one(state: &State, outcome: &Outcome, text: &mut String) {
    let header = &outcome.header;
    let (names, verb) = match header.lost.as_slice() {
        [one] => (one.clone(), "is"),
        all => (all.join(" and "), "are"),
    };
    let cluster = safe(&header.cluster.name);
    line(
        text,
        &format!("# If {} {verb} lost ({cluster})", safe(&names)),
    );
    line(text, "");
    steps(outcome, text);
    line(text, "");
    line(text, "## The guests");
    line(text, "");
    guests(&outcome.fates, text);
    line(text, "");
    line(text, "## The rest of the cluster");
    line(text, "");
    rest(outcome, text);
    findings(outcome, text);
    line(text, "");
    line(text, &format!("As of {}.", state.at));
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

/// All steps, numbered through: of the whole, then of the guests, what is soonest back first.
fn steps(outcome: &Outcome, text: &mut String) {
    let mut fates: Vec<&Fate> = outcome
        .fates
        .iter()
        .filter(|fate| fate.ran != Some(false))
        .collect();
    fates.sort_by_key(|fate| fate.comes_back);
    let rest = fates.iter().flat_map(|fate| &fate.runbook);
    let all = outcome.header.runbook.iter().chain(rest);
    for (number, Act { r#do, .. }) in (1..).zip(all) {
        line(text, &format!("{number}. {}", safe(r#do)));
    }
}

fn guests(fates: &[Fate], text: &mut String) {
    if fates.is_empty() {
        line(text, "None was there.");
        return;
    }
    row(
        text,
        [
            "guest",
            "comes back",
            "on",
            "data lost",
            "away",
            "why",
            "depends on it",
        ]
        .iter(),
    );
    row(text, ["---"; 7].iter());
    for fate in fates {
        let length = |seconds: Option<u64>| seconds.map_or_else(String::new, super::told::shown);
        let why = fate.rests_on.join("; ");
        let cells = [
            format!("{} ({})", fate.name, fate.vmid),
            fate.comes_back.as_str().to_owned(),
            fate.on.clone().unwrap_or_default(),
            length(fate.rpo_s),
            length(fate.rto_s),
            why,
            fate.depends_on_it.join("; "),
        ];
        row(text, cells.iter().map(|cell| safe(cell)));
    }
}

fn row(text: &mut String, cells: impl Iterator<Item = impl AsRef<str>>) {
    text.push('|');
    for cell in cells {
        let _ = write!(text, " {} |", cell.as_ref()); // a String takes everything
    }
    text.push('\n');
}

fn rest(outcome: &Outcome, text: &mut String) {
    let rest = &outcome.header.cluster;
    let votes = rest.votes;
    let quorum = match rest.quorate {
        true => "it keeps its quorum",
        false => "it has NO quorum",
    };
    line(
        text,
        &format!(
            "- {} of {} votes remain, {} are needed: {quorum}",
            votes.remaining, votes.expected, votes.needed
        ),
    );
    for node in &rest.memory {
        let what = format!(
            "{}: {} given to guests now, {} after HA, {} when all are back, of {} allowed",
            node.node,
            human(node.now),
            human(node.after_ha),
            human(node.after_all),
            human(node.limit)
        );
        line(text, &format!("- {}", safe(&what)));
    }
    for pair in &outcome.header.pairs {
        let left: Vec<String> = pair
            .left
            .iter()
            .map(|left| match &left.node {
                Some(node) => format!("{} on {node}", left.name),
                None => left.name.clone(),
            })
            .collect();
        let left = match left.is_empty() {
            true if !pair.unseen.is_empty() => {
                "whether another member runs is not known".to_owned()
            }
            true => "nobody is left".to_owned(),
            false => format!("left is {}", left.join(", ")),
        };
        line(
            text,
            &format!("- {}", safe(&format!("pair {}: {left}", pair.pair))),
        );
    }
}

fn findings(outcome: &Outcome, text: &mut String) {
    let whole = outcome
        .header
        .findings
        .iter()
        .map(|(_, finding)| (None, finding));
    let each = outcome.fates.iter().flat_map(|fate| {
        fate.findings
            .iter()
            .map(move |finding| (Some(fate), finding))
    });
    let mut all: Vec<(Option<&Fate>, &Finding)> = whole.chain(each).collect();
    if all.is_empty() {
        return;
    }
    all.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.severity));
    line(text, "");
    line(text, "## What to mend before");
    line(text, "");
    for (fate, finding) in all {
        let who = fate.map_or_else(String::new, |fate| {
            format!("{} ({}): ", fate.name, fate.vmid)
        });
        let why = finding
            .exempt
            .as_ref()
            .map_or_else(String::new, |why| format!(" (exempt: {why})"));
        let what = format!(
            "{}, {}: {who}{}{why}",
            finding.severity.name(),
            finding.code,
            finding.message
        );
        line(text, &format!("- {}", safe(&what)));
    }
}

/// Text in which nothing is markup, whatever names it holds, on one line.
fn safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' | '$' | '&' | '!' => {
                out.push('\\');
                out.push(letter);
            }
            letter if letter.is_control() || is_turning(letter) => out.push(' '),
            letter => out.push(letter),
        }
    }
    // A bare address would become a link.
    out.replace("://", ":\\//").replace("www.", "www\\.")
}

/// It turns the direction of what follows, or hides in it.
fn is_turning(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::safe;

    #[test]
    fn names_are_no_markup() {
        #[rustfmt::skip]
        let cases = [
            ("plain",           "web-1 (101) on node2",     "web-1 (101) on node2"),
            ("a table's mark",  "a|b",                      r"a\|b"),
            ("HTML",            "<script>x</script>",       r"\<script\>x\</script\>"),
            ("a link",          "[x](y)",                   r"\[x\](y)"),
            ("a bare link",     "https://x.example www.x",  r"https:\//x.example www\.x"),
            ("two lines",       "a\n# b",                   r"a \# b"),
            ("an entity",       "&lt;",                     r"\&lt;"),
            ("emphasis",        "__a__ *b* ~c~ `d`",        r"\_\_a\_\_ \*b\* \~c\~ \`d\`"),
            ("turned",          "a\u{202e}b",               "a b"),
        ];
        for (name, text, want) in cases {
            assert_eq!(safe(text), want, "{name}");
        }
    }
}
