//! `pvx-migrate place`: a node and a storage for each guest of the stream.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    path::PathBuf,
};

use anyhow::Context as _;
use vmid::{
    exit::{self, Answer, Stop},
    site::Site,
    stream, table,
    tally::is_of_another_kind,
};

use super::given::Given;
use crate::{
    Surroundings, cli,
    cluster::Cluster,
    document,
    journal::{self, event::Event},
    place,
    plan::{self, policy::Policy},
};

/// What `place` does not know without a site, besides its pairs.
const UNKNOWN: &str =
    "limits, roles, templates, bridges, and the storages for guests and for databases";

/// Appends a place to each guest of `input`.
///
/// # Errors
///
/// The state document or the input is none, or `output` failed.
pub fn place(
    args: &cli::Place,
    surroundings: &Surroundings,
    input: impl Read,
    output: impl Write,
    terminal: bool,
) -> Result<Answer, Stop> {
    let given = Given::read(&args.site, args.pairs.as_deref())?;
    let name = args.state.display().to_string();
    let text = fs::read(&args.state).map_err(|error| Stop::file(&name, error))?;
    let state = document::state(&text[..], surroundings.now, args.max_age, &name)?;
    let cluster = Cluster::new(&state);
    given.check(&cluster)?;
    let drained = drained(&cluster, &args.journal)?;
    let records = stream::read_all(input)?;
    vmid::document::none_among(&records)?;
    given.say_what_is_unknown(UNKNOWN);
    let wanted = records.iter().map(|kept| {
        let record = kept.record();
        let is_asked = !record.has_error() && !is_of_another_kind(&record);
        is_asked.then(|| place::Guest::of(&record, given.site.as_ref()))
    });
    let wanted: Vec<_> = wanted.collect();
    let site = given.site.unwrap_or_else(Site::empty);
    let policy = Policy {
        ram_ratio: args.ram_ratio.unwrap_or(site.limits.ram_ratio),
        pairs: given.pairs,
        drained,
        site,
        ..Policy::default()
    };
    for sentence in place::strangers(&cluster, &policy, &wanted) {
        exit::say("pvx-migrate", &format!("warning: {sentence}"));
    }
    let mut places = place::place(&cluster, &policy, wanted).into_iter();
    table::present(args.format, place::COLUMNS, output, terminal, |lines| {
        let mut answer = Answer::Yes;
        for kept in &records {
            let place = places.next().flatten();
            let result = place::write(kept.record(), place.as_ref(), lines);
            answer = answer.max(result.map_err(Stop::output)?);
        }
        lines.flush().map_err(Stop::output)?;
        Ok(answer)
    })
}

/// The nodes that no guest is to be placed on, by the journals of their drains.
fn drained(cluster: &Cluster<'_>, journals: &[PathBuf]) -> Result<BTreeMap<String, String>, Stop> {
    let mut drained = BTreeMap::new();
    for path in journals {
        let name = path.display().to_string();
        let lines = journal::file::lines(path)?;
        let events: Vec<Event> = lines.into_iter().map(|line| line.event).collect();
        let nodes = plan::home::drained(cluster, &events);
        let nodes = nodes.with_context(|| name.clone()).map_err(Stop::input)?;
        drained.extend(nodes.into_iter().map(|node| (node, name.clone())));
    }
    Ok(drained)
}
