//! `pbsprune diff`: the rows that two policies, or a policy and the server, decide differently.

use std::io::{Read, Write};

use anyhow::Context as _;
use vmid::{
    exit::{Answer, Stop},
    table,
};

use crate::{
    Surroundings,
    cli::Diff,
    comparison::{COLUMNS, Compared, Other, Server},
    input, named_file,
};

/// Runs it: a snapshot list from `input`, the answer to `output`.
///
/// # Errors
///
/// The input is no snapshot list, the server's file can't be used, or `output` failed.
pub fn run(
    args: &Diff,
    around: &mut Surroundings<'_>,
    input: impl Read,
    output: impl Write,
) -> Result<Answer, Stop> {
    let server = match &args.server {
        Some(path) => {
            let text = named_file::read(path)?;
            if text.iter().all(u8::is_ascii_whitespace) {
                let what = format!("{}: no answer of the server: it is empty", path.display());
                return Err(Stop::input(anyhow::anyhow!(what)));
            }
            let server = Server::parse(&text, &args.place.ns);
            let server = server.with_context(|| path.display().to_string());
            Some(server.map_err(Stop::input)?)
        }
        None => None,
    };
    let list = input::list(input, &args.place.ns, args.allow_empty)?;
    let other = match (&args.b, &server) {
        (_, Some(server)) => Other::Server(server),
        (b, None) => Other::Policy(b.unwrap_or_default()), // clap wants one of them
    };
    let compared = Compared::new(&list, &around.zone, args.a, other);
    if compared.strangers > 0 {
        (around.say)(&format!(
            "groups of the list that the server's answer has nothing of: {} (not compared)",
            compared.strangers
        ));
    }
    // An answer about no group of the list agrees with nothing: the wrong group, or --ns forgotten.
    if compared.strangers > 0 && compared.strangers == list.groups.len() {
        let what = "nothing was compared: the server's answer has no group of the list";
        return Err(Stop::input(anyhow::anyhow!(what))
            .hint("--ns names the namespace of rows that name none; the answer is of one group"));
    }
    table::present(args.format, COLUMNS, output, around.terminal, |lines| {
        let differ = compared.write(lines).map_err(Stop::output)?;
        lines.flush().map_err(Stop::output)?;
        Ok(Answer::no_if(differ && server.is_some()))
    })
}
