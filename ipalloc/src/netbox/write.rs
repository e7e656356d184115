//! Writes to NetBox, whose reply may get lost: what became of them is found out, or
//! said to be unknown.

use std::{thread, time::Duration};

use serde_json::Value;
use vmid::{
    exit::{self, Stop},
    http::Answer,
};

use super::{
    answer::{self, FIELD, Record},
    api::Api,
};
use crate::ipam::Rejection;

/// How often a request whose reply was lost is sent, in all.
pub(super) const ATTEMPTS: u32 = 5;

/// How creating went.
pub(super) enum Outcome {
    /// These records were made, and nobody else has their addresses.
    Made(Vec<Record>),
    /// These records were made; the read that is to show the rest of it failed.
    Unverified(Vec<Record>, Stop),
    /// As [`crate::ipam::Applied::Again`].
    Again(Option<Rejection>),
    /// It cannot be found out whether anything was made.
    Unknown(String),
}

/// What a keyed POST led to.
#[derive(Debug)]
pub(super) enum Posted {
    /// These records were made, in the order of the request; NetBox said so when it was first asked.
    Made(Vec<Record>),
    /// They are there, after a reply that was lost.
    Found(Vec<Record>),
    /// Another run has made records with these keys; nothing was made by us.
    Overtaken,
    /// NetBox refused, and nothing was made by us.
    Refused(Answer),
    /// The reply was lost, and what became of the request cannot be found out.
    Unknown(String),
}

