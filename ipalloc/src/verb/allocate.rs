//! `ipalloc allocate`: looks, decides, acts, and begins anew when others were faster.

use std::{
    hash::{BuildHasher as _, RandomState},
    io::Write,
    thread,
    time::Duration,
};

use anyhow::anyhow;
use vmid::{
    exit::{Answer, Stop},
    stream::{Kept, Lines},
};

use super::act::{act, changes};
use crate::{
    allocate::{Batch, Grant},
    cli,
    ipam::{Applied, Change, Ipam},
    refused::Refused,
    report::{self, Acted},
    request::Request,
};

/// How often a decision is made anew when others were faster.
const ROUNDS: u32 = 40;

pub(crate) fn allocate<W: Write>(
    args: &cli::Allocate,
    mut ipam: Box<dyn Ipam>,
    records: &[Kept],
    lines: &mut Lines<W>,
) -> Result<Answer, Stop> {
    let flags = args.fields();
    let sound = records.iter().filter(|kept| !kept.record().has_error());
    let requests: Vec<_> = sound
        .map(|kept| Request::of(&kept.record(), &flags))
        .collect();
    if requests.is_empty() {
        return report::write(records, Vec::new(), lines, Acted::default());
    }
    let batch = Batch::new(requests, &ipam.networks()?, &args.policy());
    let naming = args.naming();
    let ask = batch.ask(&naming);
    let needed = |results: &[Result<Grant, Refused>]| {
        changes(results.iter().flatten().map(|grant| grant.change.as_ref()))
    };
    let mut skip = 0;
    let (mut before, mut last): (Option<Vec<Change>>, Option<Stop>) = (None, None);
    for round in 0..ROUNDS {
        let view = ipam.look(&ask)?;
        let mut results = batch.decide(&view, &naming, skip);
        if before
            .as_ref()
            .is_some_and(|before| *before != needed(&results))
        {
            // Those who were overtaken together spread out.
            skip = (random() % (4 << round.min(5))) as usize;
            results = batch.decide(&view, &naming, skip);
        }
        let changes = needed(&results);
        let acted = match act(ipam.as_mut(), &changes, args.dry_run)? {
            Applied::Done(made) => Acted::all(made),
            Applied::Partly(made, stop) => Acted {
                made,
                failed: Some(stop),
            },
            Applied::Again(Some(refusal)) if before.as_ref() == Some(&changes) => {
                return Err(refusal);
            }
            Applied::Again(refusal) => {
                (before, last) = (Some(changes), refusal);
                thread::sleep(Duration::from_millis(random() % (20 << round.min(5))));
                continue;
            }
            Applied::Unknown(what) => return report::unknown(records, results, &what, lines),
            Applied::Unverified(made, cause) => {
                return report::unverified(records, results, &made, &cause, lines);
            }
        };
        let changing = results
            .iter_mut()
            .flatten()
            .filter(|grant| grant.change.is_some());
        for (grant, made) in changing.zip(&acted.made) {
            grant.settle(made.as_ref());
        }
        let ids = ipam.has_ids();
        let granted = |grant: Grant| report::granted(&grant, ids, args.dry_run);
        let rows = results
            .into_iter()
            .map(|result| result.map(granted))
            .collect();
        return report::write(records, rows, lines, acted);
    }
    let what = anyhow!("others took the address that was chosen, {ROUNDS} times in a row");
    Err(last.unwrap_or_else(|| Stop::outside(what)))
}

/// Anything but the same number in every process.
fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}
