//! The nodes of the cluster, as the endpoint's corosync has them (GET /cluster/status): whether
//! they have quorum, and which are online. It says so within seconds, unlike /cluster/resources.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    pve::{Failure, Pve},
    state::is_true,
};

/// Who is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// The endpoint's part of the cluster has quorum. A node that is no cluster has it always.
    pub quorate: bool,
    online: BTreeSet<String>,
}

impl Members {
    /// Asks for them.
    ///
    /// # Errors
    ///
    /// The cluster does not answer.
    pub fn read(pve: &Pve) -> Result<Self, Failure> {
        let rows: Vec<Value> = pve.get("/cluster/status")?;
        Ok(Self::of(&rows))
    }

    /// What the rows of the answer say.
    #[must_use]
    pub fn of(rows: &[Value]) -> Self {
        let cluster = rows.iter().find(|row| row["type"] == "cluster");
        let online = rows
            .iter()
            .filter(|row| row["type"] == "node" && is_true(&row["online"]));
        Self {
            quorate: cluster.is_none_or(|row| is_true(&row["quorate"])),
            online: online
                .filter_map(|row| row["name"].as_str().map(str::to_owned))
                .collect(),
        }
    }

    /// A node is online; one that isn't known is not.
    #[must_use]
    pub fn has_online(&self, node: &str) -> bool {
        self.online.contains(node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_the_rows_say() {
        let node = |name: &str, online: u8| json!({"type": "node", "name": name, "online": online});
        let cluster = |quorate: u8| json!({"type": "cluster", "name": "c", "quorate": quorate});
        #[rustfmt::skip]
        let cases: &[(&str, Vec<Value>, bool, bool, bool)] = &[
            // name, rows, quorate, a online, b online
            ("all is well",      vec![cluster(1), node("a", 1), node("b", 1)], true,  true,  true),
            ("one is off",       vec![cluster(1), node("a", 1), node("b", 0)], true,  true,  false),
            ("no quorum",        vec![cluster(0), node("a", 1), node("b", 0)], false, true,  false),
            ("no cluster",       vec![node("a", 1)],                           true,  true,  false),
            ("nothing",          vec![],                                       true,  false, false),
        ];
        for (name, rows, quorate, a, b) in cases {
            let members = Members::of(rows);
            let got = (
                members.quorate,
                members.has_online("a"),
                members.has_online("b"),
            );
            assert_eq!(got, (*quorate, *a, *b), "{name}");
        }
    }
}
