//! `hacheck`: is this pair really redundant, right now, and how long was it not.
//!
//! Nothing but wiring is here.

use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

use clap::Parser as _;
use hacheck::{Site, cli::Cli};
use vmid::exit;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return exit::usage("hacheck", &error),
    };
    let output = io::stdout().lock();
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let site = Site {
        now_ms: now.map_or(0, |now| now.as_millis() as i64),
        terminal: output.is_terminal(),
    };
    exit::report("hacheck", hacheck::run(&cli, &site, output))
}
