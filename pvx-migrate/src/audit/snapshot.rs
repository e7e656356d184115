//! Snapshots that somebody forgot: they grow, and keep a guest from moving.

use std::time::Duration;

use serde_json::{Value, json};
use vmid::span;

use super::{
    context::Context,
    found::{Found, unseen, warning},
    guest::Audited,
};

/// Clocks differ by so many seconds at most.
const SKEW_S: i64 = 60;

/// Snapshots of a guest that are too old, or of which nobody knows.
#[must_use]
pub fn findings(context: &Context<'_>, guest: &Audited<'_>) -> Vec<Found> {
    let Some(snapshots) = &guest.guest.snapshots else {
        return Vec::new(); // with its configuration, which is told
    };
    let most = context.ages.snapshot;
    let mut found = Vec::new();
    let mut untold = Vec::new();
    for name in snapshots.names() {
        let listed = guest.guest.snapshot_times.get(name).copied();
        let time = listed.or_else(|| time_of(snapshots.config(name).ok()?));
        let Some(time) = time else {
            untold.push(name);
            continue;
        };
        let age = context.now().saturating_sub(time);
        if age < -SKEW_S {
            let what = format!(
                "the snapshot {name} was made after the state was read: a clock is wrong, so its age is not known"
            );
            found.push(unseen(what, "the age of a snapshot", "clocks that agree"));
            continue;
        }
        let age = u64::try_from(age).unwrap_or_default();
        if Duration::from_secs(age) > most {
            let message = format!(
                "the snapshot {name} is {} old; --snapshot-age is {}",
                span::shown(Duration::from_secs(age)),
                span::written(most)
            );
            let evidence = json!({"snapshot": name, "made": time, "age_s": age});
            found.push(warning("snapshot-old", message, evidence, &["state"]));
        }
    }
    if !untold.is_empty() {
        let what = format!(
            "when its snapshots {} were made is not in the state",
            untold.join(", ")
        );
        found.push(unseen(what, "snapshots", "a state document of version 3"));
    }
    found
}

/// `snaptime` of a snapshot's configuration.
fn time_of(config: &str) -> Option<i64> {
    let config: Value = serde_json::from_str(config).ok()?;
    let time = &config["snaptime"];
    time.as_i64().or_else(|| time.as_str()?.parse().ok())
}
