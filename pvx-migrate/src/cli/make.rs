//! `pvx-migrate plan make`: its options.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use vmid::table::Format;

use super::value::{self, ratio};

/// `pvx-migrate plan make`
#[derive(Debug, Args)]
pub struct Make {
    /// What 'pvx-migrate state --content' printed
    #[arg(long, value_name = "FILE")]
    pub state: PathBuf,
    /// Pairs whose members are on different nodes, beside those of --site
    #[arg(long, value_name = "FILE")]
    pub pairs: Option<PathBuf>,
    /// The site
    #[command(flatten)]
    pub site: vmid::site::Named,
    /// How many times a node's memory may be given to guests that run, 0.1 to 100 [default: the site's
    /// limits.ram_ratio, else 1.5]
    #[arg(long, value_name = "N", value_parser = ratio)]
    pub ram_ratio: Option<f64>,
    /// Refuse a state document that is older: 90s, 10m, 1h30m
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = value::time())]
    pub max_age: Duration,
    /// How the plan comes out
    #[arg(long, value_name = "FORM", default_value = "json")]
    pub format: Format,
}
