//! The applications that scripts/app-backup backs up, and where to. The tools do nothing with them:
//! they are read here so that a mistake is told before the night.

use serde::{Deserialize, Serialize};

/// An application.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct App {
    /// Its name, and that of its backups.
    pub name: String,
    /// Where it runs, as ssh knows it; none: here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The folder that is backed up.
    pub path: String,
    /// Command before the copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Command after the copy, whatever became of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// What is left out.
    pub exclude: Vec<String>,
    /// `auto` or `none`.
    pub sqlite: String,
    /// `gzip` or `zstd`.
    pub compression: String,
    /// pbsprune's keep options; none: all are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<String>,
    /// Command that judges a restored folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<String>,
    /// The greatest age in seconds of the newest backup that is fine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_s: Option<u64>,
    /// How long one of its commands may take, in seconds.
    pub timeout_s: u64,
}

/// Where the backups of applications are written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct BackupTarget {
    /// Its folder.
    pub path: String,
    /// It must not be on the file system of `/`.
    pub mount: bool,
    /// How long a small write may take, in seconds.
    pub timeout_s: u64,
}
