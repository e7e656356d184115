//! The command line of `hacheck`.

use clap::{Parser, Subcommand};

/// Say whether HA pairs are really redundant right now, with the evidence for it
#[derive(Debug, Parser)]
#[command(name = "hacheck", version)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn definition_is_sound() {
        Cli::command().debug_assert();
    }
}
