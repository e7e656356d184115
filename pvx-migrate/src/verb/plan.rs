//! `pvx-migrate plan`: what is wanted, from the options, and the plan as it is written.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    mem::ManuallyDrop,
    path::Path,
};

use anyhow::{Context as _, anyhow};
use vmid::{
    exit::{self, Answer, Stop},
    site::{Site, near},
    stream::Lines,
    table::{self, Format},
};

use super::given::Given;
use crate::{
    Surroundings, cli,
    cluster::Cluster,
    document,
    journal::{self, event::Event},
    plan::{self, Plan, policy::Policy, record::Action, storage_map::StorageMap, want::Want},
    state::DroppedRule,
};

/// Plans from the state document on `input`.
///
/// # Errors
///
/// The call or a document is wrong, or `output` failed.
pub fn plan(
    args: &cli::Moves,
    surroundings: &Surroundings,
    input: impl Read,
    output: impl Write,
    terminal: bool,
) -> Result<Answer, Stop> {
    let (terms, move_stopped) = match args {
        cli::Moves::Drain(drain) => (&drain.terms, drain.stopped == cli::Stopped::Move),
        cli::Moves::Move(wanted) => (&wanted.terms, true),
        cli::Moves::Return(wanted) => (&wanted.terms, true),
    };
    let given = Given::read(&terms.site, terms.pairs.as_deref())?;
    let events = match args {
        cli::Moves::Return(wanted) => events(&wanted.journal)?,
        _ => Vec::new(),
    };
    let state = document::state(input, surroundings.now, terms.max_age, "stdin")?;
    // It is needed to the end, and the end of the process frees it at once.
    let state = ManuallyDrop::new(state);
    let cluster = Cluster::new(&state);
    given.check(&cluster)?;
    own_guest(&cluster, terms.own)?;
    mapped_storages(&cluster, &terms.storage_map)?;
    let map = storage_map(&terms.storage_map);
    let wants = match args {
        cli::Moves::Drain(drain) => drain_wants(&cluster, drain)?,
        cli::Moves::Move(wanted) => move_wants(&cluster, wanted)?,
        cli::Moves::Return(wanted) => plan::home::wants(&cluster, &events)
            .with_context(|| wanted.journal.display().to_string())
            .map_err(Stop::input)?,
    };
    map_is_clear(args, &cluster, &map, &wants)?;
    given.say_what_is_unknown("limits and the storages kept from guests");
    let policy = policy(terms, move_stopped, given);
    let members = plan::pair::Members::new(&cluster, &policy.pairs);
    for sentence in plan::pair::strangers(&policy.pairs, |member| members.guest(member).is_some()) {
        exit::say("pvx-migrate", &format!("warning: {sentence}"));
    }
    for DroppedRule { rule, why } in cluster.dropped_rules() {
        let what = format!("warning: the HA manager does not obey its rule {rule}: {why}");
        exit::say("pvx-migrate", &what);
    }
    let home = matches!(args, cli::Moves::Return(_));
    let plan = plan::plan(&cluster, &policy, &wants, home);
    print(&cluster, &policy, &plan, terms.format, output, terminal)?;
    let mut answer = Answer::no_if(plan.is_blocked());
    if let cli::Moves::Drain(drain) = args {
        exit::say("pvx-migrate", &plan::quorum::sentence(&state, &drain.node));
        let left = plan
            .steps
            .iter()
            .filter(|step| step.action == Action::Leave);
        let left: Vec<u32> = left.map(|step| step.vmid).collect();
        for doubt in plan::leave::doubts(&cluster, &drain.node, &left) {
            exit::say("pvx-migrate", &doubt);
            answer = Answer::No;
        }
    }
    Ok(answer)
}

/// What was done by a journal.
fn events(journal: &Path) -> Result<Vec<Event>, Stop> {
    let lines = journal::file::lines(journal)?;
    if lines.is_empty() {
        let what = anyhow!("{}: nothing was done in it", journal.display());
        return Err(Stop::input(what).hint("name the journal that the run wrote"));
    }
    Ok(lines.into_iter().map(|line| line.event).collect())
}

/// What the options and the files they name allow; the options count first.
fn policy(terms: &cli::Terms, move_stopped: bool, given: Given) -> Policy {
    let site = given.site.unwrap_or_else(Site::empty);
    Policy {
        storage_map: storage_map(&terms.storage_map),
        min_free_mem: terms.min_free_mem,
        move_stopped,
        allow_shutdown: terms.allow_shutdown,
        max_downtime: terms.max_downtime,
        ram_ratio: terms.ram_ratio.unwrap_or(site.limits.ram_ratio),
        own: terms.own,
        bandwidth: terms.bandwidth * 1_000_000,
        drained: BTreeMap::new(), // a drain and a return know their nodes
        pairs: given.pairs,
        site,
    }
}

/// `--self` protects a guest, so it must be one.
fn own_guest(cluster: &Cluster<'_>, own: Option<u32>) -> Result<(), Stop> {
    match own {
        Some(vmid) if cluster.guest(vmid).is_none() => {
            let what = anyhow!(
                "--self {vmid}: that guest is not in the state, or the token may not see it"
            );
            Err(Stop::input(what))
        }
        _ => Ok(()),
    }
}

