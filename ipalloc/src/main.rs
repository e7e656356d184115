//! `ipalloc`: an address for each named guest.
//!
//! Nothing but wiring is here; the work is in the library.

use std::{
    env, fs,
    io::{self, IsTerminal as _},
    process::ExitCode,
};

use clap::Parser as _;
use ipalloc::cli::{Cli, Command, Environment};
use jiff::Timestamp;
use vmid::{exit, http};

fn main() -> ExitCode {
    http::forbid_core_dumps();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return exit::usage::<Cli>(&error),
    };
    let reads_stdin = match &cli.command {
        Command::Allocate(allocate) => allocate.names.is_empty(),
        Command::Release(release) => release.names.is_empty() && release.retired_before.is_none(),
        Command::Show(_) | Command::List(_) | Command::Setup(_) => false,
        Command::Check(_) => true,
    };
    if reads_stdin && io::stdin().is_terminal() {
        return exit::nothing_to_read("ipalloc", "records, or names as arguments");
    }
    let (input, output) = (io::stdin().lock(), io::stdout().lock());
    let terminal = output.is_terminal();
    let surroundings = ipalloc::Surroundings {
        environment: environment(),
        now: Timestamp::now(),
    };
    let result = ipalloc::run(&cli.command, &surroundings, input, output, terminal);
    exit::report("ipalloc", result)
}

fn environment() -> Environment {
    let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let user = variable("USER")
        .or_else(|| variable("LOGNAME"))
        .unwrap_or_default();
    Environment {
        url: variable("NETBOX_URL").or_else(|| variable("NETBOX_API")),
        token: variable("NETBOX_TOKEN"),
        token_file: variable("NETBOX_TOKEN_FILE"),
        https_proxy: variable("HTTPS_PROXY").or_else(|| variable("https_proxy")),
        no_proxy: variable("NO_PROXY").or_else(|| variable("no_proxy")),
        actor: format!("{user}@{}", host.trim()),
    }
}
