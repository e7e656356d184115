//! A guest that others stand on: the server of a storage, by its address, its name, or the
//! virtual address of its pair.

use std::net::IpAddr;

use super::Candidate;
use crate::{
    cluster::Cluster,
    plan::{
        policy::Policy,
        refusal::{Code, Refusal},
    },
    state::Storage,
};

impl<'a> Candidate<'a> {
    /// The storages whose server it is, of backups and of guests alike.
    pub fn served<'c>(
        &'c self,
        cluster: &Cluster<'a>,
        policy: &'c Policy,
    ) -> impl Iterator<Item = &'a Storage> + use<'a, 'c> {
        let pairs = policy.pairs.iter();
        let pairs = pairs.filter(|pair| self.pairs.iter().any(|(name, _)| *name == pair.name));
        let virtual_ones: Vec<IpAddr> = pairs.flat_map(|pair| pair.all_vips()).collect();
        cluster.state.storages.iter().filter(move |storage| {
            let Some(server) = &storage.server else {
                return false;
            };
            let name = server.split('.').next().unwrap_or_default();
            server.parse::<IpAddr>().map_or_else(
                |_| name == self.guest.name || *server == self.guest.name,
                |address| {
                    self.config.addresses.contains(&address) || virtual_ones.contains(&address)
                },
            )
        })
    }

    /// What stands still while it moves.
    #[must_use]
    pub fn serving(&self) -> Option<Refusal> {
        let (first, rest) = self.serves.split_first()?;
        let storages = rest
            .iter()
            .fold((*first).to_owned(), |list, id| list + ", " + id);
        let what = format!(
            "it is the server of {storages}: it moves alone, after those whose volumes are there, and who is on it elsewhere waits for it"
        );
        Some(Refusal::new(Code::StorageServer, what))
    }
}
