//! `pvx-migrate plan remove`: its options.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use vmid::table::Format;

use super::value;

/// `pvx-migrate plan remove`
#[derive(Debug, Args)]
pub struct Remove {
    /// The guests' IDs (101 102, or 101,102)
    #[arg(value_name = "VMID", required = true, value_delimiter = ',', value_parser = value::vmid)]
    pub guests: Vec<u32>,
    /// The name that the guest must have; for one guest
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Its HA resource, its replication jobs and its entries in backup jobs go with it
    #[arg(long)]
    pub purge: bool,
    /// Shut it down if it runs; never a hard stop
    #[arg(long)]
    pub stop: bool,
    /// No member of a pair needs to be left
    #[arg(long)]
    pub whole_pair: bool,
    /// PBS's list of backups, among which there must be one of the guest
    #[arg(long, value_name = "FILE", conflicts_with = "no_backup_needed")]
    pub snapshots: Option<PathBuf>,
    /// No backup of the guest is needed
    #[arg(long)]
    pub no_backup_needed: bool,
    /// The backup is no older: 90s, 12h, 7d
    #[arg(long, value_name = "TIME", default_value = "1d", value_parser = value::time())]
    pub backup_within: Duration,
    /// Pairs, beside those of --site
    #[arg(long, value_name = "FILE")]
    pub pairs: Option<PathBuf>,
    /// The site
    #[command(flatten)]
    pub site: vmid::site::Named,
    /// Refuse a state document that is older: 90s, 10m, 1h30m
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = value::time())]
    pub max_age: Duration,
    /// How the plan comes out
    #[arg(long, value_name = "FORM", default_value = "json")]
    pub format: Format,
}
