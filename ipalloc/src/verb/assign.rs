//! What `allocate --assign` does around the decisions: it asks before anything is changed whether
//! there is a place for each address, and puts them there when they are recorded.

use anyhow::anyhow;
use vmid::{
    exit::{self, Stop},
    stream::Kept,
};

use crate::{
    allocate::Grant,
    assign::{
        Assigned, Target, Wish,
        asked::{self, Asked},
    },
    intake::Kind,
    ipam::Ipam,
    refused::Refused,
    report::Acted,
    request::Request,
};

/// What is wished for each request; none where nothing is.
pub(crate) struct Wishes(Vec<Option<Wish>>);

impl Wishes {
    /// Those of `requests`. The ones for whose address there is no place are refused from now on.
    pub(crate) fn of(
        records: &[Kept],
        kinds: &[Kind],
        requests: &mut [Result<Request, Refused>],
        asked: &Asked,
        domain: Option<&str>,
        ipam: &mut dyn Ipam,
    ) -> Result<Self, Stop> {
        let wishes = Self(asked::wishes(records, kinds, requests, asked, domain));
        for (wish, request) in wishes.0.iter().zip(requests.iter_mut()) {
            if let Ok(request) = request {
                request.fields.on_interface = wish.is_some();
            }
        }
        let all: Vec<&Wish> = wishes.0.iter().flatten().collect();
        if !all.is_empty() {
            let mut refused = ipam.machines(&all)?.into_iter();
            for (wish, request) in wishes.0.iter().zip(requests) {
                if let Some(refused) = wish.as_ref().and_then(|_| refused.next().flatten()) {
                    *request = Err(refused);
                }
            }
        }
        Ok(wishes)
    }

    /// Puts the addresses of those grants there that were carried out, or only says what would be.
    pub(crate) fn carry_out(
        &self,
        ipam: &mut dyn Ipam,
        results: &[Result<Grant, Refused>],
        acted: &mut Acted,
        dry_run: bool,
    ) -> Vec<Option<Assigned>> {
        let mut made = acted.made.iter();
        let target = |result: &Result<Grant, Refused>| {
            let grant = result.as_ref().ok()?;
            let is_there = grant.change.is_none() || dry_run || {
                let made = made.next().and_then(Option::as_ref);
                made.is_some_and(|made| made.refused.is_none())
            };
            let id = grant.id.map(|id| id.0);
            let address = grant.address;
            is_there.then_some(Target { id, address })
        };
        let targets: Vec<Option<Target>> = results.iter().map(target).collect();
        if acted.failed.is_some() {
            return results.iter().map(|_| None).collect();
        }
        let due = self.0.iter().zip(&targets);
        let due = due.map(|(wish, target)| wish.as_ref().zip(*target));
        let due: Vec<Option<(&Wish, Target)>> = due.collect();
        let all: Vec<(&Wish, Target)> = due.iter().flatten().copied().collect();
        if all.is_empty() {
            return results.iter().map(|_| None).collect();
        }
        let (outcomes, failed) = ipam.assign(&all, dry_run);
        // Addresses were recorded, so that it is no wrong call any more.
        acted.failed = failed.map(|stop| {
            if acted.made.is_empty() {
                stop
            } else {
                Stop::outside(anyhow!("{stop}"))
            }
        });
        for note in outcomes.iter().filter_map(|outcome| outcome.note.as_ref()) {
            exit::say("ipalloc", &format!("note: {note}"));
        }
        let mut outcomes = outcomes.into_iter();
        due.iter()
            .map(|due| due.and_then(|_| outcomes.next()))
            .collect()
    }
}
