//! `hacheck`: is this pair really redundant, right now, and how long was it not.
//!
//! Nothing but wiring is here, and the only look at the clock's date.

use std::{
    env,
    io::{self, IsTerminal as _, Write as _},
    os::fd::AsFd as _,
    path::PathBuf,
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

use clap::Parser as _;
use hacheck::{Done, Surroundings, cli::Cli, nagios, stdin::Stdin};
use vmid::exit;

fn main() -> ExitCode {
    // A plugin says everything on stdout, a wrong call included.
    let plugin = env::args_os().any(|word| word == "--nagios");
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if plugin && error.use_stderr() => return unknown(&exit::wrong_call(&error)),
        Err(error) => return exit::usage::<Cli>(&error),
    };
    let input = io::stdin();
    let output = io::stdout().lock();
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let mut say = |note: &str| exit::say("hacheck", note);
    let mut draw = |line: &str| {
        // A progress line that can't be written is no loss.
        let _ = write!(io::stderr(), "\r{line}\x1b[K");
    };
    let mut surroundings = Surroundings {
        stdin: Stdin(input.as_fd()),
        // An empty name counts as none.
        pvx_site: env::var_os("PVX_SITE")
            .filter(|name| !name.is_empty())
            .map(PathBuf::from),
        one_line: plugin,
        now_ms: now.map_or(0, |now| now.as_millis() as i64),
        terminal: output.is_terminal(),
        say: &mut say,
        draw: io::stderr().is_terminal().then_some(&mut draw),
    };
    match hacheck::run(&cli, &mut surroundings, output) {
        Ok(Done::Answer(answer)) => exit::report("hacheck", Ok(answer)),
        Ok(Done::Plugin(code)) => ExitCode::from(code),
        Err(stop) if plugin => unknown(&stop.to_string()),
        Err(stop) => exit::report("hacheck", Err(stop)),
    }
}

/// The plugin's line for a check that could not be done, and its code.
fn unknown(what: &str) -> ExitCode {
    let line = nagios::failed(what.trim_start_matches("error: "));
    // Nowhere is left to say that stdout is gone.
    let _ = io::stdout().write_all(line.as_bytes());
    ExitCode::from(3)
}
