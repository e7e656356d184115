//! `trace`: where an ID is still remembered, and what a new guest of it would inherit. It reads the
//! lists that others gathered; a command that clears something is told only where the ID is seen to be free.

use std::{
    collections::BTreeSet,
    io::{Read, Write},
};

use jiff::Timestamp;

use crate::{
    Surroundings, cli,
    exit::{Answer, Stop},
    stream::{self, Lines, quote},
    table,
};

mod acl;
mod backup_group;
mod content;
mod field;
mod guest;
mod ha;
mod ipam;
mod job;
mod journal;
pub mod kind;
pub mod memory;
pub mod owner;
#[cfg(test)]
mod properties;
pub mod sight;
mod site;
pub mod source;
mod state;
mod usage;

use kind::Matters;
use memory::{Memory, Place, Trace, Wanted};
use sight::{Unseen, Why};

/// Columns of `--format table`.
const COLUMNS: &[&str] = &[
    "vmid", "trace", "where", "node", "count", "newest", "names", "matters", "remedy", "why",
];

/// Runs the verb.
///
/// # Errors
///
/// The input is no stream of records of the known lists (then nothing is written), or `output` failed.
pub fn run(
    args: &cli::Trace,
    surroundings: &Surroundings,
    input: impl Read,
    output: impl Write,
) -> Result<Answer, Stop> {
    let memory = read(args, input)?;
    let terminal = surroundings.terminal;
    table::present(args.format, COLUMNS, output, terminal, |lines| {
        write(&memory, lines)
    })
}

fn wanted(args: &cli::Trace) -> Wanted {
    match args.orphans {
        true => Wanted::Orphans,
        false => Wanted::Ids(args.ids.iter().copied().collect()),
    }
}

fn read(args: &cli::Trace, input: impl Read) -> Result<Memory, Stop> {
    let all = args.orphans;
    let mut memory = Memory::new(wanted(args));
    let mut came = false;
    stream::read_each(input, |record| {
        came = true;
        source::read(&record, &mut memory)
    })?;
    if !came && !args.allow_empty {
        return Err(stream::nothing_came());
    }
    if !memory.has_guests() && came {
        if all {
            let what = anyhow::anyhow!("no list of guests came in, so every ID would be an orphan");
            let hint = "a row of /cluster/resources with \"source\":\"guest\", or a state document";
            return Err(Stop::input(what).hint(hint));
        }
        let why = "no row of /cluster/resources came in, and no state document";
        memory.sight.missing("the guests that live", why);
    }
    if came {
        source::none_came(&args.without, &mut memory);
    }
    Ok(memory)
}

fn write<W: Write>(memory: &Memory, lines: &mut Lines<W>) -> Result<Answer, Stop> {
    let mut answer = Answer::Yes;
    for (place, trace) in memory.traces() {
        answer = Answer::No;
        write_trace(memory, place, trace, lines)?;
    }
    let ids = memory.ids();
    let each: Vec<Option<u64>> = match ids {
        Some(ids) => ids.iter().copied().map(Some).collect(),
        None => vec![None],
    };
    for (unseen, of) in by_list(memory, &each) {
        answer = Answer::No;
        write_unseen(&unseen, of, lines)?;
    }
    lines.flush().map_err(Stop::output)?;
    Ok(answer)
}

/// What was not seen, and the ID it is about: none where it is about all that are asked for.
fn by_list(memory: &Memory, each: &[Option<u64>]) -> Vec<(Unseen, Option<u64>)> {
    let of_each: Vec<(Option<u64>, BTreeSet<Unseen>)> = each
        .iter()
        .map(|id| (*id, memory.sight.unseen(*id).into_iter().collect()))
        .collect();
    let mut told: Vec<(Unseen, Option<u64>)> = Vec::new();
    let all: BTreeSet<&Unseen> = of_each.iter().flat_map(|(_, unseen)| unseen).collect();
    for unseen in all {
        let whose: Vec<Option<u64>> = of_each
            .iter()
            .filter(|(_, has)| has.contains(unseen))
            .map(|(id, _)| *id)
            .collect();
        if whose.len() == each.len() && each.len() != 1 {
            told.push((unseen.clone(), None));
        } else {
            told.extend(whose.into_iter().map(|id| (unseen.clone(), id)));
        }
    }
    told
}

fn write_trace<W: Write>(
    memory: &Memory,
    place: &Place,
    trace: &Trace,
    lines: &mut Lines<W>,
) -> Result<(), Stop> {
    let vmid = place.vmid.to_string();
    let count = trace.count.max(trace.counted);
    let count = (count > 0).then(|| count.to_string());
    let (kind, at) = (quote(place.kind.name()), quote(&place.at));
    let node = place.node.as_deref().map(quote);
    let newest = trace.newest.and_then(|at| Timestamp::from_second(at).ok());
    let newest = newest.map(|at| quote(&at.to_string()));
    let names: Vec<String> = trace.names.iter().map(|name| quote(name)).collect();
    let names = (!names.is_empty()).then(|| format!("[{}]", names.join(",")));
    let live = memory.is_live(place.vmid);
    let matters = match place.kind.matters() {
        Matters::Reuse if live => Matters::Live,
        matters => matters,
    };
    let matters = quote(matters.name());
    // Of a guest that lives, or that may live, nothing is to be cleared away.
    let free = memory.is_free(place.vmid);
    let why = memory.bars(place);
    let remedy = trace.remedy.as_deref();
    let remedy = remedy.filter(|_| free && why.is_none() && memory.advises(place.kind));
    let remedy = remedy.map(quote);
    let why = why.filter(|_| free).map(|why| quote(&why));
    let remedy = remedy.unwrap_or("null".to_owned());
    let mut fields = vec![("vmid", &vmid[..]), ("trace", &kind), ("where", &at)];
    fields.extend(node.as_deref().map(|node| ("node", node)));
    fields.extend(count.as_deref().map(|count| ("count", count)));
    fields.extend(newest.as_deref().map(|newest| ("newest", newest)));
    fields.extend(names.as_deref().map(|names| ("names", names)));
    fields.push(("matters", &matters[..]));
    fields.extend(why.as_deref().map(|why| ("why", why)));
    fields.push(("remedy", &remedy));
    lines.own(&fields).map_err(Stop::output)
}

fn write_unseen<W: Write>(
    unseen: &Unseen,
    of: Option<u64>,
    lines: &mut Lines<W>,
) -> Result<(), Stop> {
    let vmid = of.map(|vmid| vmid.to_string());
    let list = quote(&unseen.list);
    let (name, why, remedy) = match &unseen.why {
        Why::Right(right) => {
            let remedy = format!("look with a token that has {right}");
            ("right", quote(right), quote(&remedy))
        }
        Why::Other(why) => ("why", quote(why), "null".to_owned()),
    };
    let mut fields: Vec<(&str, &str)> = Vec::new();
    fields.extend(vmid.as_deref().map(|vmid| ("vmid", vmid)));
    fields.extend([("trace", "\"unseen\""), ("where", &list[..])]);
    fields.push(("matters", "\"unknown\""));
    fields.extend([(name, &why[..]), ("remedy", &remedy)]);
    lines.own(&fields).map_err(Stop::output)
}
