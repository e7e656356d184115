//! `pvx-migrate`: plan guest moves, then run the plan.
//!
//! Nothing but wiring is here; the work is in the library.

use std::{
    env, fs,
    io::{self, IsTerminal as _, Write as _},
    process::ExitCode,
};

use clap::Parser as _;
use jiff::Timestamp;
use pvx_migrate::{
    Surroundings,
    cli::{Cli, Command},
    pve::Environment,
    run::clock::Interrupts,
};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};
use vmid::{exit, http, nagios};

fn main() -> ExitCode {
    http::forbid_core_dumps();
    // A plugin says everything on stdout, a wrong call included.
    let plugin = env::args_os().any(|word| word == "--nagios");
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if plugin && error.use_stderr() => return unknown(&exit::wrong_call(&error)),
        Err(error) => return exit::usage::<Cli>(&error),
    };
    if let Some(wanted) = cli.command.reads()
        && io::stdin().is_terminal()
    {
        if plugin {
            return unknown("nothing to read: standard input is a terminal");
        }
        return exit::nothing_to_read("pvx-migrate", wanted);
    }
    let (input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let terminal = output.is_terminal();
    let surroundings = Surroundings {
        environment: Environment::of(|name| env::var(name).ok()),
        now: Timestamp::now(),
        macs: macs(),
        interrupts: Interrupts::default(),
        netbox: env::var("NETBOX_URL").ok(),
        speed: env::var("PVX_SPEED").ok(),
        stderr_terminal: io::stderr().is_terminal(),
    };
    if let Command::Run(_) = cli.command
        && let Err(error) = count_interrupts(surroundings.interrupts.clone())
    {
        let what = anyhow::Error::new(error).context("signals can't be taken");
        return exit::report("pvx-migrate", Err(exit::Stop::outside(what)));
    }
    if plugin {
        return match pvx_migrate::plugin(&cli.command, &surroundings, input, &mut output) {
            Some(Ok(code)) => ExitCode::from(code),
            Some(Err(stop)) => unknown(&stop.to_string()),
            None => unknown("the command has no --nagios"),
        };
    }
    let result = pvx_migrate::run(&cli.command, &surroundings, input, output, terminal);
    exit::report("pvx-migrate", result)
}

/// The plugin's line for a check that could not be done, and its code.
fn unknown(what: &str) -> ExitCode {
    let line = nagios::failed("pvx-migrate", what.trim_start_matches("error: "));
    // Nowhere is left to say that stdout is gone.
    let _ = io::stdout().write_all(line.as_bytes());
    ExitCode::from(3)
}

/// Ctrl-C, TERM and a terminal that goes away stop a run, they do not kill it: the first begins
/// nothing new, the second leaves what is under way, the third is the end.
fn count_interrupts(interrupts: Interrupts) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    std::thread::spawn(move || {
        for signal in signals.forever() {
            match interrupts
                .0
                .fetch_add(1, std::sync::atomic::Ordering::Relaxed)
            {
                0 => exit::say(
                    "pvx-migrate",
                    "stopping: nothing new is begun; again leaves what is under way to the journal",
                ),
                1 => {}
                _ => drop(signal_hook::low_level::emulate_default_handler(signal)),
            }
        }
    });
    Ok(())
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
