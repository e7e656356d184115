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

use super::{
    act::{act, changes},
    assign::Wishes,
    notes,
};
use crate::{
    allocate::{Batch, Grant, Naming},
    cli,
    intake::{Intake, Kind},
    interest::Interest,
    ipam::{Applied, Change, Ipam},
    refused::Refused,
    report::{self, Acted, Told},
    request::Request,
    site_rules::SiteRules,
};

/// How often a decision is made anew when others were faster.
const ROUNDS: u32 = 40;

pub(crate) fn allocate<W: Write>(
    args: &cli::Allocate,
    site: Option<SiteRules>,
    mut ipam: Box<dyn Ipam>,
    records: &[Kept],
    lines: &mut Lines<W>,
) -> Result<Answer, Stop> {
    let mut labels = args.labels.labels(&args.exclude.status_open)?;
    if !args.labels.cf.is_empty() {
        labels.custom = ipam.custom_fields(&args.labels.cf)?;
    }
    let Intake {
        kinds,
        mut requests,
        own,
    } = Intake::of(records, &args.fields(labels));
    if requests.is_empty() {
        let rows = report::rows(&kinds, Vec::new(), args.dry_run);
        notes::of_kinds(records, &kinds);
        return report::write(records, rows, lines, Acted::default());
    }
    let policy = args.policy(site);
    let naming = args.naming(policy.site.as_ref());
    let asked = args.assign.clone().or(policy.site.as_ref());
    let domain = naming.domain.as_deref();
    let wishes = Wishes::of(
        records,
        &kinds,
        &mut requests,
        &asked,
        domain,
        ipam.as_mut(),
    )?;
    let networks = ipam.networks(&interest(&requests, &naming))?;
    let mut batch = Batch::new(requests, &networks, &policy).with_apart(own);
    let ask = batch.ask(&naming);
    let needed = |results: &[Result<Grant, Refused>]| {
        changes(results.iter().flatten().map(|grant| grant.change.as_ref()))
    };
    let mut skip = 0;
    let (mut before, mut last): (Option<Vec<Change>>, Option<Stop>) = (None, None);
    for round in 0..ROUNDS {
        let view = ipam.look(&ask)?;
        let mut results = batch.decide(&view, &naming, skip);
        let alone = view.unseen && round == 1;
        if before
            .as_ref()
            .is_some_and(|before| !alone && *before != needed(&results))
        {
            // Those who were overtaken together spread out.
            skip = (random() % (4 << round.min(5))) as usize;
            results = batch.decide(&view, &naming, skip);
        }
        let changes = needed(&results);
        let mut acted = match act(ipam.as_mut(), &changes, args.dry_run)? {
            Applied::Done(made) => Acted::all(made),
            Applied::Partly(made, stop) => Acted {
                made,
                failed: Some(stop),
            },
            Applied::Again(Some(refusal)) if before.as_ref() == Some(&changes) => {
                if refusal.of.is_empty() {
                    return Err(refusal.stop);
                }
                refuse(&mut batch, &results, refusal.of);
                before = None;
                continue;
            }
            Applied::Again(refusal) => {
                (before, last) = (Some(changes), refusal.map(|refusal| refusal.stop));
                thread::sleep(Duration::from_millis(random() % (20 << round.min(5))));
                continue;
            }
            Applied::Unknown(what) => {
                return failed(records, &kinds, report::unknown(results, &what), lines);
            }
            Applied::Unverified(made, cause) => {
                let told = report::unverified(results, &made, &cause);
                return failed(records, &kinds, told, lines);
            }
        };
        let changing = results
            .iter_mut()
            .flatten()
            .filter(|grant| grant.change.is_some());
        for (grant, made) in changing.zip(&acted.made) {
            grant.settle(made.as_ref());
        }
        let outcomes = wishes.carry_out(ipam.as_mut(), &results, &mut acted, args.dry_run);
        if policy.site.is_none() {
            notes::no_site();
        }
        notes::of_kinds(records, &kinds);
        notes::of_families(&batch.by_default());
        notes::of_grants(results.iter().flatten(), &networks, policy.site.as_ref());
        let ids = ipam.has_ids();
        let granted = |grant: Grant| report::granted(&grant, ids, args.dry_run);
        let told = results.into_iter().map(|result| result.map(granted));
        let mut rows = report::rows(&kinds, told.collect(), args.dry_run);
        report::add_assigned(&mut rows, &kinds, outcomes);
        return report::write(records, rows, lines, acted);
    }
    let what = anyhow!("others took the address that was chosen, {ROUNDS} times in a row");
    Err(last.unwrap_or_else(|| Stop::outside(what)))
}

/// Notes that the back end refused some of the requests that an address was to be recorded for,
/// by their place among those.
fn refuse(batch: &mut Batch, results: &[Result<Grant, Refused>], refusals: Vec<(usize, Refused)>) {
    let is_new = |result: &Result<Grant, Refused>| {
        let grant = result.as_ref().ok();
        grant.is_some_and(|grant| matches!(grant.change, Some(Change::Create(_))))
    };
    let new = results
        .iter()
        .enumerate()
        .filter(|(_, result)| is_new(result));
    let new: Vec<usize> = new.map(|(at, _)| at).collect();
    for (at, refused) in refusals {
        if let Some(at) = new.get(at) {
            batch.refuse(*at, refused);
        }
    }
}

/// Which networks the requests name, and what will be asked of their owners.
fn interest(requests: &[Result<Request, Refused>], naming: &Naming) -> Interest {
    let mut interest = Interest::default();
    for request in requests.iter().flatten() {
        interest.add(&request.fields);
        request
            .owner
            .asked(naming.domain.as_deref(), &mut interest.ask);
    }
    interest
}

/// Writes what is told of a batch after which the run cannot go on.
fn failed<W: Write>(
    records: &[Kept],
    kinds: &[Kind],
    (told, stop): (Vec<Told>, Stop),
    lines: &mut Lines<W>,
) -> Result<Answer, Stop> {
    let acted = Acted {
        made: Vec::new(),
        failed: Some(stop),
    };
    report::write(records, report::rows(kinds, told, false), lines, acted)
}

/// Anything but the same number in every process.
fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}
