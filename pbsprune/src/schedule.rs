//! `pbsprune schedule`: which jobs are in each other's way, and which the clock skips.
//!
//! [`source`] and [`gathered`] read what the servers say of their jobs, [`tasks`] how long these last;
//! [`judge`] looks at all of them over some weeks ([`timeline`], [`collision`], [`clock`], [`habit`]) and
//! finds another time for those that need one ([`suggestion`]).

use std::io::{Read, Write};

use jiff::Timestamp;
use vmid::{
    exempt::Exemptions,
    exit::{Answer, Stop},
    severity::Severity,
    site::Site,
    table::{self, Format},
};

use crate::{Surroundings, nagios, zone::Zone};

pub mod arguments;
pub mod bar;
pub mod busy;
pub mod clock;
pub mod code;
pub mod collision;
pub mod gathered;
pub mod habit;
pub mod job;
pub mod judge;
#[cfg(test)]
mod judge_tests;
pub mod place;
pub mod placement;
pub mod report;
pub mod source;
pub mod spelling;
pub mod suggestion;
pub mod tasks;
pub mod timeline;
pub mod upid;

use arguments::Schedule;
use judge::{Frame, judge};
use report::Report;

/// Runs it: records of jobs from `input`, the answer to `output`.
///
/// # Errors
///
/// The site or the input is wrong, or `output` failed.
pub fn run(
    args: &Schedule,
    around: &mut Surroundings<'_>,
    input: impl Read,
    mut output: impl Write,
) -> Result<Answer, Stop> {
    let site = args.site.read()?;
    let site_zone = site.as_ref().and_then(|site| site.timezone.as_deref());
    let site_zone = site_zone.map(Zone::parse).transpose();
    let site_zone =
        site_zone.map_err(|wrong| Stop::input(anyhow::anyhow!("the site's timezone: {wrong}")))?;
    let zone = match (&args.clock.tz, &site_zone) {
        (None, Some(zone)) => zone.clone(),
        _ => around.zone.clone(),
    };
    let guessed = args.clock.tz.is_none() && site_zone.is_none();
    let rows = source::read(input, args.allow_empty)?;
    let gathered = gathered::gather(rows, &zone, guessed, around.now);
    let exemptions = site
        .as_ref()
        .map(|site| exemptions(site, &zone, around.now));
    let frame = Frame {
        now: around.now,
        days: args.days.into(),
        next: args.next.into(),
        zone: args.clock.tz.as_ref(),
        site_zone: site_zone.as_ref(),
    };
    let verdict = judge(&gathered, exemptions, &frame);
    let report = Report {
        gathered: &gathered,
        verdict: &verdict,
        site: site.as_ref().map_or("this site", Site::called),
    };
    let (worst, failed) = report.worst();
    if args.nagios {
        let failed: Vec<_> = report.failed().into_iter().collect();
        let mut subjects = report.subjects();
        if !failed.is_empty() {
            subjects.push(("input".to_owned(), &failed));
        }
        let well = format!("{} jobs, none in another's way", gathered.jobs().count());
        around.plugin = Some(nagios::write(&subjects, &well, &mut output).map_err(Stop::output)?);
        return Ok(Answer::Yes);
    }
    let answer = Answer::no_if(failed || worst > Severity::Info);
    if args.format == Format::Table {
        let written = report.table(args.all, &mut output);
        return written.map(|()| answer).map_err(Stop::output);
    }
    table::present(args.format, &[], output, around.terminal, |lines| {
        report.records(lines).map_err(Stop::output)?;
        Ok(answer)
    })
}

/// The site's exemptions, today by its clock.
fn exemptions(site: &Site, zone: &Zone, now: i64) -> Exemptions {
    let now = Timestamp::from_second(now).unwrap_or_default();
    let today = zone.time_zone().to_datetime(now).date();
    Exemptions::of(site, code::CODES, today)
}
