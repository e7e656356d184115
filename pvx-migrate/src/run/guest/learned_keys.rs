//! Where a guest's host keys are learned from once it is made: of a container the log of its creation.
//!
//! They are all that lets its first login be a safe one, and what the journal has of a guest is told by
//! every later run: so a read that fails is made again for a while, and by the next run.

use super::{
    doing::{Doing, Maker},
    follow::whole_log,
    host_keys,
    look::look,
};
use crate::{
    journal::guest_line::{Deed, GuestLine, Stage},
    pve::{Failure, Pve},
    run::clock::Pace,
    state::Kind,
};

/// For a log that can't be read, in seconds.
const UNREAD_S: f64 = 30.0;

impl Maker<'_> {
    /// The host keys of a container, and what its creation warned of, by the log of the task that made it.
    pub(super) fn learn_keys(&self, this: &mut Doing<'_>) {
        let log = self.creation_log(this);
        for warning in log.iter().flat_map(|log| host_keys::warnings(log)) {
            this.warnings.push(("creation", warning));
        }
        let keys = host_keys::of(log.as_deref().unwrap_or_default());
        if !keys.is_empty() {
            this.host_keys = keys;
        }
        if this.host_keys.is_empty() && this.order.kind == Kind::Lxc {
            let what = match log {
                Ok(_) => "the log of its creation shows no host keys: they are to be looked at by hand (ssh-keygen -lf in the container)".to_owned(),
                Err(failure) => format!("its host keys are not known, as the log of its creation could not be read: {failure}; the same command reads it again"),
            };
            this.warnings.push(("no-host-keys", what));
        }
    }

    /// The log of the creation; empty where none is to be found.
    fn creation_log(&self, this: &mut Doing<'_>) -> Result<Vec<String>, Failure> {
        let (mut waited, mut pace) = (0.0, Pace::default());
        loop {
            let failure = match self.creation(this) {
                Ok(log) => return Ok(log),
                Err(failure) => failure,
            };
            let refused = matches!(failure.status(), Some(400 | 403));
            let seconds = pace.step();
            waited += seconds;
            if refused || waited > UNREAD_S || self.clock.wait(seconds).is_err() {
                return Err(failure);
            }
        }
    }

    fn creation(&self, this: &mut Doing<'_>) -> Result<Vec<String>, Failure> {
        if this.created.is_none() {
            let look = look(self.pve, this.order)?;
            this.created = look.creation(self.pve.user()).map(str::to_owned);
        }
        let upid = this.created.as_deref();
        upid.map_or(Ok(Vec::new()), |upid| whole_log(self.pve, upid))
    }
}

/// What the journal has of a guest that was made; if it has no host keys, as their log could not be read
/// then, with those that it tells now.
#[must_use]
pub fn with_keys(pve: &Pve, line: &GuestLine) -> GuestLine {
    let mut line = line.clone();
    let made = line.action == Deed::Create && matches!(line.phase, Stage::Verified | Stage::Ready);
    if let Some(upid) = &line.created
        && made
        && line.kind == Kind::Lxc
        && line.host_keys.is_empty()
    {
        let log = whole_log(pve, upid).unwrap_or_default();
        line.host_keys = host_keys::of(&log);
    }
    line
}
