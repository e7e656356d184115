//! Hook scripts: a guest starts only where its own can be found.

use crate::world::World;

impl World {
    /// The hook script of a guest, if the node lacks it (GuestHelpers.pm, `check_hookscript`).
    pub fn hookscript_missing(&self, vmid: u32, node: &str) -> Option<String> {
        let script = self.guest(vmid).text("hookscript");
        let (storage, _) = script.split_once(':')?;
        let there = self.snippets(node, storage).iter().any(|s| **s == script);
        (!there).then_some(script)
    }

    /// The snippets that a storage has on a node: on a shared one those of any node.
    pub fn snippets(&self, node: &str, storage: &str) -> Vec<&String> {
        let shared = self.storages.get(storage).is_some_and(|s| s.shared);
        let nodes = self.nodes.iter();
        let nodes = nodes.filter(|(name, _)| shared || *name == node);
        let files = nodes.flat_map(|(_, node)| &node.files);
        files
            .filter(|file| file.split_once(':').is_some_and(|(s, _)| s == storage))
            .collect()
    }
}
