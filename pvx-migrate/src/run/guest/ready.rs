//! `run --ready`: a guest that was made is in use, so this run's mark goes from its description.
//!
//! Asked twice it does nothing the second time. The mark's absence shows what a lost answer did, and the
//! digest keeps a change that somebody else makes meanwhile.

use std::{io::Write, path::Path};

use anyhow::anyhow;
use jiff::Timestamp;
use vmid::exit::{Answer, Stop};

use super::{
    doing::describe,
    learned_keys::with_keys,
    look::id,
    mark,
    order::Order,
    record::{not_begun, ready_record},
    seen::{Guest, Id},
};
use crate::{
    journal::{
        file::Found,
        guest_line::{Deed, GuestLine, Stage},
    },
    pve::{Failure, Pve},
    run::{record::Out, same_cluster},
};

/// How often the change is tried, should somebody else change the guest meanwhile.
const TRIES: usize = 5;

/// Takes the mark off the guest `vmid` of this journal; its record goes to `output`.
///
/// # Errors
///
/// The journal can't be read or has made no such guest, or the cluster does not answer.
pub fn ready(
    pve: &Pve,
    journal: &Path,
    vmid: u32,
    now: Timestamp,
    output: impl Write,
) -> Result<Answer, Stop> {
    let found = Found::read(journal)?;
    let line = found
        .last_guests()
        .remove(&vmid)
        .filter(|line| line.action == Deed::Create);
    let line = line.ok_or_else(|| {
        Stop::input(anyhow!(
            "{}: it has made no guest {vmid}",
            journal.display()
        ))
    })?;
    same_cluster(pve, [(&line.cluster, "the journal")])?;
    let mut out = Out::new(output);
    let order = Order::of(&line);
    if !matches!(line.phase, Stage::Verified | Stage::Ready) {
        let what = "its making is not at its end: run again with the plan and this journal first";
        out.line(&not_begun(&order, "not-made", what));
        return out.end(Answer::No);
    }
    match take_off(pve, &order, &mark::makes(&line.run)) {
        Ok(changed) => {
            let ready = GuestLine {
                at: now,
                phase: Stage::Ready,
                ..with_keys(pve, &line)
            };
            if line.phase != Stage::Ready {
                let written = found.begin()?.append(&ready);
                written.map_err(Stop::outside)?;
            }
            out.line(&ready_record(&ready, changed));
            out.end(Answer::Yes)
        }
        Err(No::Changed(why)) => {
            out.line(&not_begun(&order, "changed", &why));
            out.end(Answer::No)
        }
        Err(No::Failed(failure)) => {
            Err(Stop::outside(anyhow!("{}: {vmid}: {failure}", pve.base())))
        }
    }
}

/// Why the mark is not off.
enum No {
    Changed(String),
    Failed(Failure),
}

/// Whether it was there.
fn take_off(pve: &Pve, order: &Order, mark: &str) -> Result<bool, No> {
    let mut changed = false;
    let mut last = None;
    for _ in 0..TRIES {
        let guest = made(pve, order)?;
        if guest.mark.as_deref() != Some(mark) {
            return Ok(changed);
        }
        let rest = mark::without(&guest.description, mark);
        match describe(pve, order.vmid, &guest, &rest) {
            Ok(()) => changed = true,
            // By then the next look shows whether it was heard.
            Err(failure) => {
                changed |= !failure.had_no_effect();
                last = Some(failure);
            }
        }
    }
    Err(No::Failed(last.unwrap_or_else(|| {
        Failure::Strange("the description is as it was".to_owned())
    })))
}

/// The guest, wherever it is by now.
fn made(pve: &Pve, order: &Order) -> Result<Guest, No> {
    let vmid = order.vmid;
    match id(pve, order).map_err(No::Failed)? {
        Id::Taken(guest) if !guest.reached => Err(No::Failed(Failure::Strange(format!(
            "{} does not tell of it",
            guest.node
        )))),
        Id::Taken(guest)
            if guest.kind == order.kind && guest.name.as_deref() == Some(&order.name) =>
        {
            Ok(*guest)
        }
        Id::Taken(guest) => Err(No::Changed(format!(
            "{vmid} is {:?} now, and was made as {:?}",
            guest.name.unwrap_or_default(),
            order.name
        ))),
        Id::Free => Err(No::Changed(format!("{vmid} is gone"))),
        Id::Hidden => Err(No::Changed(format!(
            "the token does not see {vmid} (VM.Audit)"
        ))),
    }
}
