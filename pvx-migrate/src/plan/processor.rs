//! The processor that a VM asks for against the one of a node, and what else of a node's
//! hardware its configuration names.
//!
//! QEMU starts no VM whose processor the node lacks a feature of (PVE starts it with
//! `enforce`): a live move then fails, and the VM runs on where it is.

use super::{
    candidate::{Candidate, Mode},
    refusal::{Code, Refusal},
};
use crate::{cluster::Cluster, config::Cpu, state::Node};

/// The levels of x86-64 that QEMU's models are of, by the beginning of their names, the higher
/// level first (QEMU's manual, "ABI compatibility levels for CPU models"). What isn't here is
/// of the first level, or unknown.
const LEVELS: [(u8, &[&str]); 3] = [
    (
        4,
        &[
            "Skylake-Server",
            "Cascadelake-Server",
            "Cooperlake",
            "Icelake",
            "SapphireRapids",
            "GraniteRapids",
            "EPYC-Genoa",
            "EPYC-Turin",
        ],
    ),
    (
        3,
        &[
            "Haswell",
            "Broadwell",
            "Skylake-Client",
            "KnightsMill",
            "SierraForest",
            "EPYC",
            "Dhyana",
        ],
    ),
    (
        2,
        &[
            "Nehalem",
            "Westmere",
            "SandyBridge",
            "IvyBridge",
            "Denverton",
            "Snowridge",
            "Opteron_G4",
            "Opteron_G5",
        ],
    ),
];

/// Models with features that Intel's processors never had (SSE4a).
const AMD_MODELS: [&str; 5] = ["EPYC", "Dhyana", "Opteron_G3", "Opteron_G4", "Opteron_G5"];

/// Whether a VM finds its processors at `node`; what can't be judged is told.
///
/// # Errors
///
/// The node's processor is another, or too small.
pub fn fits(
    cluster: &Cluster<'_>,
    candidate: &Candidate<'_>,
    node: usize,
) -> Result<Vec<Refusal>, Refusal> {
    let target = &cluster.nodes()[node];
    let (name, running) = (&target.node, candidate.guest.is_running());
    if !running {
        return Ok(Vec::new());
    }
    let vcpus = candidate.config.vcpus;
    // qemu-server refuses to start a VM with more processors than the node has.
    if target.maxcpu > 0 && vcpus > target.maxcpu {
        let what = format!("{vcpus} vCPUs, and {name} has {}", target.maxcpu);
        return Err(Refusal::new(Code::Cpu, what));
    }
    let source = candidate.source.map(|node| &cluster.nodes()[node]);
    let mut warnings = Vec::new();
    match &candidate.config.cpu {
        Cpu::Host if candidate.mode == Mode::Live => host(source, target)?,
        Cpu::Level(level) => level_fits(&format!("x86-64-v{level}"), *level, source, target)?,
        Cpu::Named(model) => warnings.extend(named(model, source, target)?),
        Cpu::Any | Cpu::Host => {}
    }
    warnings.extend(affinity(candidate, target)?);
    warnings.extend(memory_layout(candidate, name));
    Ok(warnings)
}

fn host(source: Option<&Node>, target: &Node) -> Result<(), Refusal> {
    let name = &target.node;
    let here = source.and_then(|node| node.cpu_model.as_deref());
    match (here, target.cpu_model.as_deref()) {
        (Some(here), Some(there)) if here == there => Ok(()),
        (Some(here), Some(there)) => {
            let what = format!("cpu=host runs on {here}, and {name} has {there}");
            Err(Refusal::new(Code::Cpu, what))
        }
        _ => {
            let what = format!("cpu=host: the processor of {name} is not in the state");
            Err(Refusal::new(Code::Unseen, what))
        }
    }
}

fn level_fits(cpu: &str, level: u8, source: Option<&Node>, target: &Node) -> Result<(), Refusal> {
    // Where it runs although the flags are against it, they don't tell all.
    let here = source.and_then(|node| node.cpu_level);
    let is_told = here.is_none_or(|here| here >= level);
    match target.cpu_level {
        Some(has) if has < level && is_told => {
            let needs = match cpu.starts_with("x86-64") {
                true => format!("cpu={cpu}"),
                false => format!("cpu={cpu} is of x86-64-v{level}"),
            };
            let what = format!("{needs}, and {} has v{has}", target.node);
            Err(Refusal::new(Code::Cpu, what))
        }
        _ => Ok(()),
    }
}

/// A named model: its level and its maker decide; whether the node has all the rest of its
/// features is shown by no API that a token may ask.
fn named(model: &str, source: Option<&Node>, target: &Node) -> Result<Option<Refusal>, Refusal> {
    let name = &target.node;
    let begins = |models: &[&str]| models.iter().any(|known| model.starts_with(known));
    if let Some((level, _)) = LEVELS.iter().find(|(_, models)| begins(models)) {
        level_fits(model, *level, source, target)?;
    }
    let here = source.and_then(|node| node.cpu_model.as_deref());
    let there = target.cpu_model.as_deref();
    let is_intel = |model: Option<&str>| model.is_some_and(|model| model.contains("Intel"));
    if begins(&AMD_MODELS) && is_intel(there) && !is_intel(here) {
        let there = there.unwrap_or_default();
        let what = format!("cpu={model} is AMD's, and {name} has {there}");
        return Err(Refusal::new(Code::Cpu, what));
    }
    if here.is_some() && here == there {
        return Ok(None);
    }
    let what = format!(
        "cpu={model} runs on {}, and {name} has {}: no API tells whether that has all features of the model; QEMU starts no VM where one is missing",
        here.unwrap_or("a processor that is not in the state"),
        there.unwrap_or("one that is not in the state"),
    );
    Ok(Some(Refusal::new(Code::Cpu, what)))
}

/// taskset(1) fails where none of the processors exists, and goes on with those that do.
fn affinity(candidate: &Candidate<'_>, target: &Node) -> Result<Option<Refusal>, Refusal> {
    let bound = &candidate.config.affinity;
    let (name, has) = (&target.node, target.maxcpu);
    let missing = bound.iter().filter(|&&cpu| cpu >= has).count();
    if has == 0 || missing == 0 {
        return Ok(None);
    }
    let what = format!(
        "affinity: of its {} processors {name}, with {has}, lacks {missing}",
        bound.len()
    );
    let refusal = Refusal::new(Code::Cpu, what);
    if missing == bound.len() {
        return Err(refusal);
    }
    Ok(Some(refusal))
}

/// Huge pages and NUMA nodes: no API that is asked shows them.
fn memory_layout(candidate: &Candidate<'_>, node: &str) -> impl Iterator<Item = Refusal> {
    let config = &candidate.config;
    let pages = config.hugepages.as_ref().map(|size| {
        format!("hugepages={size}: no API tells whether {node} has enough of them free, without which it doesn't start")
    });
    // Every machine has a NUMA node 0.
    let bound = config.numa_node.filter(|&highest| highest > 0);
    let bound = bound.map(|highest| {
        format!("hostnodes: no API tells whether {node} has a NUMA node {highest}, without which it doesn't start")
    });
    let all = pages.into_iter().chain(bound);
    all.map(|what| Refusal::new(Code::Topology, what))
}
