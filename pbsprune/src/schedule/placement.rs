//! On which nodes the guests are, and so the backup jobs: vzdump begins on every node, but where a job names guests
//! and has none of them there it ends at once, before it waits for another.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    place::Place,
    spelling::{number, text, truth},
};

/// Where the guests are.
#[derive(Clone, Debug, Default)]
pub struct Placement {
    nodes: BTreeMap<i64, String>,
    pools: BTreeMap<String, BTreeSet<String>>,
}

/// Where a job works that isn't bound to a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    /// All nodes on which it may have guests.
    pub places: BTreeSet<Place>,
    /// Of these the ones on which it may have none.
    pub possible: BTreeSet<Place>,
    /// The guests that it names.
    pub guests: BTreeSet<i64>,
}

impl Placement {
    /// Adds a guest.
    pub fn add(&mut self, row: &Value) {
        let (Some(vmid), Some(node)) = (number(row, "vmid"), text(row, "node")) else {
            return;
        };
        self.nodes.insert(vmid, node.to_owned());
        if let Some(pool) = text(row, "pool") {
            let nodes = self.pools.entry(pool.to_owned()).or_default();
            nodes.insert(node.to_owned());
        }
    }

    /// Where the backup job of a record works; `every` is all nodes.
    #[must_use]
    pub fn of(&self, row: &Value, every: BTreeSet<Place>) -> Spread {
        let (guests, pool) = (guests(row), text(row, "pool"));
        let all = truth(row, "all").unwrap_or(false) || (guests.is_empty() && pool.is_none());
        if all {
            return Spread {
                places: every,
                ..Spread::default()
            };
        }
        let placed = guests.iter().filter_map(|vmid| self.nodes.get(vmid));
        let of_pool = pool.and_then(|pool| self.pools.get(pool));
        let sure = placed.chain(of_pool.into_iter().flatten());
        let sure: BTreeSet<Place> = sure.map(|node| Place::Node(node.clone())).collect();
        // A pool may have guests that aren't seen.
        let known = pool.is_none() && guests.iter().all(|vmid| self.nodes.contains_key(vmid));
        let possible: BTreeSet<Place> = match known {
            true => BTreeSet::new(),
            false => every.difference(&sure).cloned().collect(),
        };
        Spread {
            places: &sure | &possible,
            possible,
            guests,
        }
    }
}

/// `"101,102"` as `/cluster/backup` has them, `[101,102]` as a state document.
fn guests(row: &Value) -> BTreeSet<i64> {
    let listed = row.get("vmids").and_then(Value::as_array).into_iter();
    let listed = listed.flatten().filter_map(Value::as_i64);
    let named = text(row, "vmid").unwrap_or_default().split([',', ' ', ';']);
    let one = number(row, "vmid");
    let named = named.filter_map(|vmid| vmid.parse().ok());
    listed.chain(named).chain(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn on_which_nodes_a_job_has_guests() {
        let mut placement = Placement::default();
        for guest in [
            json!({"vmid": 101, "node": "a", "pool": "p"}),
            json!({"vmid": 102, "node": "b"}),
            json!({"vmid": 103}),
        ] {
            placement.add(&guest);
        }
        #[rustfmt::skip]
        let cases: &[(&str, Value, &[&str], &[&str])] = &[
            ("all",              json!({"all": 1}),            &["a", "b", "c"], &[]),
            ("none is named",    json!({}),                    &["a", "b", "c"], &[]),
            ("all but one",      json!({"all": 1, "exclude": "101"}), &["a", "b", "c"], &[]),
            ("one",              json!({"vmid": "101"}),       &["a"], &[]),
            ("one as a number",  json!({"vmid": 102}),         &["b"], &[]),
            ("two",              json!({"vmids": [101, 102]}), &["a", "b"], &[]),
            ("one isn't known",  json!({"vmid": "101,103"}),   &["a", "b", "c"], &["b", "c"]),
            ("a pool",           json!({"pool": "p"}),         &["a", "b", "c"], &["b", "c"]),
            ("an unknown pool",  json!({"pool": "q"}),         &["a", "b", "c"], &["a", "b", "c"]),
        ];
        let nodes = |names: &[&str]| -> BTreeSet<Place> {
            let nodes = names.iter().map(|name| Place::Node((*name).to_owned()));
            nodes.collect()
        };
        for (name, row, places, possible) in cases {
            let got = placement.of(row, nodes(&["a", "b", "c"]));
            assert_eq!(got.places, nodes(places), "{name}");
            assert_eq!(got.possible, nodes(possible), "{name}");
        }
    }
}
