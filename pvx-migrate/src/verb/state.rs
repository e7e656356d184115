//! `pvx-migrate state`: the cluster, read once, as one document.

use std::io::Write;

use vmid::exit::{self, Answer, Stop};

use crate::{Surroundings, cli, pve::Pve, read, state::Missing};

/// Reads the cluster and writes its state.
///
/// # Errors
///
/// The cluster or `output` failed.
pub fn state(
    args: &cli::State,
    surroundings: &Surroundings,
    mut output: impl Write,
) -> Result<Answer, Stop> {
    let pve = Pve::new(&surroundings.environment, &args.connection)?;
    let wanted = read::Wanted {
        nodes: &args.node,
        content: args.content,
        now: surroundings.now,
        macs: &surroundings.macs,
    };
    let state = read::read(&pve, &wanted)?;
    for missing in &state.missing {
        let Missing {
            privilege,
            path,
            r#for,
        } = missing;
        let what = format!("warning: the token lacks {privilege} on {path}: {for}");
        exit::say("pvx-migrate", &what);
    }
    let mut text = serde_json::to_vec(&state).map_err(|error| Stop::output(error.into()))?;
    text.push(b'\n');
    output
        .write_all(&text)
        .and_then(|()| output.flush())
        .map_err(Stop::output)?;
    Ok(Answer::Yes)
}
