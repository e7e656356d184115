//! How long jobs ran, from the lists of tasks that the servers keep.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    job::{Job, Kind, Length},
    place::Place,
    source::Source,
    spelling::{number, text},
    upid::Upid,
};

/// So long after its time a backup job begins: the scheduler looks once a minute, and starts one
/// after the other.
const BEGINS_WITHIN_S: i64 = 150;

/// So far back backups are matched with their schedules, in seconds.
const BACK_S: i64 = 120 * 86_400;

/// So many runs of a schedule in that time are looked at.
const MOST: usize = 20_000;

/// A task that came to its end.
#[derive(Clone, Debug)]
struct Task {
    kind: String,
    id: String,
    start: i64,
    length: i64,
}

/// All tasks.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    of_store: Vec<Task>,
    /// Backups, with their nodes.
    backups: Vec<(String, Task)>,
}

impl Tasks {
    /// Adds one, if it came to its end and did what it was for.
    pub fn add(&mut self, source: Source, row: &Value) {
        let (Some(start), Some(end)) = (number(row, "starttime"), number(row, "endtime")) else {
            return;
        };
        // A run in which a guest failed was as long as another.
        let status = text(row, "status").unwrap_or_default();
        let done = status == "OK" || status.starts_with("WARNINGS") || status == "job errors";
        if !done || end < start {
            return;
        }
        let mut task = Task {
            kind: String::new(),
            id: String::new(),
            start,
            length: end - start,
        };
        let word = |names: [&str; 2]| names.iter().find_map(|name| text(row, name));
        task.kind = word(["worker_type", "type"]).unwrap_or_default().to_owned();
        task.id = word(["worker_id", "id"]).unwrap_or_default().to_owned();
        match (source, text(row, "node")) {
            (Source::PbsTask, _) => self.of_store.push(task),
            // With an ID it is of one guest, as somebody asked for it by hand; or of a job of one guest.
            (_, Some(node)) if task.kind == "vzdump" => self.backups.push((node.to_owned(), task)),
            _ => {}
        }
    }

    /// How long a job of the backup server ran.
    #[must_use]
    pub fn of_store(&self, kind: Kind, row: &Value) -> Option<Length> {
        let worker = match kind {
            Kind::Gc => "garbage_collection",
            Kind::Prune => "prunejob",
            Kind::Verify => "verificationjob",
            Kind::Sync => "syncjob",
            _ => return None,
        };
        let last = text(row, "last-run-upid").or_else(|| text(row, "upid"));
        let last = last
            .and_then(Upid::parse)
            .filter(|upid| upid.kind == worker);
        let (store, id) = (text(row, "store").unwrap_or_default(), text(row, "id"));
        let named = |task: &&Task| match (&last, id) {
            (Some(last), _) => task.id == last.id,
            (None, None) => task.id == store,
            (None, Some(id)) => {
                task.id == format!("{store}:{id}") || task.id.ends_with(&format!(":{id}"))
            }
        };
        let own = self
            .of_store
            .iter()
            .filter(|task| task.kind == worker)
            .filter(named);
        let own = Length::of(own.map(|task| task.length).collect());
        own.or_else(|| {
            let end = number(row, "last-run-endtime");
            let length = last.zip(end).map(|(last, end)| end - last.start);
            let length = number(row, "duration").or(length);
            length.and_then(|length| Length::of(vec![length]))
        })
    }

    /// Gives backup jobs the lengths of the tasks that began when they should have: the list names no job.
    /// Where two jobs could have begun a task, nobody's length is known by it.
    pub fn backups(&self, jobs: &mut [&mut Job], now: i64) {
        let runs: Vec<Option<Vec<i64>>> = jobs.iter().map(|job| past(job, now)).collect();
        let mut lengths: Vec<BTreeMap<i64, i64>> = vec![BTreeMap::new(); jobs.len()];
        for (node, task) in &self.backups {
            let begun = |place: usize| {
                let here = jobs[place].places.iter().any(|place| match place {
                    Place::Node(name) => name == node,
                    place => *place == Place::EveryNode,
                });
                let times = runs[place].as_ref().filter(|_| here)?;
                let before = times.partition_point(|time| *time <= task.start);
                let time = *times.get(before.checked_sub(1)?)?;
                (task.start - time < BEGINS_WITHIN_S).then_some((place, time))
            };
            let mut begun = (0..jobs.len()).filter_map(begun);
            if let (Some((place, time)), None) = (begun.next(), begun.next()) {
                // It is over when the last node is done.
                let length = lengths[place].entry(time).or_default();
                *length = task.length.max(*length);
            }
        }
        for (job, lengths) in jobs.iter_mut().zip(lengths) {
            if let Some(length) = Length::of(lengths.into_values().collect()) {
                job.length = Some(length);
            }
        }
    }
}

/// When a backup job should have run, oldest first.
fn past(job: &Job, now: i64) -> Option<Vec<i64>> {
    if job.kind != Kind::Backup || !job.enabled {
        return None;
    }
    let event = job.event.as_ref()?;
    event.times(job.zone.time_zone(), now - BACK_S, now, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn whose_length_a_task_of_the_backup_server_is() {
        let mut tasks = Tasks::default();
        let mut add = |kind: &str, id: &str, length: i64, status: &str| {
            let row = json!({"worker_type": kind, "worker_id": id, "starttime": 1000, "endtime": 1000 + length, "status": status});
            tasks.add(Source::PbsTask, &row);
        };
        add("garbage_collection", "s", 60, "OK");
        add("garbage_collection", "s", 90, "WARNINGS: 1");
        add("garbage_collection", "s", 5, "connection error");
        add("garbage_collection", "other", 900, "OK");
        add("verificationjob", "s:v-1", 300, "OK");
        add("syncjob", "remote:r:s::y-1", 400, "OK");
        add("prunejob", "s:prod", 7, "OK");
        #[rustfmt::skip]
        let cases: &[(&str, Kind, Value, Option<(i64, i64, usize)>)] = &[
            ("gc", Kind::Gc, json!({"store": "s"}), Some((60, 90, 2))),
            ("verify", Kind::Verify, json!({"store": "s", "id": "v-1"}), Some((300, 300, 1))),
            ("another verify", Kind::Verify, json!({"store": "s", "id": "v-2"}), None),
            ("sync", Kind::Sync, json!({"store": "s", "id": "y-1"}), Some((400, 400, 1))),
            ("prune, by what its last run was called", Kind::Prune,
                json!({"store": "s", "id": "p", "last-run-upid": "UPID:h:0:0:0:3E8:prunejob:s\\x3aprod:root@pam:"}), Some((7, 7, 1))),
            ("by its last run alone", Kind::Prune,
                json!({"store": "s", "id": "p", "last-run-upid": "UPID:h:0:0:0:3E8:prunejob:s:root@pam:", "last-run-endtime": 1011}), Some((11, 11, 1))),
            ("gc says it", Kind::Gc, json!({"store": "t", "duration": 33}), Some((33, 33, 1))),
            ("a clock that went back", Kind::Verify,
                json!({"store": "t", "id": "v", "last-run-upid": "UPID:h:0:0:0:3E8:verificationjob:t:root@pam:", "last-run-endtime": 999}), None),
        ];
        for (name, kind, row, want) in cases {
            let got = tasks.of_store(*kind, row);
            let got = got.map(|length| (length.median_s, length.most_s, length.runs));
            assert_eq!(got, *want, "{name}");
        }
    }
}
