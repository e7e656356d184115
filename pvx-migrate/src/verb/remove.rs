//! `pvx-migrate plan remove`: a step for each named guest that is to be destroyed.

use std::{
    fs,
    io::{Read, Write},
    path::Path,
};

use anyhow::anyhow;
use vmid::{
    exit::{Answer, Stop},
    site::Site,
    stream, table,
};

use super::given::Given;
use crate::{
    Surroundings, cli,
    cluster::Cluster,
    document,
    plan::{
        policy::Policy,
        removal,
        remove::{self, Terms, WayBack, backup::Backup},
    },
};

/// Writes the plan for the guests that the call names.
///
/// # Errors
///
/// The call or a document is wrong, or `output` failed.
pub fn remove(
    args: &cli::Remove,
    surroundings: &Surroundings,
    input: impl Read,
    output: impl Write,
    terminal: bool,
) -> Result<Answer, Stop> {
    named_once(args)?;
    let given = Given::read(&args.site, args.pairs.as_deref())?;
    let way_back = match &args.snapshots {
        Some(path) => WayBack::Backup(backups(path)?, args.backup_within),
        None if args.no_backup_needed => WayBack::NotNeeded,
        None => WayBack::Unsaid,
    };
    let state = document::state(input, surroundings.now, args.max_age, "stdin")?;
    let cluster = Cluster::new(&state);
    given.check(&cluster)?;
    for vmid in &args.guests {
        if cluster.guest(*vmid).is_none() {
            let what = anyhow!("guest {vmid} is not in the state, or the token may not see it");
            return Err(Stop::input(what));
        }
    }
    given.say_what_is_unknown("the domain of guests' names");
    let terms = Terms {
        name: args.name.clone(),
        purge: args.purge,
        stop: args.stop,
        whole_pair: args.whole_pair,
        way_back,
        now: surroundings.now,
    };
    let policy = Policy {
        pairs: given.pairs,
        site: given.site.unwrap_or_else(Site::empty),
        ..Policy::default()
    };
    let steps = remove::remove(&cluster, &policy, &args.guests, &terms);
    table::present(args.format, removal::COLUMNS, output, terminal, |lines| {
        for step in &steps {
            let text = serde_json::to_string(step).map_err(|error| Stop::output(error.into()))?;
            lines.extend(&text, "").map_err(Stop::output)?;
        }
        lines.flush().map_err(Stop::output)?;
        Ok(Answer::no_if(steps.iter().any(|step| !step.acts())))
    })
}

/// Each guest once, and a name for one guest alone.
fn named_once(args: &cli::Remove) -> Result<(), Stop> {
    for (at, vmid) in args.guests.iter().enumerate() {
        if args.guests[..at].contains(vmid) {
            return Err(Stop::input(anyhow!("guest {vmid} is named twice")));
        }
    }
    match (&args.name, args.guests.len()) {
        (Some(name), 2..) => {
            let what = anyhow!("--name {name} is one guest's name, and the call names several");
            Err(Stop::input(what))
        }
        _ => Ok(()),
    }
}

/// The list of backups. A row that can't be read makes the list none: it could be the guest's.
pub fn backups(path: &Path) -> Result<Vec<Backup>, Stop> {
    let name = path.display().to_string();
    let text = fs::read(path).map_err(|error| Stop::file(&name, error))?;
    let records = stream::parse(&text);
    let records =
        records.map_err(|bad| Stop::input(anyhow::Error::new(bad).context(name.clone())))?;
    let rows = (1..).zip(&records);
    rows.map(|(number, kept)| {
        Backup::of(&kept.record()).map_err(|what| {
            let what = anyhow!("{name}: record {number} is no backup: {what}");
            Stop::input(what)
                .hint("proxmox-backup-client snapshot list --output-format json prints a list")
        })
    })
    .collect()
}
