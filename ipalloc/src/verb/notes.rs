//! What `allocate` says on stderr beside its records: what it does not know, what it passed
//! over, and what it recorded although it would not have handed it out.

use std::collections::BTreeSet;

use vmid::{exit, stream::Kept};

use crate::{
    allocate::Grant,
    intake::{self, Kind},
    ipam::{Change, Networks},
    site_rules::SiteRules,
};

/// How many names a line shows.
const NAMES_SHOWN: usize = 8;

/// No site was named, so much is not known.
pub(crate) fn no_site() {
    note(
        "no site is named (--site, PVX_SITE): VIPs, nodes' and pair members' addresses are not known",
    );
}

/// Which records were passed over, and why.
pub(crate) fn of_kinds(records: &[Kept], kinds: &[Kind]) {
    let named = |kind: &Kind| intake::names(records, kinds, kind);
    let templates = named(&Kind::Template);
    if !templates.is_empty() {
        note(&format!("no address for templates: {}", listed(&templates)));
    }
    let by_dhcp = named(&Kind::Dhcp);
    if !by_dhcp.is_empty() {
        let listed = listed(&by_dhcp);
        note(&format!(
            "dhcp: no static address to record, and none is given: {listed}"
        ));
    }
    of_second_addresses(records, kinds);
}

/// Which addresses of configurations have no record of their own.
fn of_second_addresses(records: &[Kept], kinds: &[Kind]) {
    let both = intake::second_addresses(records, kinds);
    if !both.is_empty() {
        let listed = listed(&both);
        note(&format!(
            "the IPv6 address beside an IPv4 one is not recorded: {listed}"
        ));
    }
}

/// On which VLANs IPv4 was meant because no family was asked for.
pub(crate) fn of_families(vlans: &BTreeSet<u64>) {
    for vlan in vlans {
        note(&format!(
            "VLAN {vlan} has prefixes of IPv4 and IPv6, and no family was asked for: it is IPv4 (--family 4, 6 or both)"
        ));
    }
}

/// What spoke against an address that was recorded, and where a new one may be somebody's.
pub(crate) fn of_grants<'a>(
    grants: impl Iterator<Item = &'a Grant>,
    networks: &Networks,
    site: Option<&SiteRules>,
) {
    let mut said = Vec::new();
    for grant in grants {
        if let (Some(status), None | Some(Change::Adopt(..))) = (&grant.drift.status, &grant.change)
        {
            note(&format!(
                "{}: the record of {}/{} has the status {status:?}, which nobody set by retiring it; it stays",
                grant.dns_name, grant.address, grant.length
            ));
        }
        let Some(Change::Create(new)) = &grant.change else {
            continue;
        };
        for told in &grant.told {
            note(&format!("{}: {told}; it is recorded all the same", new.key));
        }
        let Some(net) = grant.prefix.filter(|net| !grant.own && !said.contains(net)) else {
            continue;
        };
        let prefix = networks.prefixes.iter().find(|prefix| prefix.net == net);
        let of_ipam = prefix.and_then(|prefix| prefix.todo.as_deref());
        let of_site = || site.and_then(|site| site.todo(net, grant.vlan));
        if let Some(todo) = of_ipam.or_else(of_site) {
            said.push(net);
            let vlan = grant
                .vlan
                .map_or(String::new(), |vlan| format!(" (VLAN {vlan})"));
            note(&format!(
                "{net}{vlan}: its x-todo is not done, so a new address there may be in use already: {todo}"
            ));
        }
    }
}

fn note(message: &str) {
    exit::say("ipalloc", &format!("note: {message}"));
}

fn listed(names: &[String]) -> String {
    let shown = names[..names.len().min(NAMES_SHOWN)].join(", ");
    match names.len().saturating_sub(NAMES_SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
