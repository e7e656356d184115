//! The records of a run: one for each line of the plan, when it is done.

use std::io::Write;

use serde_json::json;
use vmid::{
    exit::{Answer, Stop},
    stream::{Record, error_object},
};

use super::{direction::turned, leftover::Leftover};
use crate::{
    journal::event::Event,
    plan::record::{Blocker, Step},
};

/// A record of an event, with what a pipeline wants to know. Where the journal has a guest's origin
/// and where its drain took it, a record has where this step brought it from and to.
pub fn record(
    event: &Event,
    changed: bool,
    error: Option<&(String, String)>,
    took_s: Option<u64>,
    leftovers: &[Leftover],
    warnings: &[Blocker],
) -> String {
    let mut value = serde_json::to_value(as_it_went(event)).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        fields.shift_remove("message");
        fields.insert("changed".into(), changed.into());
        if let Some(took_s) = took_s {
            fields.insert("took_s".into(), took_s.into());
        }
        if !leftovers.is_empty() {
            fields.insert("leftovers".into(), json!(leftovers));
        }
        if !warnings.is_empty() {
            fields.insert("warnings".into(), json!(warnings));
        }
        if let Some((code, message)) = error {
            fields.insert("error".into(), json!({"code": code, "message": message}));
        }
    }
    value.to_string()
}

/// An event with its `from` and `to` as they happened.
fn as_it_went(event: &Event) -> Event {
    let mut event = event.clone();
    if event.returns {
        std::mem::swap(&mut event.from, &mut event.to);
        event.targetstorage = turned(&event.targetstorage, true);
    }
    event
}

/// A record of a step that nothing was done for.
pub fn plain(step: &Step, error: Option<(&str, &str)>) -> String {
    let fields = json!({"vmid": step.vmid, "type": step.kind, "name": step.name, "from": step.from, "to": step.to,
        "action": step.action, "was_running": step.was_running, "changed": false});
    let text = fields.to_string();
    match error {
        None => text,
        Some((code, message)) => format!(
            "{},\"error\":{}}}",
            text.trim_end_matches('}'),
            error_object(code, message)
        ),
    }
}

/// A record that came with an error: as it was, and nothing was done for it.
pub fn passed(kept: &Record<'_>) -> String {
    let text = kept.text();
    match text.strip_suffix('}') {
        Some(open) if kept.raw("changed").is_none() => format!("{open},\"changed\":false}}"),
        _ => text.to_owned(),
    }
}

/// Standard output: its failure stops the run, but what is under way goes on to its end.
pub struct Out<W> {
    output: W,
    failed: Option<std::io::Error>,
    /// The answer is "no", whatever becomes of the rest.
    pub no: bool,
}

impl<W: Write> Out<W> {
    /// Nothing is written yet.
    pub fn new(output: W) -> Self {
        Self {
            output,
            failed: None,
            no: false,
        }
    }

    /// Nobody reads on, or the disk is full.
    pub fn is_broken(&self) -> bool {
        self.failed.is_some()
    }

    /// Writes a line, at once.
    pub fn line(&mut self, text: &str) {
        let written = self
            .output
            .write_all(format!("{text}\n").as_bytes())
            .and_then(|()| self.output.flush());
        if let Err(error) = written {
            self.failed.get_or_insert(error);
        }
    }

    /// The end of the run, unless the output failed.
    pub fn end(mut self, answer: Answer) -> Result<Answer, Stop> {
        match self.failed.take() {
            Some(error) => Err(Stop::output(error).after_acting()),
            None => Ok(answer.max(Answer::no_if(self.no))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn from_and_to_as_they_happened() {
        let event = |returns: bool| -> Event {
            let value = json!({"at": "2026-11-22T00:00:10Z", "cluster": "c", "vmid": 100, "type": "qemu", "name": "g",
                "from": "a", "to": "b", "was_running": true, "phase": "failed", "returns": returns, "targetstorage": {"s": "t"}});
            serde_json::from_value(value).unwrap()
        };
        let out = json!({"from": "a", "to": "b", "targetstorage": {"s": "t"}});
        let home = json!({"from": "b", "to": "a", "targetstorage": {"t": "s"}});
        for (returns, want) in [(false, out), (true, home)] {
            let record: Value =
                serde_json::from_str(&record(&event(returns), false, None, None, &[], &[]))
                    .unwrap();
            for name in ["from", "to", "targetstorage"] {
                assert_eq!(record[name], want[name], "returns: {returns}, {name}");
            }
        }
    }
}
