//! `ipalloc release --retired-before`: frees what was retired long ago.

use std::{io::Write, iter, time::Duration};

use jiff::Timestamp;
use vmid::{
    exit::{Answer, Stop},
    stream::{Lines, error_object},
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
    let mut answer = Answer::Yes;
    let made = acted.made.iter().map(Option::as_ref).map(Some);
    for (entry, made) in overdue.into_iter().zip(made.chain(iter::repeat(None))) {
        // None of a rehearsal, or behind a change that failed.
        if made.map_or(acted.failed.is_some(), |made| made.is_none()) {
            continue;
        }
        let refused = made.flatten().and_then(|made| made.refused.as_ref());
        let mut fields = report::owned(entry);
        fields.extend(report::placed(entry, &networks));
        fields.extend(report::outcome(refused.is_none(), args.dry_run));
        fields.extend(ids.then(|| ("ipam_id", entry.id.0.to_string())));
        if let Some(refused) = refused {
            answer = Answer::No;
            let error = error_object(refused.code.as_str(), &refused.message);
            fields.push(("error", error));
        }
        lines
            .own(&report::borrowed(&fields))
            .map_err(|error| acted.output(error))?;
    }
    lines.flush().map_err(|error| acted.output(error))?;
    acted.failed.map_or(Ok(answer), Err)
}
