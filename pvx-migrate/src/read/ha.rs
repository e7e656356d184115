//! What the HA manager's answers say: its resources, its rules, and the groups of PVE 8.

use std::collections::BTreeMap;

use serde_json::Value;

use super::spelling::{list, number, of_type, text, time, words};
use crate::state::{DroppedRule, HaNode, HaResource, HaRule, HaStatus, Node, is_true};

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
            // The configuration has them only where they were set.
            let limit = |name: &str| {
                let said = [service.copied(), Some(entry)].into_iter().flatten();
                let mut said = said.filter_map(|entry| entry.get(name));
                said.next().map(number)
            };
            Some(HaResource {
                state: text(entry, "state").unwrap_or_else(|| "started".to_owned()),
                crm_state,
                failback: entry.get("failback").is_none_or(is_true)
                    && !entry["group"].as_str().is_some_and(stays),
                node: service.and_then(|service| text(service, "node")),
                max_restart: limit("max_restart"),
                max_relocate: limit("max_relocate"),
                sid,
            })
        })
        .collect()
}

/// What the manager says of itself and of its parts at the nodes.
pub fn status(answer: &Value) -> HaStatus {
    let first = |kind: &str| list(answer).find(|entry| entry["type"] == *kind);
    let quorum = first("quorum");
    HaStatus {
        quorate: quorum.map(|entry| is_true(&entry["quorate"])),
        master: first("master").and_then(at_node),
        armed: first("fencing").and_then(|entry| text(entry, "armed-state")),
        nodes: of_type(answer, "lrm").filter_map(at_node).collect(),
    }
}

fn at_node(entry: &Value) -> Option<HaNode> {
    Some(HaNode {
        node: text(entry, "node")?,
        status: text(entry, "status").unwrap_or_default(),
        timestamp: time(&entry["timestamp"]),
    })
}

/// The rules that the manager obeys: not those that it drops ([`dropped`]).
pub fn rules(answer: &Value) -> Vec<HaRule> {
    list(answer)
        .filter(|entry| !is_true(&entry["disable"]) && objections(entry).is_empty())
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

/// The rules that the manager drops, because they contradict each other: PVE lists them as
/// the others, with what it has against them.
pub fn dropped(answer: &Value) -> Vec<DroppedRule> {
    let entries = list(answer).filter(|entry| !is_true(&entry["disable"]));
    entries
        .filter_map(|entry| {
            let objections = objections(entry);
            let dropped = DroppedRule {
                rule: text(entry, "rule")?,
                why: objections.join("; "),
            };
            (!objections.is_empty()).then_some(dropped)
        })
        .collect()
}

/// `"errors": {"resources": ["..."]}`
fn objections(entry: &Value) -> Vec<String> {
    let errors = entry["errors"].as_object().into_iter().flatten();
    errors
        .flat_map(|(field, messages)| match messages {
            Value::Array(list) => list.iter().map(|message| said(field, message)).collect(),
            message => vec![said(field, message)],
        })
        .collect()
}

fn said(field: &str, message: &Value) -> String {
    let message = message
        .as_str()
        .map_or_else(|| message.to_string(), str::to_owned);
    if message.contains(field) {
        return message;
    }
    format!("{field}: {message}")
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
    fn rules_that_the_manager_drops() {
        // As PVE 9.2 gave them, less the digests.
        let answer = json!([
            {"affinity": "negative", "type": "resource-affinity", "resources": "ct:301,ct:302", "rule": "apart", "order": 1},
            {"order": 2, "resources": "ct:304,vm:303", "rule": "tog", "type": "resource-affinity", "affinity": "positive",
             "errors": {"resources": ["resources are in node affinity rules with multiple priorities"]}},
            {"errors": {"resources": ["resources are in a resource affinity rule and cannot be in a node affinity rule with multiple priorities"]},
             "type": "node-affinity", "resources": "ct:304", "order": 3, "rule": "home", "nodes": "pve1:1,pve3:2"},
            {"type": "node-affinity", "resources": "ct:305", "rule": "off", "nodes": "x", "disable": 1, "errors": {"nodes": "x"}},
            {"type": "node-affinity", "resources": "ct:306", "rule": "fine", "nodes": "x", "errors": {}},
        ]);
        let names: Vec<String> = rules(&answer)
            .into_iter()
            .map(|rule| match rule {
                HaRule::NodeAffinity { rule, .. } | HaRule::ResourceAffinity { rule, .. } => rule,
            })
            .collect();
        assert_eq!(names, ["apart", "fine"]);
        let dropped = dropped(&answer);
        let names: Vec<_> = dropped.iter().map(|dropped| &dropped.rule[..]).collect();
        assert_eq!(names, ["tog", "home"]);
        assert_eq!(
            dropped[0].why,
            "resources are in node affinity rules with multiple priorities"
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
