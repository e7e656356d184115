//! `hacheck check`: what it is told, what is seen ([`crate::look`]), what that means ([`crate::judge`]).

use std::{
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use vmid::{
    exit::{Answer, Stop},
    stream,
};

use crate::{
    Done, Site,
    cli::{Check, Form},
    evidence::MemberFacts,
    finding::Severity,
    guests::Places,
    history::{self, Line, Past},
    judge::{self, Evidence, Verdict},
    look::{self, Known},
    nagios,
    pairs::Pair,
    prometheus, report,
};

/// A pair, what is known of it and what that means.
pub struct Checked<'a> {
    /// The pair.
    pub pair: &'a Pair,
    /// What is known.
    pub evidence: Evidence,
    /// What it means.
    pub verdict: Verdict,
    /// How long the probes took, in milliseconds.
    pub probes_ms: u64,
}

/// Checks the pairs of `--pairs` or of `input`, and writes one record for each.
///
/// # Errors
///
/// The pairs or a file that was named can't be used, or `output` failed.
pub fn run(
    args: &Check,
    site: &mut Site<'_>,
    input: impl Read,
    mut output: impl Write,
) -> Result<Done, Stop> {
    let pairs = pairs(args.pairs.as_deref(), &args.pair, input)?;
    let pairs: Vec<&Pair> = pairs.iter().collect();
    let facts = facts(&args.facts)?;
    let known = Known {
        places: places(args)?,
        facts,
    };
    let past = match &args.history {
        None => Vec::new(),
        Some(path) => history::read(path).map_err(Stop::input)?,
    };
    for stranger in strangers(&pairs, &known.facts) {
        (site.say)(&format!(
            "facts of {stranger}: none of its addresses is a member's; not used"
        ));
    }

    let mut checked = Vec::new();
    let looked = look::looked(args, &pairs, &known, site.now_ms);
    for (pair, (mut evidence, probes_ms)) in pairs.iter().copied().zip(looked) {
        let mut verdict = judge::judge(pair, &evidence, args.accept_blind);
        if let Some(path) = &args.history {
            let now = line(pair, &evidence, &verdict, &past);
            if let Some(now) = now {
                evidence.past = Some(Past::of(&past, &now));
                verdict = judge::judge(pair, &evidence, args.accept_blind);
                let added = history::add(path, &past, &now);
                added
                    .with_context(|| path.display().to_string())
                    .map_err(Stop::outside)?;
            }
        }
        checked.push(Checked {
            pair,
            evidence,
            verdict,
            probes_ms,
        });
    }

    if args.nagios {
        let code = nagios::write(&checked, &mut output).map_err(Stop::output)?;
        output.flush().map_err(Stop::output)?;
        return Ok(Done::Plugin(code));
    }
    let written = match args.format {
        Form::Json => report::json(&checked, site.terminal, &mut output),
        Form::Table => report::table(&checked, &mut output),
        Form::Prometheus => prometheus::write(&checked, site.now_ms, &mut output),
    };
    written
        .and_then(|()| output.flush())
        .map_err(Stop::output)?;
    let worst = checked
        .iter()
        .map(|checked| checked.verdict.severity())
        .max();
    Ok(Done::Answer(Answer::no_if(worst > Some(Severity::Info))))
}

/// The pairs of a file, or else of standard input; `wanted` are names, all if there is none.
///
/// # Errors
///
/// They can't be read or used, or one of `wanted` is not among them.
pub fn pairs(
    path: Option<&Path>,
    wanted: &[String],
    mut input: impl Read,
) -> Result<Vec<Pair>, Stop> {
    let (name, text) = match path {
        Some(path) => (path.display().to_string(), file(path)?),
        None => {
            let mut text = Vec::new();
            input
                .read_to_end(&mut text)
                .context("stdin")
                .map_err(Stop::outside)?;
            ("stdin".to_owned(), text)
        }
    };
    let mut pairs = Pair::parse(&text)
        .with_context(|| name.clone())
        .map_err(Stop::input)?;
    for wanted in wanted {
        if !pairs.iter().any(|pair| pair.name == *wanted) {
            let names: Vec<&str> = pairs.iter().map(|pair| pair.name.as_str()).collect();
            let what =
                anyhow::anyhow!("{name}: no pair {wanted:?}; there are {}", names.join(", "));
            return Err(Stop::input(what));
        }
    }
    pairs.retain(|pair| wanted.is_empty() || wanted.contains(&pair.name));
    Ok(pairs)
}

/// A file that the caller named: if it isn't there, the call is wrong.
fn file(path: &Path) -> Result<Vec<u8>, Stop> {
    fs::read(path)
        .with_context(|| path.display().to_string())
        .map_err(Stop::input)
}

/// The records of `hacheck member` in the files.
fn facts(paths: &[PathBuf]) -> Result<Vec<MemberFacts>, Stop> {
    let mut all = Vec::new();
    for path in paths {
        let name = || path.display().to_string();
        let records = stream::parse(&file(path)?)
            .with_context(name)
            .map_err(Stop::input)?;
        for (place, kept) in records.iter().enumerate() {
            let facts = serde_json::from_str(kept.record().text());
            let facts = facts.with_context(|| {
                format!("{}: record {} is none of hacheck member", name(), place + 1)
            });
            all.push(facts.map_err(Stop::input)?);
        }
    }
    Ok(all)
}

/// Where the guests are, if a file says so.
fn places(args: &Check) -> Result<Option<Places>, Stop> {
    let Some(path) = &args.guests else {
        return Ok(None);
    };
    let places = Places::parse(&file(path)?).map_err(anyhow::Error::msg);
    places
        .with_context(|| path.display().to_string())
        .map(Some)
        .map_err(Stop::input)
}

fn strangers(pairs: &[&Pair], facts: &[MemberFacts]) -> Vec<String> {
    let known = |facts: &&MemberFacts| !pairs.iter().any(|pair| look::whose(pair, facts).is_some());
    facts
        .iter()
        .filter(known)
        .map(|facts| facts.host.clone())
        .collect()
}

/// What this check adds to the history; none if it could not name the holder.
fn line(pair: &Pair, evidence: &Evidence, verdict: &Verdict, past: &[Line]) -> Option<Line> {
    let holder = pair.members[verdict.holder?].name.clone();
    let mut become_master = past
        .iter()
        .rfind(|line| line.pair == pair.name)
        .map_or_else(Default::default, |last| last.become_master.clone());
    for stated in &evidence.facts {
        let instances = stated.facts.keepalived.iter().flatten();
        let mut of_pair = instances.filter(|i| pair.vip.is_some_and(|vip| i.vips.contains(&vip)));
        if let Some(count) = of_pair.find_map(|instance| instance.counters.get("become_master")) {
            become_master.insert(pair.members[stated.member].name.clone(), *count);
        }
    }
    Some(Line {
        at_ms: evidence.now_ms,
        pair: pair.name.clone(),
        holder,
        become_master,
    })
}
