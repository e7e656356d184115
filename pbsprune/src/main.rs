//! `pbsprune`: which backups to keep, and why.
//!
//! Nothing but wiring is here, and the only look at clock and system zone.

use std::{
    env,
    io::{self, IsTerminal as _, Write as _},
    process::ExitCode,
};

use anyhow::anyhow;
use clap::Parser as _;
use jiff::Timestamp;
use pbsprune::{
    Surroundings,
    cli::{self, Cli, Command},
    nagios,
    zone::Zone,
};
use vmid::exit::{self, Stop};

fn main() -> ExitCode {
    // A plugin says everything on stdout, a wrong call included.
    let plugin = env::args_os().any(|word| word == "--nagios");
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if plugin && error.use_stderr() => return unknown(&exit::wrong_call(&error)),
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
        Err(wrong) if plugin => return unknown(&wrong.to_string()),
        Err(wrong) => {
            let stop = Stop::input(wrong).hint("name the server's: --tz Europe/Berlin");
            return exit::report("pbsprune", Err(stop));
        }
    };
    let now = clock.now.unwrap_or_else(Timestamp::now);
    let nothing = io::stdin().is_terminal();
    if nothing && !matches!(cli.command, Some(Command::Simulate(_))) {
        let wanted = match cli.command {
            Some(Command::Files(_)) => "a list of files",
            Some(Command::Schedule(_)) => "records of jobs",
            _ => "a snapshot list",
        };
        if plugin {
            return unknown("nothing to read: standard input is a terminal");
        }
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
        plugin: None,
    };
    let result = pbsprune::run(&cli, &mut around, input, output);
    match (result, around.plugin) {
        (Err(stop), _) if plugin => unknown(&stop.to_string()),
        (Ok(_), Some(code)) => ExitCode::from(code),
        (result, _) => exit::report("pbsprune", result),
    }
}

/// The plugin's line for a check that could not be done, and its code.
fn unknown(what: &str) -> ExitCode {
    let line = nagios::failed(what.trim_start_matches("error: "));
    // Nowhere is left to say that stdout is gone.
    let _ = io::stdout().write_all(line.as_bytes());
    ExitCode::from(3)
}
