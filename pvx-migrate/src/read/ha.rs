//! What the HA manager's answers say: its resources, its rules, and the groups of PVE 8.

use std::collections::BTreeMap;

use serde_json::Value;

use super::spelling::{list, of_type, text, words};
use crate::state::{HaResource, HaRule, Node, is_true};

/// Which nodes the HA manager has in maintenance, by what their local managers say.
pub fn maintenance(nodes: &mut [Node], status: &Value) {
    for entry in of_type(status, "lrm") {
        let says = text(entry, "status").unwrap_or_default();
        let name = text(entry, "node");
        if let Some(node) = nodes
            .iter_mut()
            .find(|node| Some(&node.node) == name.as_ref())
        {
            node.maintenance = says.contains("maintenance");
        }
    }
}

/// The resources; on PVE 8 it is their group that keeps them from moving back.
pub fn resources(resources: &Value, status: &Value, groups: &Value) -> Vec<HaResource> {
    let stays = |group: &str| {
        list(groups).any(|entry| entry["group"] == group && is_true(&entry["nofailback"]))
    };
    let services: BTreeMap<String, &Value> = of_type(status, "service")
        .filter_map(|entry| Some((text(entry, "sid")?, entry)))
        .collect();
    list(resources)
        .filter_map(|entry| {
            let sid = text(entry, "sid")?;
            let service = services.get(&sid);
            let crm_state = service
                .and_then(|service| text(service, "crm_state").or_else(|| text(service, "state")));
            Some(HaResource {
                state: text(entry, "state").unwrap_or_else(|| "started".to_owned()),
                crm_state,
                failback: entry.get("failback").is_none_or(is_true)
                    && !entry["group"].as_str().is_some_and(stays),
                sid,
            })
        })
        .collect()
}

pub fn rules(answer: &Value) -> Vec<HaRule> {
    list(answer)
        .filter(|entry| !is_true(&entry["disable"]))
        .filter_map(|entry| {
            let rule = text(entry, "rule")?;
            let resources = words(&entry["resources"]);
            let negative = entry["affinity"] == "negative";
            match entry["type"].as_str()? {
                "node-affinity" => Some(HaRule::NodeAffinity {
                    rule,
                    resources,
                    nodes: priorities(&entry["nodes"]),
                    strict: is_true(&entry["strict"]),
                    negative,
                }),
                "resource-affinity" => Some(HaRule::ResourceAffinity {
                    rule,
                    resources,
                    negative,
                }),
                _ => None,
            }
        })
        .collect()
}

/// The groups of PVE 8 as the rules that PVE 9 makes of them.
pub fn groups(groups: &Value, resources: &Value) -> Vec<HaRule> {
    list(groups)
        .filter_map(|entry| {
            let group = text(entry, "group")?;
            let members = list(resources).filter(|resource| resource["group"] == group[..]);
            Some(HaRule::NodeAffinity {
                resources: members
                    .filter_map(|resource| text(resource, "sid"))
                    .collect(),
                nodes: priorities(&entry["nodes"]),
                strict: is_true(&entry["restricted"]),
                negative: false,
                rule: format!("group {group}"),
            })
        })
        .collect()
}

/// `node3:2,node6:1`, or a list of such; without a number the priority is 0.
fn priorities(nodes: &Value) -> BTreeMap<String, i64> {
    words(nodes)
        .into_iter()
        .map(|word| match word.split_once(':') {
            Some((node, priority)) => (node.to_owned(), priority.parse().unwrap_or_default()),
            None => (word, 0),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn groups_become_rules() {
        let answer =
            json!([{"group": "homelab", "nodes": "a:2,b", "restricted": 1, "nofailback": 1}]);
        let resources = json!([{"sid": "vm:1", "group": "homelab", "state": "started"}, {"sid": "ct:2", "failback": 0}]);
        let status = json!([{"type": "service", "sid": "vm:1", "state": "error"}]);
        let rules = serde_json::to_value(groups(&answer, &resources)).unwrap();
        assert_eq!(
            rules,
            json!([{"type": "node-affinity", "rule": "group homelab", "resources": ["vm:1"],
            "nodes": {"a": 2, "b": 0}, "strict": true, "negative": false}])
        );
        let read = super::resources(&resources, &status, &answer);
        assert_eq!(
            (
                read[0].failback,
                read[0].crm_state.as_deref(),
                read[1].failback
            ),
            (false, Some("error"), false)
        );
        assert!(
            super::resources(&resources, &status, &json!([]))[0].failback,
            "without the group's word"
        );
    }

    #[test]
    fn rules_that_count() {
        let answer = json!([
            {"rule": "r", "type": "node-affinity", "resources": "vm:1", "nodes": "a", "disable": 1},
            {"rule": "s", "type": "resource-affinity", "resources": "vm:1,ct:2", "affinity": "negative"},
        ]);
        let rules = serde_json::to_value(rules(&answer)).unwrap();
        assert_eq!(
            rules,
            json!([{"type": "resource-affinity", "rule": "s", "resources": ["vm:1", "ct:2"], "negative": true}])
        );
    }
}