/// `--storage-map` names storages that the cluster has.
fn mapped_storages(cluster: &Cluster<'_>, map: &[(String, String)]) -> Result<(), Stop> {
    for (from, to) in map {
        for id in [from, to] {
            if cluster.storage(id).is_none() {
                let all = cluster.state.storages.iter().map(|s| &s.storage[..]);
                let hint = near::hint(id, all);
                let what =
                    anyhow!("--storage-map {from}:{to}: the cluster has no storage {id}{hint}");
                return Err(Stop::input(what));
            }
        }
    }
    Ok(())
}

fn storage_map(pairs: &[(String, String)]) -> StorageMap {
    pairs.iter().cloned().collect()
}

/// It is clear which storage stands in for which, on the way there and back.
fn map_is_clear(
    args: &cli::Moves,
    cluster: &Cluster<'_>,
    map: &StorageMap,
    wants: &[Want],
) -> Result<(), Stop> {
    let all = || cluster.nodes().iter().map(|node| &node.node[..]);
    let targets: Vec<&str> = match args {
        cli::Moves::Drain(drain) if drain.to.is_empty() => {
            all().filter(|node| *node != drain.node).collect()
        }
        cli::Moves::Drain(drain) => drain.to.iter().map(|node| &node[..]).collect(),
        cli::Moves::Move(wanted) => vec![&wanted.to],
        // Each guest goes back to the storages it came from.
        cli::Moves::Return(_) => return Ok(()),
    };
    if let Some(what) = map.ambiguity(cluster, &targets) {
        return Err(
            Stop::input(anyhow!("{what}")).hint("name one of them, or --to one kind of node")
        );
    }
    let vmids: Vec<u32> = wants.iter().map(|want| want.vmid).collect();
    if let Some(what) = map.joins(cluster, &targets, &vmids) {
        return Err(Stop::input(anyhow!("{what}")).hint("name another storage for one of the two"));
    }
    Ok(())
}

fn print(
    cluster: &Cluster<'_>,
    policy: &Policy,
    plan: &Plan,
    format: Format,
    mut output: impl Write,
    terminal: bool,
) -> Result<(), Stop> {
    if format == Format::Table {
        let mut text = Vec::new();
        plan::show::table(cluster, policy, plan, &mut text).map_err(Stop::output)?;
        return output
            .write_all(&text)
            .and_then(|()| output.flush())
            .map_err(Stop::output);
    }
    let work = |lines: &mut Lines<&mut dyn Write>| {
        for step in &plan.steps {
            let text = serde_json::to_string(step).map_err(|error| Stop::output(error.into()))?;
            lines.extend(&text, "").map_err(Stop::output)?;
        }
        lines.flush().map_err(Stop::output)?;
        Ok(Answer::Yes)
    };
    table::present(format, &[], output, terminal, work).map(|_| ())
}

fn drain_wants(cluster: &Cluster<'_>, drain: &cli::Drain) -> Result<Vec<Want>, Stop> {
    known(cluster, &drain.node)?;
    for node in &drain.to {
        known(cluster, node)?;
        if *node == drain.node {
            return Err(Stop::input(anyhow!("--to {node}: that node is drained")));
        }
    }
    let only = (!drain.to.is_empty()).then(|| plan::want::Only {
        nodes: drain.to.clone(),
        because: format!("not among --to {}", drain.to.join(",")),
    });
    let guests = cluster.state.guests.iter();
    let guests = guests.filter(|guest| guest.node == drain.node);
    let wants = guests.map(|guest| Want {
        vmid: guest.vmid,
        only: only.clone(),
        ..Want::default()
    });
    Ok(wants.collect())
}

fn move_wants(cluster: &Cluster<'_>, wanted: &cli::Move) -> Result<Vec<Want>, Stop> {
    known(cluster, &wanted.to)?;
    let mut wants: Vec<Want> = Vec::new();
    for &vmid in &wanted.guests {
        let Some(guest) = cluster.guest(vmid) else {
            let what = anyhow!("guest {vmid} is not in the state, or the token may not see it");
            return Err(Stop::input(what));
        };
        if wants.iter().any(|want| want.vmid == vmid) {
            return Err(Stop::input(anyhow!("guest {vmid} is named twice")));
        }
        let there = guest.node == wanted.to;
        wants.push(Want {
            vmid,
            only: Some(plan::want::Only {
                nodes: vec![wanted.to.clone()],
                because: format!("not --to {}", wanted.to),
            }),
            leave: there.then(|| format!("it is on {} already", wanted.to)),
            move_stopped: true,
            ..Want::default()
        });
    }
    Ok(wants)
}

pub(super) fn known(cluster: &Cluster<'_>, node: &str) -> Result<(), Stop> {
    if cluster.node(node).is_some() {
        return Ok(());
    }
    let nodes: Vec<&str> = cluster.nodes().iter().map(|node| &node.node[..]).collect();
    let what = anyhow!("{node}: the cluster has the nodes {}", nodes.join(", "));
    Err(Stop::input(what))
}
