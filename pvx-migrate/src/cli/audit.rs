//! `pvx-migrate audit`: its options.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::value;

/// How the findings come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// A record for each subject, JSON Lines
    Json,
    /// A row for each finding, the worst first
    Table,
    /// The same with all fields, for spreadsheets
    Csv,
    /// The same for a wiki
    Markdown,
}

/// `pvx-migrate audit`
#[derive(Debug, Args)]
pub struct Audit {
    /// The site
    #[command(flatten)]
    pub site: vmid::site::Named,
    /// How many times a node's memory may be given to guests that run, 0.1 to 100 [default: the site's
    /// limits.ram_ratio, else 1.5]
    #[arg(long, value_name = "N", value_parser = value::ratio)]
    pub ram_ratio: Option<f64>,
    /// Snapshots may be so old: 12h, 30d
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = value::time())]
    pub snapshot_age: Duration,
    /// Replicas may be so old, whatever the schedule of their job [default: as old as that has them]
    #[arg(long, value_name = "TIME", value_parser = value::time())]
    pub replica_age: Option<Duration>,
    /// Refuse a state document that is older: 90s, 10m, 1h30m
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = value::time())]
    pub max_age: Duration,
    /// How the findings come out
    #[arg(long, value_name = "FORM", default_value = "json")]
    pub format: Form,
    /// One line for a monitoring system, and its exit codes
    #[arg(long, conflicts_with = "format")]
    pub nagios: bool,
}
