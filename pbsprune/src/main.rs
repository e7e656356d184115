//! `pbsprune`: which backups to keep, and why.
//!
//! Nothing but wiring is here, and the only look at clock and system zone.

use std::{
    env,
    io::{self, IsTerminal as _},
    process::ExitCode,
};

use anyhow::anyhow;
use clap::Parser as _;
use jiff::Timestamp;
use pbsprune::{
    Surroundings,
    cli::{self, Cli, Command},
    zone::Zone,
};
use vmid::exit::{self, Stop};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            return match cli::file_as_word(&error) {
                Some(what) => exit::report("pbsprune", Err(Stop::input(anyhow!(what)))),
                None => exit::usage::<Cli>(&error),
            };
        }
    };
    let clock = cli.clock();
    let variable = env::var("TZ").ok();
    let system = || Zone::system(variable.as_deref());
    let zone = match clock.tz.clone().map_or_else(system, Ok) {
        Ok(zone) => zone,
        Err(unknown) => {
            let stop = Stop::input(unknown).hint("name the server's: --tz Europe/Berlin");
            return exit::report("pbsprune", Err(stop));
        }
    };
    let now = clock.now.unwrap_or_else(Timestamp::now);
    let nothing = io::stdin().is_terminal();
    if nothing && !matches!(cli.command, Some(Command::Simulate(_))) {
        let wanted = match cli.command {
            Some(Command::Files(_)) => "a list of files",
            _ => "a snapshot list",
        };
        return exit::nothing_to_read("pbsprune", wanted);
    }
    let input: Box<dyn io::Read> = match nothing {
        true => Box::new(io::empty()),
        false => Box::new(io::stdin().lock()),
    };
    let output = io::stdout().lock();
    let terminal = output.is_terminal();
    let now = now.as_second();
    let mut say = |note: &str| exit::say("pbsprune", note);
    let mut around = Surroundings {
        now,
        zone,
        terminal,
        say: &mut say,
    };
    let result = pbsprune::run(&cli, &mut around, input, output);
    exit::report("pbsprune", result)
}
