//! `vmid site`: the normalised document on one line, or all that is wrong with the file.

use std::io::Write;

use anyhow::anyhow;

use super::read;
use crate::{
    cli,
    exit::{Answer, Stop},
};

/// Runs the verb.
///
/// # Errors
///
/// No site is named, the file can't be read or is wrong (exit code 2), or `output` failed.
pub fn run(args: &cli::PrintSite, mut output: impl Write) -> Result<Answer, Stop> {
    let named = args.file.as_deref().or(args.site.path());
    let Some(path) = named else {
        let what = anyhow!("no site is named");
        return Err(Stop::input(what).hint("name a FILE, or --site FILE, or set PVX_SITE"));
    };
    let site = read(path)?;
    writeln!(output, "{}", site.document)
        .and_then(|()| output.flush())
        .map_err(Stop::output)?;
    Ok(Answer::Yes)
}
