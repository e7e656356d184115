//! What a check is told before it looks: pairs, facts of the members, places of the guests.
//! A file that the caller named and that can't be used is a wrong call.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use vmid::{exit::Stop, stream};

use crate::{evidence::MemberFacts, guests::Places, pairs::Pair};

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
///
/// # Errors
///
/// A file can't be read, or has something else in it.
pub fn facts(paths: &[PathBuf]) -> Result<Vec<MemberFacts>, Stop> {
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
///
/// # Errors
///
/// It can't be read, or has no guest in it.
pub fn places(path: Option<&Path>) -> Result<Option<Places>, Stop> {
    let Some(path) = path else {
        return Ok(None);
    };
    let places = Places::parse(&file(path)?).map_err(anyhow::Error::msg);
    places
        .with_context(|| path.display().to_string())
        .map(Some)
        .map_err(Stop::input)
}
