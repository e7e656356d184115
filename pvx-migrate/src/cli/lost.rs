//! `pvx-migrate plan lost`: its options.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};

use super::{
    policy,
    value::{self, number, ratio},
};

/// `pvx-migrate plan lost`
#[derive(Debug, Args)]
pub struct Lost {
    /// The nodes that are lost together
    #[arg(value_name = "NODE", required_unless_present = "all", conflicts_with = "all", value_parser = value::node)]
    pub nodes: Vec<String>,
    /// Each node of the cluster, one after the other
    #[arg(long)]
    pub all: bool,
    /// PBS's list of backups: what can be restored
    #[arg(long, value_name = "FILE")]
    pub snapshots: Option<PathBuf>,
    /// A state document of before, with the configurations that a node that is off doesn't give
    #[arg(long, value_name = "FILE")]
    pub before: Option<PathBuf>,
    /// Pairs, beside those of --site
    #[arg(long, value_name = "FILE")]
    pub pairs: Option<PathBuf>,
    /// The site
    #[command(flatten)]
    pub site: vmid::site::Named,
    /// How many times a node's memory may be given to guests that run, 0.1 to 100 [default: the site's
    /// limits.ram_ratio, else 1.5]
    #[arg(long, value_name = "N", value_parser = ratio)]
    pub ram_ratio: Option<f64>,
    /// What a restore gets, in MB/s
    #[arg(long, value_name = "MB/S", default_value_t = policy::BANDWIDTH / 1_000_000, value_parser = number(1_u64, 1_000_000))]
    pub bandwidth: u64,
    /// Refuse a state document that is older: 90s, 10m, 1h30m
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = value::time())]
    pub max_age: Duration,
    /// How it comes out
    #[arg(long, value_name = "FORM", default_value = "json")]
    pub format: Form,
    /// One line and the exit code of a monitoring plugin
    #[arg(long, conflicts_with = "format")]
    pub nagios: bool,
}

/// The form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// JSON Lines
    Json,
    /// Aligned columns, for people
    Table,
    /// All fields, for spreadsheets
    Csv,
    /// A runbook to print
    Markdown,
}
