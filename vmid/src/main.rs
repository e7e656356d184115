//! `vmid`: a guest ID from VLAN and address, and back.
//!
//! Nothing but wiring is here; the work is in the library.

use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
};

use clap::Parser as _;
use vmid::{
    Surroundings,
    cli::{Cli, Command},
    exit,
};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return exit::usage::<Cli>(&error),
    };
    let reads_stdin = match &cli.command {
        Command::Encode(encode) => encode.values.is_empty(),
        Command::Decode(decode) => decode.values.is_empty(),
        Command::Check(_) | Command::Trace(_) => true,
        Command::Site(_) => false,
    };
    if reads_stdin && io::stdin().is_terminal() {
        return exit::nothing_to_read("vmid", "records, or values as arguments");
    }
    let (input, output) = (io::stdin().lock(), io::stdout().lock());
    let surroundings = Surroundings {
        terminal: output.is_terminal(),
    };
    let result = vmid::run(&cli.command, &surroundings, input, output);
    exit::report("vmid", result)
}
