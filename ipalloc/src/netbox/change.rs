//! Changes and removals of records that are there, unless somebody else has changed them since
//! they were read: `If-Match` where the server knows it, another look right before where not.

use std::{thread, time::Duration};

use anyhow::anyhow;
use serde_json::{Value, json};
use vmid::{exit::Stop, http::Answer};

use super::{
    NetBox,
    answer::{self, FIELD, Record},
    api::Api,
    moved, primary, refusal,
    write::ATTEMPTS,
};
use crate::{
    ipam::{Change, Made},
    refused::Refused,
};

/// Why a record was not changed.
pub(super) enum Undone {
    /// A rule of the server's, about this record alone.
    Refused(Refused),
    /// The server, to this caller or in this form: it was not done.
    Denied(Stop),
    /// The record is another by now, or gone.
    Changed(Stop),
    /// Anything else.
    Stop(Stop),
}

impl Undone {
    /// As the end of a run.
    pub(super) fn stop(self) -> Stop {
        match self {
            Self::Refused(refused) => Stop::outside(anyhow!("{}", refused.message)),
            Self::Denied(stop) | Self::Changed(stop) | Self::Stop(stop) => stop,
        }
    }

    /// The same, with what has happened besides.
    pub(super) fn with(self, besides: &str) -> Self {
        let add = |stop: Stop| Stop::outside(anyhow!("{stop}; {besides}"));
        match self {
            Self::Refused(Refused { code, message }) => {
                Self::Refused(Refused::new(code, format!("{message}; {besides}")))
            }
            Self::Denied(stop) => Self::Denied(add(stop)),
            Self::Changed(stop) => Self::Changed(add(stop)),
            Self::Stop(stop) => Self::Stop(add(stop)),
        }
    }
}

/// What has become of a record since it was read.
enum Now {
    Same,
    Changed,
    Gone,
}

/// A change on its way.
struct Trial<'a> {
    method: &'a str,
    record: &'a Record,
    path: String,
    /// A reply was lost, so that the change may have been made.
    lost: bool,
}

impl NetBox {
    /// One change of a record that exists.
    pub(super) fn modify(&self, change: &Change) -> Result<Made, Stop> {
        let (Change::Adopt(id, _)
        | Change::Mark(id, ..)
        | Change::Move(id, ..)
        | Change::Complete(id, ..)
        | Change::Delete(id)) = change
        else {
            return Ok(Made::default());
        };
        let Some(record) = self.records.get(id) else {
            return Err(Stop::outside(anyhow!("record {} was not read", id.0)));
        };
        let done = match change {
            Change::Adopt(_, key) if self.keyed() => self
                .api
                .patch(record, json!({ "custom_fields": { FIELD: key } })),
            Change::Adopt(_, key) => {
                let description = format!("{} {}", record.description, answer::mark(key));
                self.api
                    .patch(record, json!({ "description": description.trim_start() }))
            }
            Change::Mark(_, status, comments, key) => {
                let mut fields = json!({ "status": status, "comments": comments });
                match key {
                    Some(key) if self.keyed() => fields["custom_fields"] = json!({ FIELD: key }),
                    Some(key) => {
                        let text = format!("{} {}", record.description, answer::mark(key));
                        fields["description"] = json!(text.trim_start());
                    }
                    None => {}
                }
                if *status == "deprecated" && primary::is_on_machine(record) {
                    primary::take_off(&mut fields);
                    let mark = || self.api.patch(record, fields);
                    self.api.without_primary(record, mark)
                } else {
                    self.api.patch(record, fields)
                }
            }
            Change::Complete(_, role, comments, None) => {
                let finished = self.finished(record, role, comments);
                return finished.map_err(|undone| undone.stop());
            }
            Change::Complete(_, role, comments, status) => {
                self.api.complete(record, role, comments, *status)
            }
            Change::Move(_, to, revived) => self.api.patch(record, moved::body(*to, revived)),
            _ => self.api.delete(record),
        };
        let refused = match done {
            Ok(()) => None,
            Err(Undone::Refused(refused)) => Some(refused),
            Err(undone) => return Err(undone.stop()),
        };
        Ok(Made {
            id: Some(*id),
            refused,
            ..Made::default()
        })
    }
}

impl Api {
    /// Changes a record, unless somebody else has since it was read.
    pub fn patch(&self, record: &Record, mut body: Value) -> Result<(), Undone> {
        body["changelog_message"] = json!(self.message);
        self.change("PATCH", record, &body, |value| {
            let same = |(name, want): (&String, &Value)| match name.as_str() {
                "changelog_message" => true,
                "status" | "role" => value[name]["value"] == *want,
                "custom_fields" => value["custom_fields"][FIELD] == want[FIELD],
                _ => value[name] == *want,
            };
            body.as_object()
                .is_some_and(|fields| fields.iter().all(same))
        })
    }

    /// Removes a record, unless somebody else has changed it since it was read.
    pub fn delete(&self, record: &Record) -> Result<(), Undone> {
        let body = json!({ "changelog_message": self.message });
        self.change("DELETE", record, &body, |_| false)
    }

