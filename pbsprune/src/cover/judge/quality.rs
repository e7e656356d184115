//! Whether the backups are what they should be: verified, complete, the guest's own, and of all its volumes.

use serde_json::json;
use vmid::{severity::Severity, span};

use super::{Looked, Rules, is_good, is_verified, newest_finished, since};
use crate::{
    calendar::utc,
    cover::{
        backups::Place,
        config::{Kind, LeftOut},
        unseen::Unseen,
    },
};

/// So long a backup may wait for its verification where the one before it is verified: a job verifies each day.
const WAIT_S: i64 = 36 * 3_600;

impl<'a> Looked<'_, 'a> {
    pub(super) fn verification(&mut self) {
        let Rules {
            now, verify_age, ..
        } = self.known.rules;
        let good = || {
            self.all
                .iter()
                .filter(|(seen, place)| is_good(seen) && place.verifiable)
        };
        let (Some((newest, place)), Some((oldest, _))) = (good().next(), good().next_back()) else {
            return;
        };
        if self.guest.template {
            return;
        }
        let most = verify_age.as_secs().cast_signed();
        let verified = self.all.iter().find(|(seen, _)| is_verified(seen));
        let stores = &self.known.backups.verified;
        let ever = self
            .places
            .iter()
            .any(|place| stores.get(&place.store) == Some(&true));
        let told = match verified {
            Some((seen, _)) if self.is_soon_verified(seen.time, now) => return,
            Some((seen, _)) if now - seen.time > most => {
                format!(
                    "its newest verified backup is of {}, {} old",
                    utc(seen.time),
                    span::shown(since(seen.time, now))
                )
            }
            Some(_) => return,
            None if now - oldest.time > most => format!(
                "none of its backups is verified, and the oldest is of {}",
                utc(oldest.time)
            ),
            None if !ever && oldest.time < newest.time => format!(
                "none of its backups is verified, nor any other in {}",
                called(&place.store)
            ),
            None => return,
        };
        let written = span::written(verify_age);
        let evidence = json!({"verified": verified.map(|(seen, _)| utc(seen.time)), "verify_age": written, "where": place.called()});
        let by = place.seen_by();
        self.say(
            "unverified",
            Severity::Warning,
            format!("{told}; --verify-age is {written}"),
            evidence,
            &[by],
        );
    }

    /// Of what is good and younger than `verified`, if anything is, all is so young that its verification is
    /// to come: of rare backups the newest that is verified is old, and nothing is wrong.
    fn is_soon_verified(&self, verified: i64, now: i64) -> bool {
        let mut younger = self
            .all
            .iter()
            .filter(|(seen, place)| is_good(seen) && place.verifiable && seen.time > verified);
        younger
            .next_back()
            .is_none_or(|(seen, _)| now - seen.time <= WAIT_S)
    }

    pub(super) fn incomplete(&mut self) {
        let Some((newest, place)) = self.all.first().copied() else {
            return;
        };
        if newest_finished(&self.all) {
            return;
        }
        let Rules { now, grace, .. } = self.known.rules;
        let running = now - newest.time <= grace.as_secs().cast_signed();
        let (severity, what) = match running {
            true => (Severity::Info, "is being written, or was broken off"),
            false => (Severity::Warning, "was broken off"),
        };
        let message = format!(
            "its newest backup, of {}, is not complete: it {what}",
            utc(newest.time)
        );
        let evidence = json!({"begun": utc(newest.time), "where": place.called()});
        self.say(
            "incomplete-newest",
            severity,
            message,
            evidence,
            &[place.seen_by()],
        );
    }

    /// The notes of the newest, and the name in them.
    pub(super) fn other(&self) -> Option<(String, &'a Place)> {
        let place = self.places.iter().filter(|place| !place.seen.is_empty());
        let place = place.max_by_key(|place| place.seen.first().map(|seen| seen.time))?;
        let other = self.names.other(place.notes.as_deref()?)?;
        Some((other, place))
    }

    pub(super) fn name(&mut self) {
        let Some((other, place)) = self.other() else {
            return;
        };
        let own = self.guest.name.as_deref().unwrap_or_default();
        let message = format!(
            "by its notes its newest backup is of {other:?}, and it is {own:?}: it was renamed since, or these are the backups of the guest that had this ID before"
        );
        let evidence = json!({"name": own, "notes": place.notes, "where": place.called()});
        let by = place.seen_by();
        self.say(
            "other-name",
            Severity::Warning,
            message,
            evidence,
            &[by, "state"],
        );
    }

    pub(super) fn config(&mut self) {
        let Some(config) = &self.guest.config else {
            if !self.known.no_configs {
                let list = format!("the configuration of the guest {}", self.guest.vmid);
                let right = format!("VM.Audit on /vms/{}", self.guest.vmid);
                self.found.push(Unseen::new(list, &right).finding());
            }
            return;
        };
        if !config.left_out.is_empty() {
            let told: Vec<String> = config
                .left_out
                .iter()
                .map(|out| format!("{} {}: {}", out.key, out.volume, out.why))
                .collect();
            let message = format!("no backup of it has {}", told.join("; "));
            let evidence =
                json!({"volumes": config.left_out.iter().map(LeftOut::json).collect::<Vec<_>>()});
            let severity = self.severity(Severity::Warning);
            self.say("volume-left-out", severity, message, evidence, &["state"]);
        }
        if self.guest.kind == Kind::Vm
            && !config.agent
            && !self.guest.stopped
            && !self.guest.template
        {
            let message = "it has no guest agent: nothing tells its file systems and databases to hold still, so a backup is as after a power failure";
            self.say(
                "no-agent",
                Severity::Info,
                message.to_owned(),
                json!({"agent": false}),
                &["state"],
            );
        }
    }
}

fn called(store: &str) -> &str {
    if store.is_empty() { "the list" } else { store }
}
