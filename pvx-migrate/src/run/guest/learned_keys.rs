//! Where a guest's host keys are learned from once it is made: of a container the log of its creation, of
//! a VM its guest agent.
//!
//! They are all that lets its first login be a safe one, and what the journal has of a guest is told by
//! every later run: so a read that fails is made again for a while, and by the next run.

use super::{
    agent_keys::{self, Told},
    doing::{Doing, Maker},
    follow::whole_log,
    host_keys,
    look::{id, look},
    mark,
    order::Order,
    seen::Id,
};
use crate::{
    journal::guest_line::{Deed, GuestLine, HostKey, Stage},
    pve::{Failure, Pve},
    run::clock::Pace,
    state::Kind,
};

/// For a log that can't be read, in seconds.
const UNREAD_S: f64 = 30.0;
/// For an Ed25519 key beside others: they are made one after the other, and sshd offers all.
const ALL_S: f64 = 10.0;

impl Maker<'_> {
    /// The host keys of a guest that is made, and what its creation warned of.
    pub(super) fn learn_keys(&self, this: &mut Doing<'_>) {
        let log = self.creation_log(this);
        for warning in log.iter().flat_map(|log| host_keys::warnings(log)) {
            this.warnings.push(("creation", warning));
        }
        let unknown = match this.order.kind {
            Kind::Lxc => learn_from_log(this, log),
            Kind::Qemu => self.learn_from_agent(this),
        };
        if let Err(why) = unknown
            && this.host_keys.is_empty()
        {
            let what = format!("its host keys are not known: {why}");
            this.warnings.push(("no-host-keys", what));
        }
    }

    /// Of a VM, by its agent, which is waited for if this run has started it; else why they are not known.
    fn learn_from_agent(&self, this: &mut Doing<'_>) -> Result<(), String> {
        if !this.host_keys.is_empty() {
            return Ok(());
        }
        let patience = if this.order.start && this.past.asked() {
            self.agent_wait_s
        } else {
            0.0
        };
        let before = self.clock.now();
        this.host_keys = self.keys_by_agent(this.order, patience)?;
        let took = self.clock.now().duration_since(before).as_millis();
        let took = u64::try_from(took).unwrap_or_default();
        this.took_ms.insert("agent".to_owned(), took);
        Ok(())
    }

    fn keys_by_agent(&self, order: &Order, patience: f64) -> Result<Vec<HostKey>, String> {
        let (mut waited, mut pace) = (0.0, Pace::default());
        let mut since = None;
        loop {
            let told = agent_keys::look(self.pve, &order.node, order.vmid);
            let over = waited >= patience || self.clock.interrupts.count() > 0;
            let why = match told {
                Told::Keys(keys) => {
                    let begun: f64 = *since.get_or_insert(waited);
                    if over || is_best(&keys) || waited - begun >= ALL_S {
                        return Ok(keys);
                    }
                    "its host keys are being made".to_owned()
                }
                Told::Never(why) => return Err(why),
                Told::NotYet(why) => why,
            };
            if over {
                return Err(format!("{why} ({waited:.0} s after its start)"));
            }
            self.board.tell(order.vmid, &why, None);
            let seconds = pace.step();
            waited += seconds;
            if self.clock.wait(seconds).is_err() {
                return Err(why);
            }
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
            if refused || this.order.kind == Kind::Qemu {
                return Err(failure); // of a VM it has warnings alone
            }
            let seconds = pace.step();
            waited += seconds;
            if waited > UNREAD_S || self.clock.wait(seconds).is_err() {
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

/// Of a container, by the log of the task that made it; else why they are not known.
fn learn_from_log(this: &mut Doing<'_>, log: Result<Vec<String>, Failure>) -> Result<(), String> {
    let log = log.map_err(|failure| {
        format!(
            "the log of its creation could not be read: {failure}; the same command reads it again"
        )
    })?;
    let keys = host_keys::of(&log);
    if keys.is_empty() {
        return Err("the log of its creation shows none; they are to be looked at by hand (ssh-keygen -lf in the container)".to_owned());
    }
    this.host_keys = keys;
    Ok(())
}

/// The type that ssh asks for first is among them: nothing has to be waited for.
fn is_best(keys: &[HostKey]) -> bool {
    keys.iter().any(|key| key.kind == "ed25519")
}

/// What the journal has of a guest that was made; if it has no host keys, as they could not be read then,
/// with those that are told now.
#[must_use]
pub fn with_keys(pve: &Pve, line: &GuestLine) -> GuestLine {
    let mut line = line.clone();
    let made = line.action == Deed::Create && matches!(line.phase, Stage::Verified | Stage::Ready);
    if made && line.host_keys.is_empty() {
        line.host_keys = match line.kind {
            Kind::Lxc => told_by_log(pve, &line),
            Kind::Qemu => told_by_agent(pve, &line),
        };
    }
    line
}

fn told_by_log(pve: &Pve, line: &GuestLine) -> Vec<HostKey> {
    let log = line.created.as_deref().map(|upid| whole_log(pve, upid));
    let log = log.and_then(Result::ok).unwrap_or_default();
    host_keys::of(&log)
}

/// By the agent of the very guest: a log is of one guest for good, and an ID may be another's by now.
fn told_by_agent(pve: &Pve, line: &GuestLine) -> Vec<HostKey> {
    let order = Order::of(line);
    let mark = mark::makes(&line.run);
    match id(pve, &order) {
        Ok(Id::Taken(guest)) if guest.running && guest.mark.as_ref() == Some(&mark) => {
            match agent_keys::look(pve, &guest.node, line.vmid) {
                Told::Keys(keys) => keys,
                Told::NotYet(_) | Told::Never(_) => Vec::new(),
            }
        }
        _ => Vec::new(),
    }
}