impl Api {
    /// Creates addresses with keys, once, even if replies get lost: a request with
    /// the same keys cannot succeed twice, so it is sent again until it is answered.
    pub fn post(&self, path: &str, bodies: &[Value], keys: &[String]) -> Result<Posted, Stop> {
        let body = Value::Array(bodies.to_vec()).to_string();
        let mut lost: Option<String> = None;
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                thread::sleep(Duration::from_millis(250 << attempt));
            }
            let answer = match self.send("POST", path, &[], Some(&body)) {
                Ok(answer) => answer,
                Err(error) if error.unsent && lost.is_none() => {
                    let cause = anyhow::Error::new(error).context(self.client.base().to_owned());
                    return Err(Stop::outside(cause));
                }
                Err(error) => {
                    lost = Some(error.to_string());
                    continue;
                }
            };
            let value = answer.json();
            match (answer.status, value) {
                (200..=299, Some(Value::Array(list))) if list.len() == bodies.len() => {
                    let records: Result<Vec<_>, _> = list.iter().map(answer::record).collect();
                    match records {
                        Ok(records) if attempt == 0 && answer.status == 201 => {
                            return Ok(Posted::Made(records));
                        }
                        Ok(records) => return Ok(Posted::Found(records)),
                        Err(what) => lost = Some(what),
                    }
                }
                // Who redirects has carried nothing out.
                (400..=499, Some(_)) | (300..=399, _) => {
                    return Ok(match lost {
                        None => Posted::Refused(answer),
                        // The refusal may mean that the lost request was carried out.
                        Some(cause) => self.settled(bodies, keys, &cause, Some(answer)),
                    });
                }
                _ => lost = Some(self.complaint(&answer)),
            }
        }
        Ok(self.settled(bodies, keys, &lost.unwrap_or_default(), None))
    }

    /// What became of requests of which one or all replies were lost: the keys tell,
    /// if they can be read. `refusal` is the last reply, if there was one.
    fn settled(
        &self,
        bodies: &[Value],
        keys: &[String],
        cause: &str,
        refusal: Option<Answer>,
    ) -> Posted {
        match (self.all_made(keys), refusal) {
            (Ok(Some(records)), _) => self.attributed(bodies, keys, records),
            (Ok(None), Some(refusal)) => Posted::Refused(refusal),
            _ => Posted::Unknown(format!(
                "no usable reply to {ATTEMPTS} requests ({cause}); look in NetBox for {FIELD} {}, or run this again",
                keys.join(", ")
            )),
        }
    }

    /// After a lost reply the keys are there: did our request put them there, or another
    /// run that was faster? A request makes all of its records or none, so one tells.
    fn attributed(&self, bodies: &[Value], keys: &[String], records: Vec<Record>) -> Posted {
        let elsewhere = |(record, body): (&Record, &Value)| {
            let chosen = body["address"].as_str();
            chosen.is_some_and(|chosen| {
                chosen != format!("{}/{}", record.entry.address, record.entry.length)
            })
        };
        if records.iter().zip(bodies).any(elsewhere) {
            return Posted::Overtaken;
        }
        match records.first().and_then(|first| self.did(first, "create")) {
            Some(false) => return Posted::Overtaken,
            Some(true) => {}
            None => self.unattributed(&keys.join(", ")),
        }
        Posted::Found(records)
    }

    /// It was this run that did that to a record, as NetBox's change log has it; none if
    /// the log cannot be read, most likely for want of the permission, or does not tell.
    pub fn did(&self, record: &Record, action: &str) -> Option<bool> {
        let id = record.entry.id.0;
        let path = format!(
            "/api/core/object-changes/?limit=1000&changed_object_type=ipam.ipaddress&changed_object_id={id}&action={action}"
        );
        let (changes, _) = self.page(&path).ok()?;
        let about = |change: &Value| {
            change["changed_object_type"] == "ipam.ipaddress"
                && change["changed_object_id"] == id
                && change["action"]["value"] == action
        };
        if changes.is_empty() || !changes.iter().all(about) {
            return None;
        }
        let ours = |change: &Value| change["message"] == self.message.as_str();
        Some(changes.iter().any(ours))
    }

    /// Says that `"changed":true` may be said by another run as well.
    pub fn unattributed(&self, what: &str) {
        let note = format!(
            "note: a reply about {what} was lost, and NetBox's change log does not tell whether this run or another made the change (may the token view object changes?); it counts as this run's"
        );
        exit::say("ipalloc", &note);
    }

    /// The records of all these keys, in that order; none if one is missing.
    fn all_made(&self, keys: &[String]) -> Result<Option<Vec<Record>>, Stop> {
        let records = self.by_keys(keys)?;
        let of = |key: &String| {
            records
                .iter()
                .find(|record| record.entry.key.as_ref() == Some(key))
                .cloned()
        };
        Ok(keys.iter().map(of).collect())
    }

    /// Creates addresses without keys in the custom field: sent once, whatever
    /// happens; afterwards the marks in the descriptions say what became of it.
    pub fn post_once(
        &self,
        path: &str,
        bodies: &[Value],
        marks: &[String],
    ) -> Result<Posted, Stop> {
        let body = Value::Array(bodies.to_vec()).to_string();
        let cause = match self.send("POST", path, &[], Some(&body)) {
            Err(error) if error.unsent => {
                let cause = anyhow::Error::new(error).context(self.client.base().to_owned());
                return Err(Stop::outside(cause));
            }
            Err(error) => error.to_string(),
            Ok(answer) => match (answer.status, answer.json()) {
                (200..=299, Some(Value::Array(list))) if list.len() == bodies.len() => {
                    let records: Result<Vec<_>, _> = list.iter().map(answer::record).collect();
                    match records {
                        Ok(records) if answer.status == 201 => return Ok(Posted::Made(records)),
                        Ok(records) => return Ok(Posted::Found(records)),
                        Err(what) => what,
                    }
                }
                (400..=499, Some(_)) | (300..=399, _) => return Ok(Posted::Refused(answer)),
                _ => self.complaint(&answer),
            },
        };
        for _ in 0..ATTEMPTS {
            thread::sleep(Duration::from_secs(1));
            let ends = |record: &Record| {
                let description = record.description.to_lowercase();
                marks
                    .iter()
                    .any(|mark| description.ends_with(&mark.to_lowercase()))
            };
            let Ok(records) = self.filtered("description__iew", marks, ends) else {
                continue;
            };
            let of = |mark: &String| {
                records
                    .iter()
                    .find(|record| record.description.ends_with(mark))
                    .cloned()
            };
            if let Some(made) = marks.iter().map(of).collect() {
                return Ok(Posted::Found(made));
            }
        }
        Ok(Posted::Unknown(format!(
            "the reply was lost ({cause}); look in NetBox for addresses whose description ends in {}",
            marks.join(", ")
        )))
    }

    /// Creates the custom field.
    pub fn post_field(&self, body: &Value) -> Result<Answer, Stop> {
        let lost =
            |error| Stop::outside(anyhow::Error::new(error).context(self.client.base().to_owned()));
        let path = "/api/extras/custom-fields/";
        self.send("POST", path, &[], Some(&body.to_string()))
            .map_err(lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netbox::api::tests::{Reply, api};
    use serde_json::json;

    #[test]
    fn who_was_told_first() {
        const MADE: &str =
            r#"[{"id":7,"address":"192.0.2.7/24","custom_fields":{"ipalloc_key":"a"}}]"#;
        #[rustfmt::skip]
        let cases: &[(&str, fn(usize) -> Reply, bool)] = &[
            ("made, at first",     |_| (201, MADE.to_owned()), true),
            ("another status",     |_| (200, MADE.to_owned()), false),
            ("after a lost reply", |n| if n == 0 { (500, "{}".to_owned()) } else { (201, MADE.to_owned()) }, false),
        ];
        for (name, answer, want) in cases {
            let posted = api(*answer).post("/x/", &[json!({})], &["a".to_owned()]);
            match posted {
                Ok(Posted::Made(records)) if *want => assert_eq!(records.len(), 1, "{name}"),
                Ok(Posted::Found(records)) if !*want => assert_eq!(records.len(), 1, "{name}"),
                other => panic!("{name}: {other:?}"),
            }
        }
    }
}
