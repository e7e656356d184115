//! Which site: `--site FILE`, else the environment's `PVX_SITE`.

use std::path::{Path, PathBuf};

use clap::builder::{OsStringValueParser, TypedValueParser};

use super::{Site, read};
use crate::exit::Stop;

/// The option that names the site; the same in every tool.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Named {
    /// The site file: networks, pairs, limits, what is never handed out
    #[arg(long, value_name = "FILE", env = "PVX_SITE", hide_env_values = true, value_parser = any_name())]
    pub site: Option<PathBuf>,
}

impl Named {
    /// The file that was named; an empty name says nothing.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        let path = self.site.as_deref();
        path.filter(|path| !path.as_os_str().is_empty())
    }

    /// The site, if one was named.
    ///
    /// # Errors
    ///
    /// The file can't be read, or is wrong (exit code 2).
    pub fn read(&self) -> Result<Option<Site>, Stop> {
        self.path().map(read).transpose()
    }
}

/// A path, even an empty one: `PVX_SITE=` is how a shell unsets it for one command.
fn any_name() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}
