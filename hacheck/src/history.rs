//! What earlier checks saw: a file with a line whenever a holder or a counter changed.
//!
//! A change between two checks and back again leaves no trace but in keepalived's own
//! counters, so both are kept, and a finding says on which it rests.

use std::{
    collections::BTreeMap, fs::File, io::Write as _, os::unix::fs::FileExt as _, path::Path,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// More changes of the holder within an hour than this are flapping.
pub const MOST_AN_HOUR: u64 = 3;

/// An hour in milliseconds.
const HOUR_MS: i64 = 3_600_000;

/// A line of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Unix time in milliseconds.
    pub at_ms: i64,
    /// The pair.
    pub pair: String,
    /// Its holder; a check that could not name one leaves no line.
    pub holder: String,
    /// How often each member became master, by its own count.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub become_master: BTreeMap<String, u64>,
}

/// What the file says of one pair's last hour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// Changes of the holder from line to line, and to now.
    pub changes: u64,
    /// Times that a member became master, by keepalived's counters.
    pub counted: u64,
    /// Lines that this rests on.
    pub checks: usize,
}

/// The lines of a history; none if there is no file yet.
///
/// # Errors
///
/// It can't be read, or has JSON in it that is no such line: then it is another file. What
/// is no JSON is passed over: a full disk or a lost power leaves a stump, and checks that
/// end there for ever would cost more than the change of the holder that it told.
pub fn read(path: &Path) -> anyhow::Result<Vec<Line>> {
    use anyhow::Context as _;
    let named = || path.display().to_string();
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(named),
    };
    parse(&text).map_err(anyhow::Error::msg).with_context(named)
}

fn parse(text: &[u8]) -> Result<Vec<Line>, String> {
    let lines = text.split(|&byte| byte == b'\n').enumerate();
    let json = lines.filter(|(_, line)| serde_json::from_slice::<Value>(line).is_ok());
    let read = |(place, line)| {
        serde_json::from_slice(line).map_err(|error| format!("line {}: {error}", place + 1))
    };
    let read: Vec<Line> = json.map(read).collect::<Result<_, _>>()?;
    // One stump may be all there is, but not a text of several lines: that is not to be added to.
    if read.is_empty() && text.trim_ascii().contains(&b'\n') {
        return Err("none of its lines is one of a history".to_owned());
    }
    Ok(read)
}

impl Past {
    /// The last hour of `pair`, with what is seen now.
    #[must_use]
    pub fn of(lines: &[Line], now: &Line) -> Self {
        let mut of_pair: Vec<&Line> = lines.iter().filter(|line| line.pair == now.pair).collect();
        // The last line before the hour says who held it when the hour began.
        let from = of_pair
            .iter()
            .rposition(|line| line.at_ms <= now.at_ms - HOUR_MS)
            .unwrap_or(0);
        of_pair.drain(..from);
        of_pair.push(now);
        let mut past = Self {
            checks: of_pair.len(),
            ..Self::default()
        };
        for two in of_pair.windows(2) {
            past.changes += u64::from(two[0].holder != two[1].holder);
            for (member, count) in &two[1].become_master {
                let before = two[0].become_master.get(member).unwrap_or(count);
                // A daemon that was started anew counts from nothing.
                past.counted += if count >= before {
                    count - before
                } else {
                    *count
                };
            }
        }
        past
    }
}

/// Adds a line, if it says something that the last one of its pair doesn't.
///
/// # Errors
///
/// Those of the file.
pub fn add(path: &Path, lines: &[Line], line: &Line) -> std::io::Result<()> {
    let last = lines.iter().rfind(|known| known.pair == line.pair);
    let same = |last: &Line| last.holder == line.holder && last.become_master == line.become_master;
    if last.is_some_and(same) {
        return Ok(());
    }
    let mut file = File::options()
        .read(true)
        .append(true)
        .create(true)
        .open(path)?;
    let begin = if ends_in_a_line(&file)? { "" } else { "\n" };
    let text = format!("{begin}{}\n", serde_json::to_string(line)?);
    // One write, so that two checks at one time don't mix their lines.
    file.write_all(text.as_bytes())
}

