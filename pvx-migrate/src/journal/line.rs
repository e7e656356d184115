//! The text of a journal: its lines, and what a run that was killed may have left behind them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    event::Event,
    guest_line::{GuestLine, Stage},
};
use crate::{node_name, unreadable::told};

/// How every line of ours begins: [`Event::at`] is its first field.
const BEGINNING: &[u8] = b"{\"at\":";

/// What is about to be asked of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Call {
    /// A migration to `to`.
    Migrate,
    /// A start on `on`.
    Start,
    /// A clean shutdown on `on`.
    Shutdown,
    /// A VM's processors go on.
    Resume,
    /// The end of a task that makes no progress.
    EndTask,
}

/// A request that changes something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Which.
    pub call: Call,
    /// The node that is asked.
    pub on: String,
    /// Where the guest is to go, if it is to go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The guest's newest tasks on that node before the request. Whatever is newer is its
    /// doing, or somebody else's; clocks are not needed to tell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<String>,
}

/// A line: how far a guest has come, and the request that is about to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// How far.
    #[serde(flatten)]
    pub event: Event,
    /// The request that follows, or followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Request>,
    /// The request that moves it, if `request` is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<Request>,
    /// It did not start on the target and is being brought back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub back: bool,
}

/// What a journal holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// Its whole lines of moves, in order. What was moved before the guest of that ID was made or
    /// removed is not among them: it was another guest's, or is over.
    pub lines: Vec<Line>,
    /// Its whole lines of guests that are made or removed, in order.
    pub guests: Vec<GuestLine>,
    /// Bytes of the whole lines; what is behind them was cut off while it was written.
    pub whole: usize,
}

impl Lines {
    /// The last line of each guest.
    #[must_use]
    pub fn last(&self) -> BTreeMap<u32, Line> {
        let lines = self.lines.iter();
        lines.map(|line| (line.event.vmid, line.clone())).collect()
    }

    /// The last line of each guest that was made or removed.
    #[must_use]
    pub fn last_guests(&self) -> BTreeMap<u32, GuestLine> {
        let lines = self.guests.iter();
        lines.map(|line| (line.vmid, line.clone())).collect()
    }
}

/// Reads the text of a journal. A last line without its end counts for nothing: it was not synced,
/// so the request it was to tell of was not made.
///
/// # Errors
///
/// It is no journal of ours; the number of the line that shows it.
pub fn parse(text: &[u8]) -> Result<Lines, String> {
    let whole = text.iter().rposition(|byte| *byte == b'\n');
    let whole = whole.map_or(0, |at| at + 1);
    let mut lines = Vec::new();
    let mut guests: Vec<GuestLine> = Vec::new();
    let mut over: BTreeMap<u32, usize> = BTreeMap::new();
    for (number, text) in (1..).zip(text[..whole].split(|byte| *byte == b'\n')) {
        if text.is_empty() {
            continue;
        }
        let no_event = |what: String| format!("line {number} is no event: {what}");
        if is_of_a_guest(text) {
            let line = guest_line(text).map_err(no_event)?;
            // One that was not made, or not removed, is the one that was moved.
            if matches!(line.phase, Stage::Verified | Stage::Ready) {
                over.insert(line.vmid, lines.len());
            }
            guests.push(line);
        } else {
            lines.push(line(text).map_err(no_event)?);
        }
    }
    let mut at = 0;
    lines.retain(|line| {
        at += 1;
        over.get(&line.event.vmid).is_none_or(|over| at > *over)
    });
    let rest = &text[whole..];
    if whole == 0 && rest.starts_with(BEGINNING) {
        let what = "it has no whole line: the run that began it has asked nothing of the cluster; remove it, or name a new file";
        return Err(what.to_owned());
    }
    if whole == 0 && !rest.is_empty() {
        return Err("it is no journal: it has no whole line".to_owned());
    }
    // A disk that lost power may show zeros where the line would have been.
    let is_ours = rest.starts_with(BEGINNING)
        || BEGINNING.starts_with(rest)
        || rest.iter().all(|byte| *byte == 0);
    if !is_ours {
        return Err(
            "it is no journal: its last line has no end and does not begin like one of ours"
                .to_owned(),
        );
    }
    Ok(Lines {
        lines,
        guests,
        whole,
    })
}

/// Whether a line is of a guest that is made or removed: these have an `action`, moves do not.
fn is_of_a_guest(text: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Probe {
        action: Option<serde::de::IgnoredAny>,
    }
    serde_json::from_slice::<Probe>(text).is_ok_and(|probe| probe.action.is_some())
}

fn guest_line(text: &[u8]) -> Result<GuestLine, String> {
    let line: GuestLine = serde_json::from_slice(text).map_err(|error| told(&error))?;
    line.check()?;
    Ok(line)
}

