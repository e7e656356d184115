//! What the state cannot show, and what that leaves open.

use super::{Found, Work, code::Code, wanted::Wanted};
use crate::{
    permission::{has_on_all_guests, has_on_all_storages},
    state::{Content, Storage},
};

impl Work<'_, '_> {
    /// The storages of which there is no list where one should be, and those nobody sees.
    pub(super) fn without_list(&self, lists: &[Content]) -> Vec<String> {
        let state = self.cluster.state;
        let mut without = Vec::new();
        let holds = |storage: &&Storage| {
            let kinds = ["images", "rootdir", "backup"];
            storage
                .content
                .iter()
                .any(|kind| kinds.contains(&&kind[..]))
        };
        for storage in state.storages.iter().filter(holds) {
            let id = &storage.storage;
            let seen = lists
                .iter()
                .filter(|list| list.storage == *id && list.volumes.is_some());
            let seen: Vec<&str> = seen.map(|list| &list.node[..]).collect();
            if storage.shared && !seen.is_empty() {
                continue;
            }
            let at = storage.nodes.keys().chain(&storage.unknown);
            let at: Vec<&String> = at.collect();
            if storage.shared || at.is_empty() {
                without.push(id.clone());
                continue;
            }
            let missing = at.iter().filter(|node| !seen.contains(&&node[..]));
            without.extend(missing.map(|node| format!("{id} at {node}")));
        }
        let off = state.nodes.iter().filter(|node| !node.online);
        without.extend(off.map(|node| format!("the local storages of {}", node.node)));
        let table = state.permissions.as_ref();
        if !table.is_some_and(has_on_all_storages) {
            without.push(
                "storages that the token may not see (Datastore.Audit on /storage)".to_owned(),
            );
        }
        without
    }

    /// Memory given and pairs are judged by the guests that the state has.
    pub(super) fn company_seen(&self, wanted: &Wanted, found: &mut Found) {
        let state = self.cluster.state;
        let table = state.permissions.as_ref();
        let sees_all = table.is_some_and(|table| has_on_all_guests(table, "VM.Audit"))
            && state.hidden.iter().flatten().next().is_none();
        if !sees_all {
            let what = "the memory given away and the members of pairs are those of the guests that \
                the token sees, and there may be more";
            found.warns(Code::Unseen, what);
        }
        for pair in &self.policy.pairs {
            if !pair.members.iter().any(|member| self.is(wanted, member)) {
                continue;
            }
            for member in pair.members.iter().filter(|other| !self.is(wanted, other)) {
                let is_made = self.made.iter().any(|(other, _)| self.is(other, member));
                if !is_made && self.living(member).is_none() {
                    let what = format!(
                        "where {} of the pair {} is, is not in the state: no guest here is it",
                        member.name, pair.name
                    );
                    found.warns(Code::Unseen, what);
                }
            }
        }
    }
}
