//! A Proxmox guest ID that encodes the guest's place in the network, and what
//! the five tools of this workspace share.
//!
//! The domain of `vmid` is pure: [`scheme`], [`numbering`], [`networks`], [`place`],
//! [`guest`], [`whereabouts`], [`audit`]; its verbs are [`encode`], [`decode`], [`check`], [`trace`]. Shared by all tools, and frozen to what two of them use, are
//! [`stream`] (records), [`exit`] (codes, error line), [`table`], [`escape`], [`finding`], [`severity`], [`verdict`], [`exempt`], [`nagios`], [`document`] and, behind the
//! features `tls` and `http`, whom to trust and the connection to a server.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::type_complexity)
)]

use std::io::{Read, Write};

pub mod audit;
pub mod avoid;
pub mod check;
pub mod cli;
pub mod convert;
pub mod decode;
pub mod document;
pub mod encode;
pub mod escape;
pub mod exempt;
pub mod exit;
pub mod finding;
pub mod guest;
#[cfg(feature = "tls")]
pub mod handshake;
#[cfg(feature = "http")]
pub mod http;
pub mod nagios;
mod named_files;
pub mod networks;
pub mod numbering;
pub mod permission;
pub mod place;
pub mod plain_file;
pub mod positional;
pub mod reserved;
pub mod scheme;
pub mod severity;
pub mod site;
pub mod span;
pub mod stream;
pub mod table;
pub mod tally;
pub mod trace;
#[cfg(feature = "tls")]
pub mod trust;
pub mod url;
pub mod verdict;
pub mod whereabouts;

use cli::Command;
use exit::{Answer, Stop};

/// What only `main` finds out.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings {
    /// The output is a terminal.
    pub terminal: bool,
}

/// Columns of `--format table`; a record's other fields are left out there.
pub(crate) const COLUMNS: &[&str] = &[
    "vmid",
    "name",
    "type",
    "node",
    "status",
    "vlan",
    "host",
    "address",
    "expected_vmid",
    "findings",
    "error",
];

/// Runs one command: records from `input` (or from its arguments) to `output`.
///
/// # Errors
///
/// The input is no stream of records, or a file or `output` failed.
pub fn run(
    command: &Command,
    surroundings: &Surroundings,
    input: impl Read,
    output: impl Write,
) -> Result<Answer, Stop> {
    match command {
        Command::Encode(args) => encode::run(args, surroundings, input, output),
        Command::Decode(args) => decode::run(args, surroundings, input, output),
        Command::Check(args) => check::run(args, surroundings, input, output),
        Command::Trace(args) => trace::run(args, surroundings, input, output),
        Command::Site(args) => site::print::run(args, output),
    }
}
