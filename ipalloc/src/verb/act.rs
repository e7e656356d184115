//! Carrying out what was decided, or only rehearsing it.

use anyhow::anyhow;
use vmid::exit::Stop;

use crate::{
    ipam::{Applied, Change, Ipam},
    report::Acted,
};

pub(crate) fn changes<'a>(changes: impl Iterator<Item = Option<&'a Change>>) -> Vec<Change> {
    changes.flatten().cloned().collect()
}

/// Carries the changes out, unless this is a rehearsal.
pub(crate) fn act(ipam: &mut dyn Ipam, changes: &[Change], dry_run: bool) -> Result<Applied, Stop> {
    if dry_run || changes.is_empty() {
        return Ok(Applied::Done(Vec::new()));
    }
    ipam.apply(changes)
}

/// As [`act`], for changes of records that exist: there is nothing to be overtaken in.
pub(crate) fn act_once(
    ipam: &mut dyn Ipam,
    changes: &[Change],
    dry_run: bool,
) -> Result<Acted, Stop> {
    match act(ipam, changes, dry_run)? {
        Applied::Done(made) => Ok(Acted::all(made)),
        Applied::Partly(made, stop) => Ok(Acted {
            made,
            failed: Some(stop),
        }),
        Applied::Again(refusal) => {
            let changed = || Stop::outside(anyhow!("the IPAM changed meanwhile"));
            Err(refusal.map_or_else(changed, |refusal| refusal.stop))
        }
        Applied::Unknown(what) => Err(Stop::outside(anyhow!("{what}"))),
        Applied::Unverified(_, stop) => Err(stop),
    }
}
