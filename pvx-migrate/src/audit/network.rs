//! The bridges of a guest's interfaces, and those that the site has.

use serde_json::json;

use super::{
    context::Context,
    found::{Found, warning},
    guest::Audited,
};
use crate::config::property::{Options, is_numbered, plain};

/// Interfaces that are on a bridge the site doesn't have there, or on none.
#[must_use]
pub fn findings(context: &Context<'_>, guest: &Audited<'_>) -> Vec<Found> {
    let node = &guest.guest.node;
    let known = context
        .site_node(node)
        .and_then(|node| node.bridges.as_ref());
    let mut found = Vec::new();
    let fields = guest.fields.iter().flatten();
    let interfaces = fields.filter(|(key, _)| is_numbered(key, "net"));
    for (key, value) in interfaces {
        let value = plain(value);
        let options = Options(&value);
        let tag = options.get("tag").and_then(|tag| tag.parse::<u64>().ok());
        let Some(bridge) = options.get("bridge") else {
            continue; // QEMU's own network, which reaches out and is reached by nobody
        };
        let strange = match known {
            Some(known) if !known.iter().any(|known| known == bridge) => {
                let bridges = known.join(", ");
                Some(format!(
                    "{key}: it is on {bridge}; on {node} the site has {bridges}"
                ))
            }
            _ => other_bridge(context, tag, bridge).map(|wanted| {
                let tag = tag.unwrap_or_default();
                format!("{key}: it is in VLAN {tag} on {bridge}, and the site has that on {wanted}")
            }),
        };
        found.extend(strange.map(|message| {
            let evidence =
                json!({"key": key, "bridge": bridge, "tag": tag, "node": node, "known": known});
            warning("foreign-bridge", message, evidence, &["state", "site"])
        }));
    }
    for (key, interface) in &guest.config.interfaces {
        let message = format!(
            "{key}: it takes {interface} of its node past all bridges, and can't go where there is none of that name"
        );
        let evidence = json!({"key": key, "interface": interface, "node": node});
        found.push(warning("foreign-bridge", message, evidence, &["state"]));
    }
    found
}

/// The bridge of a VLAN by the site, if it is another.
fn other_bridge<'a>(context: &Context<'a>, tag: Option<u64>, bridge: &str) -> Option<&'a str> {
    let vlans = context.site().vlans.iter();
    let mut tagged = vlans.filter(|vlan| vlan.tagged && Some(vlan.vlan) == tag);
    let wanted = tagged.next()?.bridge.as_deref()?;
    (wanted != bridge).then_some(wanted)
}
