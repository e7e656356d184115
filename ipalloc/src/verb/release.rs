//! `ipalloc release`: frees or retires what the named guests have.

use std::io::Write;

use jiff::Timestamp;
use vmid::{
    exit::{Answer, Stop},
    stream::{Kept, Lines},
};

use super::act::{act_once, changes};
use crate::{
    cli,
    ipam::{Ipam, Networks},
    owner::Owner,
    refused::Refused,
    release::{self, Farewell, Manner},
    report, request,
};

pub(crate) fn release<W: Write>(
    args: &cli::Release,
    mut ipam: Box<dyn Ipam>,
    records: &[Kept],
    now: Timestamp,
    lines: &mut Lines<W>,
) -> Result<Answer, Stop> {
    let sound = records.iter().filter(|kept| !kept.record().has_error());
    let owner = |kept: &Kept| {
        let interface = request::text(&kept.record(), "interface")?;
        let interface = interface.or_else(|| args.interface.clone());
        request::owner_of(&kept.record(), interface.as_deref())
    };
    let owners: Vec<Result<Owner, Refused>> = sound.map(owner).collect();
    let mut results = Vec::new();
    let mut networks = Networks::default();
    if !owners.is_empty() {
        networks = ipam.networks()?;
        let view = ipam.look(&release::ask(owners.iter().flatten()))?;
        let manner = Manner {
            retire: args.retire,
            force: args.force,
            now,
        };
        results = release::decide(owners, &view, &manner);
    }
    let changes = changes(
        results
            .iter()
            .flatten()
            .map(|farewell| farewell.change.as_ref()),
    );
    let acted = act_once(ipam.as_mut(), &changes, args.dry_run)?;
    let ids = ipam.has_ids();
    let row = |farewell: Farewell| report::released(&farewell, &networks, ids, args.dry_run);
    let rows = results.into_iter().map(|result| result.map(row)).collect();
    report::write(records, rows, lines, acted)
}
