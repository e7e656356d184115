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
            let server = Server::parse(&named_file::read(path)?, &args.place.ns);
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
    table::present(args.format, COLUMNS, output, around.terminal, |lines| {
        let differ = compared.write(lines).map_err(Stop::output)?;
        lines.flush().map_err(Stop::output)?;
        // An answer about no group of the list agrees with nothing.
        let nothing = compared.strangers > 0 && compared.strangers == list.groups.len();
        Ok(Answer::no_if((differ || nothing) && server.is_some()))
    })
}
