//! `hacheck`: is this pair really redundant, right now, and how long was it not.
//!
//! Nothing but wiring is here.

use std::process::ExitCode;

use clap::Parser as _;
use hacheck::cli::Cli;
use vmid::exit;

fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => match cli.command {},
        Err(error) => exit::usage("hacheck", &error),
    }
}