/// Nothing is in it, or its last line has its end: what is added begins a line.
fn ends_in_a_line(file: &File) -> std::io::Result<bool> {
    let Some(last) = file.metadata()?.len().checked_sub(1) else {
        return Ok(true);
    };
    let mut byte = [0];
    file.read_exact_at(&mut byte, last)?;
    Ok(byte == *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(minute: i64, holder: &str, count: Option<u64>) -> Line {
        Line {
            at_ms: minute * 60_000,
            pair: "dns".to_owned(),
            holder: holder.to_owned(),
            become_master: count
                .map(|count| ("a".to_owned(), count))
                .into_iter()
                .collect(),
        }
    }

    #[test]
    fn changes_of_the_last_hour() {
        #[rustfmt::skip]
        let cases = [
            ("nothing before",       vec![], line(0, "a", None), (0, 0)),
            ("the same",             vec![line(0, "a", None)], line(1, "a", None), (0, 0)),
            ("one change",           vec![line(0, "a", None)], line(1, "b", None), (1, 0)),
            ("to and fro",           vec![line(0, "a", None), line(1, "b", None), line(2, "a", None)], line(3, "b", None), (3, 0)),
            ("changes long ago",     vec![line(0, "a", None), line(1, "b", None), line(2, "a", None)], line(70, "a", None), (0, 0)),
            ("who held it before",   vec![line(0, "a", None)], line(70, "b", None), (1, 0)),
            ("unseen but counted",   vec![line(0, "a", Some(2))], line(1, "a", Some(7)), (0, 5)),
            ("counted anew",         vec![line(0, "a", Some(9))], line(1, "a", Some(1)), (0, 1)),
            ("counter known lately", vec![line(0, "a", None)], line(1, "a", Some(9)), (0, 0)),
        ];
        for (name, lines, now, want) in cases {
            let past = Past::of(&lines, &now);
            assert_eq!((past.changes, past.counted), want, "{name}");
        }
    }

    #[test]
    fn a_line_for_each_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        for next in [line(0, "a", None), line(1, "a", None), line(2, "b", None)] {
            let lines = read(&path).unwrap();
            add(&path, &lines, &next).unwrap();
        }
        assert_eq!(
            read(&path).unwrap(),
            [line(0, "a", None), line(2, "b", None)]
        );
    }

    #[test]
    fn a_stump_costs_its_own_line_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let whole = serde_json::to_string(&line(0, "a", None)).unwrap();
        let stumps = [
            ("nothing", ""),
            ("within a name", "{\"at_ms"),
            ("within a character", "{\"at_ms\":1,\"pair\":\"d\u{fc}"),
            ("before the newline", &whole),
            ("what a lost power leaves", "\0\0\0"),
            (
                "glued to the next",
                "{\"at_ms\":{\"at_ms\":1,\"pair\":\"dns\"}",
            ),
        ];
        for (name, stump) in stumps {
            let path = folder.path().join(name);
            let mut bytes = format!("{whole}\n{stump}").into_bytes();
            if name == "within a character" {
                bytes.pop();
            }
            std::fs::write(&path, bytes).unwrap();
            let before = read(&path).expect(name);
            assert_eq!(before[0], line(0, "a", None), "{name}");
            add(&path, &before, &line(1, "b", None)).unwrap();
            let after = read(&path).expect(name);
            assert_eq!(after[..before.len()], before, "{name}");
            assert_eq!(after[before.len()..], [line(1, "b", None)], "{name}");
        }
    }

    #[test]
    fn what_is_no_history_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pairs.json");
        for other in [
            "{\"at_ms\":1}\n",
            "{\"name\":\"dns\"}",
            "[]\n{}",
            "{\n  \"name\": 1\n}\n",
        ] {
            std::fs::write(&path, other).unwrap();
            assert!(read(&path).is_err(), "{other}");
        }
    }
}
