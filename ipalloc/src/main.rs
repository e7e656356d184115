//! `ipalloc`: an address for each named guest.
//!
//! Nothing but wiring is here; the work is in the library.

use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
};

use clap::Parser as _;
use ipalloc::cli::{Cli, Command};
use jiff::Timestamp;
use vmid::exit;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return exit::usage("ipalloc", &error),
    };
    let reads_stdin = match &cli.command {
        Command::Allocate(allocate) => allocate.names.is_empty(),
        Command::Release(release) => release.names.is_empty() && release.retired_before.is_none(),
        Command::Show(_) => false,
        Command::Check(_) => true,
    };
    if reads_stdin && io::stdin().is_terminal() {
        return exit::nothing_to_read("ipalloc", "records, or names as arguments");
    }
    let (input, output) = (io::stdin().lock(), io::stdout().lock());
    let terminal = output.is_terminal();
    let result = ipalloc::run(&cli.command, Timestamp::now(), input, output, terminal);
    exit::report("ipalloc", result)
}