    /// A change may be repeated: the second of two finds another version.
    fn change(
        &self,
        method: &str,
        record: &Record,
        body: &Value,
        done: impl Fn(&Value) -> bool,
    ) -> Result<(), Undone> {
        let mut trial = Trial {
            method,
            record,
            path: format!("/api/ipam/ip-addresses/{}/", record.entry.id.0),
            lost: false,
        };
        let mut cause = String::new();
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                thread::sleep(Duration::from_millis(250 << attempt));
            }
            if !self.version.has_if_match() {
                match self.look_again(&trial) {
                    Ok(Now::Same) => {}
                    Ok(Now::Changed) => return self.changed(&trial, &done),
                    Ok(Now::Gone) => return self.gone(&trial),
                    Err(stop) if !trial.lost => return Err(Undone::Stop(stop)),
                    Err(stop) => {
                        cause = stop.to_string();
                        continue;
                    }
                }
            }
            let headers = [("If-Match", record.etag.as_str())];
            match self.send(method, &trial.path, &headers, Some(&body.to_string())) {
                Ok(answer) if matches!(answer.status, 200 | 204) => return Ok(()),
                Ok(answer) if answer.status == 404 && answer.json().is_some() => {
                    return self.gone(&trial);
                }
                Ok(answer) if answer.status == 412 => return self.changed(&trial, &done),
                Ok(answer) if is_refusal(&answer) => {
                    return Err(match refusal::of_change(&answer, method) {
                        Some(refused) => Undone::Refused(refused),
                        None => Undone::Denied(self.denied(&answer, method, &trial.path)),
                    });
                }
                Ok(answer) => {
                    trial.lost = true;
                    cause = self.complaint(&answer);
                }
                Err(error) => {
                    trial.lost |= !error.unsent;
                    cause = error.to_string();
                }
            }
        }
        let what = format!("no usable reply to {ATTEMPTS} requests ({cause})");
        Err(Undone::Stop(self.failed(&what, &trial.path)))
    }

    /// The record is as it was read, before anything is done for it elsewhere.
    ///
    /// # Errors
    ///
    /// [`Undone::Changed`].
    pub(super) fn still_as_read(&self, record: &Record) -> Result<(), Undone> {
        let trial = Trial {
            method: "GET",
            record,
            path: format!("/api/ipam/ip-addresses/{}/", record.entry.id.0),
            lost: false,
        };
        match self.look_again(&trial) {
            Ok(Now::Same) => Ok(()),
            Ok(Now::Changed) => self.changed(&trial, |_| false),
            Ok(Now::Gone) => self.gone(&trial),
            Err(stop) => Err(Undone::Stop(stop)),
        }
    }

    /// What has become of the record, where `If-Match` would not find out.
    fn look_again(&self, trial: &Trial<'_>) -> Result<Now, Stop> {
        let answer = self.read(&trial.path)?;
        match answer.json() {
            Some(_) if answer.status == 404 => Ok(Now::Gone),
            Some(value) if answer.status == 200 => {
                let now = answer::record(&value).map_err(|what| self.failed(&what, &trial.path))?;
                // By the time of its last change: the reply to a creation may be of another form.
                let same = match now.etag.as_str() {
                    answer::NEVER => now == *trial.record,
                    etag => etag == trial.record.etag,
                };
                Ok(if same { Now::Same } else { Now::Changed })
            }
            _ => Err(self.denied(&answer, "GET", &trial.path)),
        }
    }

    /// The record is another by now: by our own request whose reply was lost, or by somebody else.
    fn changed(&self, trial: &Trial<'_>, done: impl Fn(&Value) -> bool) -> Result<(), Undone> {
        let Trial { record, path, .. } = trial;
        let is_done = || self.get(path).is_ok_and(|value| done(&value));
        if trial.lost && is_done() && self.is_ours(record, "update") {
            return Ok(());
        }
        let what = format!(
            "{} was changed by somebody else since it was read; it is left alone",
            record.entry
        );
        Err(Undone::Changed(self.failed(&what, path)))
    }

    fn gone(&self, trial: &Trial<'_>) -> Result<(), Undone> {
        let Trial { record, path, .. } = trial;
        if trial.lost && trial.method == "DELETE" && self.is_ours(record, "delete") {
            return Ok(());
        }
        let what = format!("{} is not there any more", record.entry);
        Err(Undone::Changed(self.failed(&what, path)))
    }

    /// A change whose reply was lost and which is there counts as ours unless it is known better.
    fn is_ours(&self, record: &Record, action: &str) -> bool {
        self.did(record, action).unwrap_or_else(|| {
            self.unattributed(&record.entry.to_string());
            true
        })
    }
}

/// It was read and not carried out; who redirects carries nothing out either.
fn is_refusal(answer: &Answer) -> bool {
    (300..400).contains(&answer.status) || answer.status < 500 && answer.json().is_some()
}
