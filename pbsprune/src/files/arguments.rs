//! The command line of `pbsprune files`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use vmid::table::Format;

use crate::{
    guard::Limit,
    options::{Clock, Counts, seconds},
};

/// What `files` says of itself behind its options.
pub const HELP: &str = "\
Reads a record {path, size, mtime} for each file (as find -printf can tell it: bytes, seconds), and
writes it back with series, backup-time, dated-by (name or mtime), mark (keep, keep-partial, remove;
null: left alone), reason and why. Nothing is removed: that is for who reads the marks, as
scripts/prune-tarballs does.

A series is the folder and the name without its date, part (.aa, .part1) and suffix: all else, digits
included, belongs to it. The rules and guards are those of mark, for each series by itself. What has
no date, two readings, or a mark to be kept (KEEP_x, x (1).tar) is left alone and displaces nothing.
Digits behind a date (_1001) are a time of day only if nothing speaks for a guest's ID or a port: not if
several come back on several days, or two are of one day, unless the files were written at these times.
Checksums, logs, notes and signatures go with their archive. Where names say full and incr (or diff,
level1), an increment that stays keeps all that it stands on, and without any full one nothing of it
goes; other chains of increments aren't known: don't prune them with this. That the last part of a
split archive is missing can't be seen, but beside an older one with more parts: then it is left alone,
and so is one that begins with .01 where others begin with .00. Bytes of a path that are no UTF-8 must come as U+FFFD: such a file is left alone.

Exit codes: 0 done; 1 a guard refused a series, a date couldn't be read, a folder has no backup, or a
record came with an error; 2 the call or the input is wrong, or no input came; 3 standard input or
output failed

  find BK_* -type f -printf '{\"path\":\"%p\",\"size\":%s,\"mtime\":%T@}\\n' | pbsprune files --keep-daily 7
  (only where no name has a quote, a backslash or a control character)";

/// What says when a file was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// The date in its name
    Name,
    /// That, or in a folder without any dated name when the file was written
    Mtime,
}

/// `pbsprune files`
#[derive(Clone, Debug, Args)]
pub struct Files {
    /// What to keep
    #[command(flatten)]
    pub counts: Counts,
    /// What to keep in which folder: as for mark, id being the folder's name without BK_
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "keep_last", "keep_hourly", "keep_daily", "keep_weekly", "keep_monthly", "keep_yearly",
    ])]
    pub policy: Option<PathBuf>,
    /// Also keep what is no older than SPAN (14d) before the newest of its series
    #[arg(long, value_name = "SPAN", value_parser = seconds)]
    pub keep_within: Option<Duration>,
    /// Also keep the oldest of a series until its counts are full
    #[arg(long)]
    pub keep_oldest: bool,
    /// Files of one time whose names differ in these words alone stay or go together
    #[arg(long, value_name = "WORD,WORD", value_delimiter = ',')]
    pub join: Vec<String>,
    /// What says when a file was made; with mtime names that differ in their last number are a series
    #[arg(long, value_name = "WHAT", default_value = "name")]
    pub by: By,
    /// Refuse a series of which more than N, or P%, would be removed
    #[arg(long, value_name = "N|P%")]
    pub max_remove: Option<Limit>,
    /// Refuse all if more than N, or P%, of all backups would be removed
    #[arg(long, value_name = "N|P%")]
    pub max_remove_total: Option<Limit>,
    /// Refuse a series whose newest complete backup is older than SPAN (3d)
    #[arg(long, value_name = "SPAN", value_parser = seconds)]
    pub stale_after: Option<Duration>,
    /// Don't refuse a series whose newest is more than an hour in the future
    #[arg(long)]
    pub allow_future: bool,
    /// No guard refuses anything; increments without a full one stay all the same
    #[arg(long, conflicts_with_all = ["max_remove", "max_remove_total", "stale_after", "allow_future"])]
    pub no_guards: bool,
    /// Take standard input without a single byte for an empty list
    #[arg(long)]
    pub allow_empty: bool,
    /// Write only the files to remove, oldest first within each series
    #[arg(long)]
    pub removals: bool,
    /// How the answer comes out
    #[arg(long, value_name = "FORM", default_value = "json")]
    pub format: Format,
    /// The zone of dates in names, and the time
    #[command(flatten)]
    pub clock: Clock,
}
