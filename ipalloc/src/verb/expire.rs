//! `ipalloc release --retired-before`: frees what was retired long ago.

use std::{io::Write, iter, time::Duration};

use jiff::Timestamp;
use vmid::{
    exit::{Answer, Stop},
    stream::Lines,
};

use super::act::act_once;
use crate::{
    cli,
    interest::Interest,
    ipam::{Ask, Change, Ipam},
    release, report,
};

/// Frees what was retired long enough ago; one record for each.
pub(crate) fn expire<W: Write>(
    args: &cli::Release,
    mut ipam: Box<dyn Ipam>,
    age: Duration,
    now: Timestamp,
    lines: &mut Lines<W>,
) -> Result<Answer, Stop> {
    let networks = ipam.networks(&Interest::all())?;
    let view = ipam.look(&Ask {
        keyed: true,
        ..Ask::default()
    })?;
    let overdue = release::overdue(&view, age, now);
    let changes: Vec<Change> = overdue
        .iter()
        .map(|entry| Change::Delete(entry.id))
        .collect();
    let acted = act_once(ipam.as_mut(), &changes, args.dry_run)?;
    let ids = ipam.has_ids();
    let done = acted
        .made
        .iter()
        .map(Option::is_some)
        .chain(iter::repeat(acted.failed.is_none()));
    for (entry, _) in overdue.into_iter().zip(done).filter(|(_, done)| *done) {
        let mut fields = report::owned(entry);
        fields.extend(report::placed(entry, &networks));
        fields.extend(report::outcome(true, args.dry_run));
        fields.extend(ids.then(|| ("ipam_id", entry.id.0.to_string())));
        lines
            .own(&report::borrowed(&fields))
            .map_err(|error| acted.output(error))?;
    }
    lines.flush().map_err(|error| acted.output(error))?;
    acted.failed.map_or(Ok(Answer::Yes), Err)
}
