//! The requests to NetBox: reads that are believed only when they answer the
//! question, and writes whose reply may get lost.

use std::{collections::HashSet, thread, time::Duration};

use anyhow::anyhow;
use serde_json::{Value, json};
use vmid::{
    exit::Stop,
    http::{Answer, Client, percent},
};

use super::answer::{self, FIELD, Record};

/// The longest list of values in a query: gunicorn takes request lines of 4094 bytes.
const QUERY_LIMIT: usize = 3000;

/// How often a request whose reply was lost is sent, in all.
const ATTEMPTS: u32 = 5;

/// NetBox, spoken to.
#[derive(Clone, Debug)]
pub(super) struct Api {
    client: Client,
    token: String,
    message: String,
}

/// What a keyed POST led to.
#[derive(Debug)]
pub(super) enum Posted {
    /// These records were made, in the order of the request.
    Made(Vec<Record>),
    /// NetBox refused, and nothing was made by us.
    Refused(Answer),
    /// The reply was lost, and what became of the request cannot be found out.
    Unknown(String),
}

impl Api {
    pub fn new(client: Client, token: String, message: String) -> Self {
        Self {
            client,
            token,
            message,
        }
    }

    /// What is stored in NetBox's change log.
    pub fn message(&self) -> &str {
        &self.message
    }

    fn failed(&self, what: &str, path: &str) -> Stop {
        let path = path.split('?').next().unwrap_or_default();
        Stop::outside(anyhow!("{}{path}: {what}", self.client.base()))
    }

    /// One JSON document.
    pub fn get(&self, path: &str) -> Result<Value, Stop> {
        let mut attempt = 0;
        let answer = loop {
            match self.client.send("GET", path, &[], None) {
                Ok(answer) => break answer,
                // A busy server drops connections; to read again harms nobody.
                Err(error) if attempt < 3 && !error.unsent => {
                    attempt += 1;
                    thread::sleep(Duration::from_millis(100 << attempt));
                }
                Err(error) => {
                    let cause = anyhow::Error::new(error).context(self.client.base().to_owned());
                    return Err(Stop::outside(cause));
                }
            }
        };
        match answer::json(&answer) {
            Some(value) if answer.status == 200 => Ok(value),
            _ => Err(self.failed(&answer::complaint(&answer), path)),
        }
    }

    /// All results of a list; `path` has a query. Of `next` only the query is
    /// used: its host is whatever a proxy made of it.
    pub fn list(&self, path: &str) -> Result<Vec<Value>, Stop> {
        let (mut results, mut query) = self.page(path)?;
        let endpoint = path.split('?').next().unwrap_or_default();
        while let Some(next) = query {
            let before = results.len();
            let (more, after) = self.page(&format!("{endpoint}?{next}"))?;
            results.extend(more);
            if results.len() == before {
                return Err(self.failed("a page of a list is empty", path));
            }
            query = after;
        }
        Ok(results)
    }

    /// One page of a list, and the query of the next.
    pub fn page(&self, path: &str) -> Result<(Vec<Value>, Option<String>), Stop> {
        let mut value = self.get(path)?;
        let next = value.get("next").and_then(Value::as_str);
        let next = next
            .and_then(|next| next.split_once('?'))
            .map(|(_, query)| query.to_owned());
        match value.get_mut("results").map(Value::take) {
            Some(Value::Array(results)) => Ok((results, next)),
            _ => Err(self.failed("the answer is no list of results; is this NetBox?", path)),
        }
    }

    /// The addresses that one of `values` selects by the filter `name`, and for which
    /// `fits` agrees. NetBox ignores a filter that it does not know and answers with everything.
    pub fn filtered(
        &self,
        name: &str,
        values: &[String],
        fits: impl Fn(&Record) -> bool,
    ) -> Result<Vec<Record>, Stop> {
        let mut records: Vec<Record> = Vec::new();
        let mut seen = HashSet::new();
        for query in queries(name, values) {
            let path = format!(
                "/api/ipam/ip-addresses/?limit=1000&fields={}{query}",
                answer::ADDRESS_FIELDS
            );
            for record in self.records(&path)? {
                if !fits(&record) {
                    let what = format!(
                        "the filter {name} was not honoured: {} came, too",
                        record.entry
                    );
                    return Err(self.failed(&what, &path));
                }
                if seen.insert(record.entry.id) {
                    records.push(record);
                }
            }
        }
        Ok(records)
    }

