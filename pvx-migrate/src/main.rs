//! `pvx-migrate`: plan guest moves, then run the plan.
//!
//! Nothing but wiring is here; the work is in the library.

use std::{
    env, fs,
    io::{self, IsTerminal as _},
    process::ExitCode,
};

use clap::Parser as _;
use jiff::Timestamp;
use pvx_migrate::{Surroundings, cli::Cli, pve::Environment};
use vmid::exit;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return exit::usage("pvx-migrate", &error),
    };
    if let Some(wanted) = cli.command.reads()
        && io::stdin().is_terminal()
    {
        return exit::nothing_to_read("pvx-migrate", wanted);
    }
    let (input, output) = (io::stdin().lock(), io::stdout().lock());
    let terminal = output.is_terminal();
    let surroundings = Surroundings {
        environment: Environment::of(|name| env::var(name).ok()),
        now: Timestamp::now(),
        macs: macs(),
    };
    let result = pvx_migrate::run(&cli.command, &surroundings, input, output, terminal);
    exit::report("pvx-migrate", result)
}

/// The MAC addresses of the machine this runs on, in lower case; none where Linux shows none.
fn macs() -> Vec<String> {
    let interfaces = fs::read_dir("/sys/class/net")
        .into_iter()
        .flatten()
        .flatten();
    let addresses = interfaces
        .filter_map(|interface| fs::read_to_string(interface.path().join("address")).ok());
    let mut macs: Vec<String> = addresses
        .map(|text| text.trim().to_lowercase())
        .filter(|mac| mac.len() == 17 && mac != "00:00:00:00:00:00")
        .collect();
    macs.sort_unstable();
    macs.dedup();
    macs
}
