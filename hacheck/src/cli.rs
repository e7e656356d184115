//! The command line of `hacheck`.

use clap::{Args, Parser, Subcommand};
use vmid::table::Format;

use crate::span::Span;

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
pub enum Command {
    /// Say what this host knows of itself, as one record (no privileges needed)
    #[command(after_help = "\
Its addresses, whether a VRRP daemon lives, its neighbours; as root, also keepalived's own dump.
The records of all members are for check --facts.

Exit codes: 0 done, 2 bad call, 3 stdout failed

  ssh dns-1 hacheck member >dns-1.json; ssh dns-2 hacheck member >dns-2.json
  hacheck check --pairs pairs.json --facts dns-1.json dns-2.json")]
    Member(Member),
    /// Print each VRRP advert on this host's segments (needs CAP_NET_RAW)
    #[command(after_help = "\
Version 2 passwords are not printed. A packet that is no advert has the error \"malformed\".

Exit codes: 0 done, 1 some packet was no advert, 2 bad call, 3 not permitted, or stdout failed

  hacheck listen --for 5s --format table")]
    Listen(Listen),
}

/// `hacheck member`
#[derive(Debug, Args)]
pub struct Member {
    /// Also say how old FILE is; may be repeated
    #[arg(long = "file", value_name = "FILE")]
    pub files: Vec<String>,
}

/// `hacheck listen`
#[derive(Debug, Args)]
pub struct Listen {
    /// How long: 500ms, 5s, 2m
    #[arg(long = "for", value_name = "TIME", default_value = "5s")]
    pub duration: Span,
    /// Only on this one [default: all Ethernet interfaces that are up]
    #[arg(long, value_name = "NAME")]
    pub interface: Option<String>,
    /// How the adverts come out
    #[arg(long, value_name = "FORM", default_value = "json")]
    pub format: Format,
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
