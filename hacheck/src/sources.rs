//! What a check is told before it looks: pairs, facts of the members, places of the guests.
//!
//! The pairs are those of `--pairs`, `--site`, standard input or PVX_SITE, in this order. If records
//! wait in standard input although a file is named, two lists of pairs are in the call, and nobody
//! knows which was meant.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use vmid::{exit::Stop, span, stream};

use crate::{
    Surroundings,
    cli::Pairs,
    evidence::MemberFacts,
    guests::Places,
    input_file,
    pairs::{Faults, Form, Pair},
    stdin::{Stdin, Waiting},
};

/// How long records that are on their way may take, where a file names the pairs.
const ON_THEIR_WAY: Duration = Duration::from_millis(100);

/// How long nothing may come in before PVX_SITE is there in vain.
const OPEN: Duration = Duration::from_secs(10);

/// The pairs of the call that are called `wanted`, all if there are no names. `others` are the
/// other files that the call names: standard input may be one of them, as `/dev/stdin`.
///
/// # Errors
///
/// They can't be read or used, or one of `wanted` is not among them.
pub fn pairs(
    args: &Pairs,
    wanted: &[String],
    others: &[&Path],
    surroundings: &Surroundings<'_>,
) -> Result<Vec<Pair>, Stop> {
    let read = |name: String, text: &[u8], form: Form| {
        let pairs = Pair::read(text, form, wanted);
        pairs.map_err(|faults| stop(&faults, &name, surroundings.one_line))
    };
    // An empty name of a site counts as none, in the call as in the environment.
    let site = args.site.as_ref();
    let site = site.filter(|path| !path.as_os_str().is_empty());
    let named = match (&args.pairs, site) {
        (Some(path), _) => Some((path, Form::Any, "--pairs")),
        (None, Some(path)) => Some((path, Form::Site, "--site")),
        (None, None) => None,
    };
    let input = &surroundings.stdin;
    if let Some((path, form, option)) = named {
        let mut files = others.iter().copied().chain([path.as_path()]);
        if !files.any(|file| input.is(file)) && waiting(input, ON_THEIR_WAY)? == Waiting::Records {
            let what = format!("{option} names the pairs, and records wait in standard input");
            let hint = "add </dev/null if the pairs of the file are meant";
            return Err(Stop::input(anyhow::anyhow!(what)).hint(hint));
        }
        return read(path.display().to_string(), &input_file::read(path)?, form);
    }
    if let Some(site) = &surroundings.pvx_site
        && comes_to_nothing(input)?
    {
        let name = site.display().to_string();
        return read(name, &input_file::read(site)?, Form::Site);
    }
    if waiting(input, Duration::ZERO)? == Waiting::Terminal {
        return Err(nothing("nothing to read: standard input is a terminal"));
    }
    let text = input.read().map_err(|error| outside(&error))?;
    if text.trim_ascii().is_empty() {
        return Err(nothing("standard input: no records came in"));
    }
    read("stdin".to_owned(), &text, Form::Any)
}

/// Nothing comes in, so that PVX_SITE counts.
fn comes_to_nothing(input: &Stdin<'_>) -> Result<bool, Stop> {
    match waiting(input, OPEN)? {
        Waiting::Terminal | Waiting::Nothing => Ok(true),
        Waiting::Records | Waiting::Other => Ok(false),
        Waiting::Open => {
            let open = span::shown(OPEN);
            let what = format!(
                "standard input is open and nothing came in {open}: are its pairs meant, or those of PVX_SITE?"
            );
            let hint = "--site \"$PVX_SITE\" or </dev/null says that the site's are";
            Err(Stop::input(anyhow::anyhow!(what)).hint(hint))
        }
    }
}

fn waiting(input: &Stdin<'_>, patience: Duration) -> Result<Waiting, Stop> {
    input.waiting(patience).map_err(|error| outside(&error))
}

fn outside(error: &std::io::Error) -> Stop {
    let why = vmid::exit::reason(error);
    Stop::outside(anyhow::anyhow!("standard input: {why}"))
}

fn nothing(what: &str) -> Stop {
    let what = anyhow::anyhow!("{what}; name the pairs: --pairs FILE, --site FILE or PVX_SITE");
    Stop::input(what).hint("try 'hacheck check --help'")
}

/// A line for each fault; where there is but one, all on it.
fn stop(faults: &Faults, name: &str, one_line: bool) -> Stop {
    match one_line {
        true => Stop::input(anyhow::anyhow!("{name}: {faults}")),
        false => faults.stop(name),
    }
}

/// The records of `hacheck member` in the files.
///
/// # Errors
///
/// A file can't be read, or has something else in it.
pub fn facts(paths: &[PathBuf]) -> Result<Vec<MemberFacts>, Stop> {
    let mut all = Vec::new();
    for path in paths {
        let wrong = |what: String| Stop::input(anyhow::anyhow!("{}: {what}", path.display()));
        let text = input_file::read(path)?;
        let records = stream::parse(&text).map_err(|bad| wrong(bad.to_string()))?;
        for (place, kept) in records.iter().enumerate() {
            let facts = serde_json::from_str(kept.record().text());
            let facts = facts.map_err(|error| {
                let why = unlike(&error);
                wrong(format!(
                    "record {} is none of hacheck member: {why}",
                    place + 1
                ))
            });
            all.push(facts?);
        }
    }
    Ok(all)
}

/// In what a record differs from those of `hacheck member`.
fn unlike(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let missing = text.strip_prefix("missing field `");
    match missing.and_then(|behind| behind.split_once('`')) {
        Some((name, _)) => format!("it has no {name}"),
        None => "one of its fields is of another type".to_owned(),
    }
}

/// Where the guests are, if a file says so.
///
/// # Errors
///
/// It can't be read, or has no guest in it.
pub fn places(path: Option<&Path>) -> Result<Option<Places>, Stop> {
    let Some(path) = path else {
        return Ok(None);
    };
    let places = Places::parse(&input_file::read(path)?);
    let places = places.map_err(|what| Stop::input(anyhow::anyhow!("{}: {what}", path.display())));
    places.map(Some)
}