fn line(text: &[u8]) -> Result<Line, String> {
    let line: Line = serde_json::from_slice(text).map_err(|error| told(&error))?;
    // They become parts of paths.
    let requests = [&line.request, &line.earlier].into_iter().flatten();
    let asked = requests.flat_map(|request| [Some(&request.on), request.to.as_ref()]);
    let names = [Some(&line.event.from), Some(&line.event.to)];
    for name in names.into_iter().chain(asked).flatten() {
        node_name::check(name).map_err(|wrong| wrong.to_string())?;
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::event::Phase::{Planned, Verified};

    fn line(vmid: u32, phase: &str) -> String {
        format!(
            r#"{{"at":"2026-01-01T00:00:00Z","cluster":"c","vmid":{vmid},"type":"lxc","from":"a","to":"b","was_running":true,"phase":"{phase}"}}"#
        ) + "\n"
    }

    #[test]
    fn the_last_line_of_each_guest_counts() {
        let text = [line(1, "planned"), line(2, "planned"), line(1, "verified")].concat();
        let last = parse(text.as_bytes()).unwrap().last();
        let phases: Vec<_> = last.values().map(|line| line.event.phase).collect();
        assert_eq!(phases, [Verified, Planned]);
    }

    /// A move of a guest that was made or removed since was another guest's.
    #[test]
    fn moves_before_a_guest_was_made_or_removed_count_no_more() {
        let made = |vmid: u32, more: &str| {
            format!(
                r#"{{"at":"2026-01-01T00:00:00Z","cluster":"c","vmid":{vmid},"type":"lxc","name":"g","node":"a","action":"create","phase":"verified","run":"0123456789abcdef"{more}}}"#
            ) + "\n"
        };
        let text = [
            line(1, "planned"),
            line(2, "planned"),
            made(1, ""),
            line(3, "planned"),
            made(3, ""),
            line(3, "verified"),
        ];
        let lines = parse(text.concat().as_bytes()).unwrap();
        let moves: Vec<_> = lines
            .lines
            .iter()
            .map(|line| (line.event.vmid, line.event.phase))
            .collect();
        assert_eq!(moves, [(2, Planned), (3, Verified)]);
        let made_: Vec<u32> = lines.guests.iter().map(|line| line.vmid).collect();
        assert_eq!(made_, [1, 3]);
        #[rustfmt::skip]
        let wrong = [
            ("a path as node",   made(1, "").replace(r#""node":"a""#, r#""node":"a/..""#),              "is no name of a node"),
            ("another mark",     made(1, "").replace("0123456789abcdef", "x\\ny"),                      "is no ID of a run"),
            ("a disk of a path", made(1, r#","resize":{"scsi0&x=":"1G"}"#),                             "is no disk"),
        ];
        for (name, text, want) in wrong {
            let error = parse(text.as_bytes()).unwrap_err();
            assert!(error.contains(want), "{name}: {error}");
        }
    }

    #[test]
    fn what_may_stand_behind_the_last_line() {
        let whole = line(1, "planned");
        let none = "it is no journal: it has no whole line";
        let begun = "it has no whole line: the run that began it has asked nothing of the cluster; remove it, or name a new file";
        let foreign =
            "it is no journal: its last line has no end and does not begin like one of ours";
        #[rustfmt::skip]
        let cases: &[(&str, &str, &str, Result<usize, &str>)] = &[
            ("nothing at all",            "",     "",                     Ok(0)),
            ("a whole line",              &whole, "",                     Ok(1)),
            ("cut off",                   &whole, r#"{"at":"2026-01"#,    Ok(1)),
            ("cut off at once",           &whole, "{",                    Ok(1)),
            ("zeros",                     &whole, "\0\0\0",               Ok(1)),
            ("whole, but for its end",    &whole, whole.trim_end(),       Ok(1)),
            ("somebody else's",           &whole, "password=x",           Err(foreign)),
            ("another object",            &whole, r#"{"vmid":1"#,         Err(foreign)),
            ("a secret without line end", "",     "user@pve!t=SECRET",    Err(none)),
            ("only a line cut off",       "",     r#"{"at":"2026-01"#,    Err(begun)),
            ("only its first byte",       "",     "{",                    Err(none)),
        ];
        for (name, lines, rest, want) in cases {
            let parsed = parse(format!("{lines}{rest}").as_bytes());
            if let Ok(parsed) = &parsed {
                assert_eq!(parsed.whole, lines.len(), "{name}");
            }
            let parsed = parsed.map(|parsed| parsed.lines.len());
            assert_eq!(parsed, want.map_err(str::to_owned), "{name}");
        }
    }

    #[test]
    fn lines_that_are_none() {
        let escape = line(1, "planned").replace(r#""a""#, r#""a/../b""#);
        let asked = r#"planned","request":{"call":"start","on":"a?x="},"x":""#;
        #[rustfmt::skip]
        let cases = [
            ("another document",   "{}\n".to_owned(),                     "line 1 is no event: it has no \"at\" (column 2)"),
            ("text",               "one\ntwo\n".to_owned(),               "line 1 is no event: it is no JSON (column 1)"),
            ("garbage in between", line(1, "planned") + "{\"at\":\"2026\n" + &line(1, "planned"), "line 2 is no event: the JSON is cut off"),
            ("from a path",        escape,                                "line 1 is no event: \"a/../b\" is no name of a node"),
            ("asked of a path",    line(1, asked),                        "line 1 is no event: \"a?x=\" is no name of a node"),
        ];
        for (name, text, want) in cases {
            let error = parse(text.as_bytes()).unwrap_err();
            assert!(error.starts_with(want), "{name}: {error}");
        }
    }
}