    fn records(&self, path: &str) -> Result<Vec<Record>, Stop> {
        let results = self.list(path)?;
        let records: Result<Vec<_>, _> = results.iter().map(answer::record).collect();
        records.map_err(|what| self.failed(&what, path))
    }

    /// The records that have one of `keys` in the custom field.
    pub fn by_keys(&self, keys: &[String]) -> Result<Vec<Record>, Stop> {
        let asked: HashSet<&str> = keys.iter().map(String::as_str).collect();
        // A field whose filter is loose finds parts of keys, too; those are no wrong answers.
        let near = |record: &Record| {
            let key = record.entry.key.as_deref().unwrap_or_default();
            keys.iter()
                .any(|asked| key.to_lowercase().contains(&asked.to_lowercase()))
        };
        let mut records = self.filtered(&format!("cf_{FIELD}"), keys, near)?;
        records.retain(|record| {
            record
                .entry
                .key
                .as_deref()
                .is_some_and(|key| asked.contains(key))
        });
        Ok(records)
    }

    /// Creates addresses with keys, once, even if replies get lost: a request with
    /// the same keys cannot succeed twice, so it is sent again until it is answered.
    pub fn post(&self, path: &str, bodies: &[Value], keys: &[String]) -> Result<Posted, Stop> {
        let body = Value::Array(bodies.to_vec()).to_string();
        let mut lost: Option<String> = None;
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                thread::sleep(Duration::from_millis(250 << attempt));
            }
            let answer = match self.client.send("POST", path, &[], Some(&body)) {
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
            let value = answer::json(&answer);
            match (answer.status, value) {
                (200..=299, Some(Value::Array(list))) if list.len() == bodies.len() => {
                    let records: Result<Vec<_>, _> = list.iter().map(answer::record).collect();
                    match records {
                        Ok(records) => return Ok(Posted::Made(records)),
                        Err(what) => lost = Some(what),
                    }
                }
                (400..=499, Some(_)) => return self.refused(answer, keys, lost.is_some()),
                _ => lost = Some(answer::complaint(&answer)),
            }
        }
        let cause = lost.unwrap_or_default();
        self.settle(keys, &cause)
    }

    /// A refusal after a lost reply may mean that the lost request was carried out.
    fn refused(&self, answer: Answer, keys: &[String], lost: bool) -> Result<Posted, Stop> {
        if lost && let Some(records) = self.all_made(keys)? {
            return Ok(Posted::Made(records));
        }
        Ok(Posted::Refused(answer))
    }

    /// No reply at all: what the keys say counts, if they can be read.
    fn settle(&self, keys: &[String], cause: &str) -> Result<Posted, Stop> {
        match self.all_made(keys) {
            Ok(Some(records)) => Ok(Posted::Made(records)),
            _ => Ok(Posted::Unknown(format!(
                "no usable reply to {ATTEMPTS} requests ({cause}); look in NetBox for {FIELD} {}, or run this again",
                keys.join(", ")
            ))),
        }
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
        let cause = match self.client.send("POST", path, &[], Some(&body)) {
            Err(error) if error.unsent => {
                let cause = anyhow::Error::new(error).context(self.client.base().to_owned());
                return Err(Stop::outside(cause));
            }
            Err(error) => error.to_string(),
            Ok(answer) => match (answer.status, answer::json(&answer)) {
                (200..=299, Some(Value::Array(list))) if list.len() == bodies.len() => {
                    let records: Result<Vec<_>, _> = list.iter().map(answer::record).collect();
                    match records {
                        Ok(records) => return Ok(Posted::Made(records)),
                        Err(what) => what,
                    }
                }
                (400..=499, Some(_)) => return Ok(Posted::Refused(answer)),
                _ => answer::complaint(&answer),
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
                return Ok(Posted::Made(made));
            }
        }
        Ok(Posted::Unknown(format!(
            "the reply was lost ({cause}); look in NetBox for addresses whose description ends in {}",
            marks.join(", ")
        )))
    }

    /// Changes a record, unless somebody else has since it was read.
    pub fn patch(&self, record: &Record, mut body: Value) -> Result<(), Stop> {
        body["changelog_message"] = json!(self.message);
        self.change("PATCH", record, &body, |value| {
            let same = |(name, want): (&String, &Value)| match name.as_str() {
                "changelog_message" => true,
                "status" => value["status"]["value"] == *want,
                "custom_fields" => value["custom_fields"][FIELD] == want[FIELD],
                _ => value[name] == *want,
            };
            body.as_object()
                .is_some_and(|fields| fields.iter().all(same))
        })
    }

    /// Removes a record, unless somebody else has changed it since it was read.
    pub fn delete(&self, record: &Record) -> Result<(), Stop> {
        let body = json!({ "changelog_message": self.message });
        self.change("DELETE", record, &body, |_| false)
    }

    /// A change with `If-Match` may be repeated: the second of two finds another version.
    fn change(
        &self,
        method: &str,
        record: &Record,
        body: &Value,
        done: impl Fn(&Value) -> bool,
    ) -> Result<(), Stop> {
        let path = format!("/api/ipam/ip-addresses/{}/", record.entry.id.0);
        let mut lost = false;
        let mut cause = String::new();
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                thread::sleep(Duration::from_millis(250 << attempt));
            }
            let headers = [("If-Match", record.etag.as_str())];
            match self
                .client
                .send(method, &path, &headers, Some(&body.to_string()))
            {
                Ok(answer) if matches!(answer.status, 200 | 204) => return Ok(()),
                Ok(answer) if answer.status == 404 && answer::json(&answer).is_some() => {
                    if lost && method == "DELETE" {
                        return Ok(());
                    }
                    return Err(
                        self.failed(&format!("{} is not there any more", record.entry), &path)
                    );
                }
                Ok(answer) if answer.status == 412 => {
                    if lost && self.get(&path).is_ok_and(|value| done(&value)) {
                        return Ok(());
                    }
                    let what = format!(
                        "{} was changed by somebody else since it was read; it is left alone",
                        record.entry
                    );
                    return Err(self.failed(&what, &path));
                }
                Ok(answer) if answer.status < 500 && answer::json(&answer).is_some() => {
                    return Err(self.denied(&answer, method, &path));
                }
                Ok(answer) => {
                    lost = true;
                    cause = answer::complaint(&answer);
                }
                Err(error) => {
                    lost |= !error.unsent;
                    cause = error.to_string();
                }
            }
        }
        Err(self.failed(
            &format!("no usable reply to {ATTEMPTS} requests ({cause})"),
            &path,
        ))
    }

    /// A refused write as an error; of a plain "no permission" the reason is asked for.
    pub fn denied(&self, answer: &Answer, method: &str, path: &str) -> Stop {
        let mut what = answer::complaint(answer);
        if answer.status == 403 && what.contains("may not do this") {
            what = format!("{what} ({})", self.why_denied(method));
        }
        self.failed(&what, path)
    }

    /// NetBox says the same of a read-only token, a missing permission and one
    /// that does not cover the object; its other answers tell them apart.
    fn why_denied(&self, method: &str) -> &'static str {
        let key = self
            .token
            .strip_prefix("nbt_")
            .and_then(|rest| rest.split('.').next());
        let query = key.map(|key| format!("/api/users/tokens/?key={}", percent(key)));
        let own = query
            .and_then(|query| self.page(&query).ok())
            .map(|(tokens, _)| tokens);
        let read_only = |token: &Value| {
            token["key"].as_str() == key && token["write_enabled"].as_bool() == Some(false)
        };
        if own.is_some_and(|tokens| tokens.iter().any(read_only)) {
            return "the token is read-only";
        }
        let options = self
            .client
            .send("OPTIONS", "/api/ipam/ip-addresses/", &[], None);
        let actions = options.ok().and_then(|answer| answer::json(&answer));
        let may = actions.is_some_and(|value| value["actions"].get("POST").is_some());
        match (may, method) {
            (true, "POST") => "its permission does not cover this address: a constraint",
            (true, _) => "a constraint, or it may add but not change or delete",
            (false, _) => "it has no permission for it, or the token is read-only",
        }
    }

    /// Creates the custom field.
    pub fn post_field(&self, body: &Value) -> Result<Answer, Stop> {
        let lost =
            |error| Stop::outside(anyhow::Error::new(error).context(self.client.base().to_owned()));
        let path = "/api/extras/custom-fields/";
        self.client
            .send("POST", path, &[], Some(&body.to_string()))
            .map_err(lost)
    }
}

/// The queries that ask for all `values`, each short enough.
fn queries(name: &str, values: &[String]) -> Vec<String> {
    let mut queries: Vec<String> = Vec::new();
    for value in values {
        let part = format!("&{name}={}", percent(value));
        match queries.last_mut() {
            Some(query) if query.len() + part.len() <= QUERY_LIMIT => query.push_str(&part),
            _ => queries.push(part),
        }
    }
    queries
}
