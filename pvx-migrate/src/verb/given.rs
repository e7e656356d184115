//! The site and the pairs that a call names: whether they are this cluster's, and what is not known
//! where no site was named.

use std::{fs, path::Path};

use anyhow::anyhow;
use vmid::{
    exit::{self, Stop},
    site::{self, Named, Pair, Site},
};

use crate::cluster::Cluster;

/// What a call names of the site's policy.
#[derive(Debug)]
pub struct Given {
    /// The site, if one was named.
    pub site: Option<Site>,
    /// Guests that stay apart: the site's pairs, and those of `--pairs`.
    pub pairs: Vec<Pair>,
    /// The site's file, for messages.
    file: String,
    has_pairs_file: bool,
}

impl Given {
    /// Reads the site file and the file of pairs, whichever are named.
    ///
    /// # Errors
    ///
    /// A file can't be read, or isn't what it should be (exit code 2, all faults at once).
    pub fn read(named: &Named, pairs: Option<&Path>) -> Result<Self, Stop> {
        let site = named.read()?;
        let mut all = site
            .as_ref()
            .map_or_else(Vec::new, |site| site.pairs.clone());
        if let Some(path) = pairs {
            let name = path.display().to_string();
            let text = fs::read(path).map_err(|error| Stop::file(&name, error))?;
            all.extend(site::pairs(&text).map_err(|faults| faults.stop(&name))?);
        }
        let file = named.path().map(|path| path.display().to_string());
        Ok(Self {
            site,
            pairs: all,
            file: file.unwrap_or_default(),
            has_pairs_file: pairs.is_some(),
        })
    }

    /// Says what is not known without a site, or with one that names no nodes: `more`, besides the
    /// pairs if there are none.
    pub fn say_what_is_unknown(&self, more: &str) {
        let pairs = if self.has_pairs_file { "" } else { "pairs, " };
        let Some(site) = &self.site else {
            let what = format!(
                "no site is named (--site FILE or PVX_SITE), so {pairs}{more} are not known"
            );
            exit::say("pvx-migrate", &what);
            return;
        };
        if !site.nodes.is_empty() {
            return;
        }
        let file = &self.file;
        let what = format!(
            "{file}: the site file names no nodes, so whether it is this cluster's is not known"
        );
        exit::say("pvx-migrate", &what);
        // A limit that is written as the default says as much as none.
        let missing = match (self.pairs.is_empty(), site.limits == Site::empty().limits) {
            (true, true) => "no pairs, and no limits but the defaults",
            (true, false) => "no pairs",
            (false, true) => "no limits but the defaults",
            (false, false) => return,
        };
        exit::say(
            "pvx-migrate",
            &format!("{file}: the site file names {missing}"),
        );
    }

    /// The site must be of this cluster, as far as its nodes tell; those it lacks are said.
    ///
    /// # Errors
    ///
    /// No node of the site is in the cluster: its policy would be another's (exit code 2).
    pub fn check(&self, cluster: &Cluster<'_>) -> Result<(), Stop> {
        let Some(site) = &self.site else {
            return Ok(());
        };
        let names: Vec<&str> = site.nodes.iter().map(|node| &node.name[..]).collect();
        let missing = names.iter().filter(|name| cluster.node(name).is_none());
        let missing: Vec<&str> = missing.copied().collect();
        let (file, name) = (&self.file, site.called());
        let own = &cluster.state.cluster.name;
        if missing.is_empty() {
            return Ok(());
        }
        if missing.len() < names.len() {
            let missing = missing.join(", ");
            let what =
                format!("warning: {file}: the cluster {own} does not have {missing} of the site");
            exit::say("pvx-migrate", &what);
            return Ok(());
        }
        let nodes: Vec<&str> = cluster.nodes().iter().map(|node| &node.node[..]).collect();
        let what = anyhow!(
            "{file}: no node of the site {name} ({}) is in the cluster {own} ({})",
            names.join(", "),
            nodes.join(", ")
        );
        Err(Stop::input(what).hint("name this cluster's site: --site FILE or PVX_SITE"))
    }
}
