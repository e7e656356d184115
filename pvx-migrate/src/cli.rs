//! The command line of `pvx-migrate`.

use clap::{Args, Parser, Subcommand};

/// Plan guest moves in a Proxmox VE cluster, with every blocker known before the first one
#[derive(Debug, Parser)]
#[command(name = "pvx-migrate", version)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read the cluster and print it as one JSON document
    State(State),
    /// Run a plan: move its guests, and leave nothing stopped that ran
    Run(crate::run::args::Run),
}

impl Command {
    /// What is read from standard input, if anything.
    #[must_use]
    pub fn reads(&self) -> Option<&'static str> {
        match self {
            Self::State(_) => None,
            Self::Run(_) => Some("a plan"),
        }
    }
}

/// `pvx-migrate state`
#[derive(Debug, Args)]
pub struct State {
    /// Read the guests of these nodes in full, of others only what the overview says [default: all]
    #[arg(long, value_name = "NODE", value_delimiter = ',')]
    pub node: Vec<String>,
    /// How the cluster is reached
    #[command(flatten)]
    pub connection: vmid::http::Options,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn definition_is_sound() {
        Cli::command().debug_assert();
    }
}
