//! The records of a run: one for each line of the plan, when it is done.

use std::io::Write;

use serde_json::json;
use vmid::{
    exit::{Answer, Stop},
    stream::{Record, error_object},
};

use crate::{journal::event::Event, plan::record::Step};

/// A record of an event, as the journal has it, with what a pipeline wants to know.
pub fn record(
    event: &Event,
    changed: bool,
    error: Option<&(String, String)>,
    took_s: Option<u64>,
) -> String {
    let mut value = serde_json::to_value(event).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        fields.shift_remove("message");
        fields.insert("changed".into(), changed.into());
        if let Some(took_s) = took_s {
            fields.insert("took_s".into(), took_s.into());
        }
        if let Some((code, message)) = error {
            fields.insert("error".into(), json!({"code": code, "message": message}));
        }
    }
    value.to_string()
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
