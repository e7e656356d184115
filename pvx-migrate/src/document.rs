//! The documents a plan is made from, read and checked before anything rests on them.

use std::{fs, io::Read, path::Path};

use anyhow::{Context as _, anyhow};
use jiff::{SignedDuration, Timestamp};
use vmid::exit::Stop;

use crate::{
    site::{self, Pair, Site},
    state::{State, VERSION},
};

/// How far a document may seem to come from the future: two clocks that differ.
const SKEW: SignedDuration = SignedDuration::from_mins(1);

/// The state document of `input`.
///
/// # Errors
///
/// It is none, of another version, cut off, or older than `max_age`.
pub fn state(
    mut input: impl Read,
    now: Timestamp,
    max_age: SignedDuration,
    whence: &str,
) -> Result<State, Stop> {
    let mut text = Vec::new();
    input
        .read_to_end(&mut text)
        .context(whence.to_owned())
        .map_err(Stop::outside)?;
    let hint = "expected what 'pvx-migrate state' prints";
    let bad = |what: anyhow::Error| Stop::input(what).hint(hint);
    if text.iter().all(u8::is_ascii_whitespace) {
        return Err(bad(anyhow!("{whence}: no state document: it is empty")));
    }
    let state: State = match serde_json::from_slice(&text) {
        Ok(state) => state,
        Err(error) if error.is_eof() => {
            return Err(bad(anyhow!("{whence}: the state document is cut off")));
        }
        Err(error) => return Err(bad(anyhow!("{whence}: no state document: {error}"))),
    };
    if state.version != VERSION {
        let version = state.version;
        return Err(bad(anyhow!(
            "{whence}: the state document has version {version}, this reads {VERSION}"
        )));
    }
    let age = now.duration_since(state.at);
    if age > max_age {
        let what = anyhow!(
            "{whence}: the state is of {}, {} s old; --max-age is {} s",
            state.at,
            age.as_secs(),
            max_age.as_secs()
        );
        return Err(Stop::input(what).hint("read it again: pvx-migrate state"));
    }
    if age < -SKEW {
        let what = anyhow!("{whence}: the state is of {}, which is to come", state.at);
        return Err(Stop::input(what).hint("is a clock wrong?"));
    }
    Ok(state)
}

/// The site file, and the pairs of both files.
///
/// # Errors
///
/// A file can't be read, or isn't what it should be.
pub fn site(site: Option<&Path>, pairs: Option<&Path>) -> Result<(Site, Vec<Pair>), Stop> {
    let site = match site {
        None => Site::default(),
        Some(path) => parsed(path, Site::parse)?,
    };
    let mut all = site.pairs.clone();
    if let Some(path) = pairs {
        all.extend(parsed(path, site::parse_pairs)?);
    }
    Ok((site, all))
}

/// What `parse` makes of a file.
///
/// # Errors
///
/// The file can't be read (exit code 2, as it was named by the caller), or `parse` refuses it.
pub fn parsed<T>(path: &Path, parse: impl Fn(&str) -> anyhow::Result<T>) -> Result<T, Stop> {
    let name = || path.display().to_string();
    let text = fs::read_to_string(path)
        .with_context(name)
        .map_err(Stop::input)?;
    parse(&text).with_context(name).map_err(Stop::input)
}
