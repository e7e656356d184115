//! Which virtual machine, interface and MAC address are meant, of those that there are.

use super::{Cluster, Facts, Interface, Mac, Machine, NAME_LIMIT, On, Step, Which, Wish};
use crate::refused::{Code, Refused};

fn failed<T>(message: String) -> Result<T, Refused> {
    Err(Refused::new(Code::AssignFailed, message))
}

/// The guest's virtual machine; none if it is to be made.
pub(super) fn machine<'a>(wish: &Wish, facts: &'a Facts) -> Result<Option<&'a Machine>, Refused> {
    let is_named = |machine: &&Machine| {
        let mut names = wish.names.iter();
        names.any(|name| name.eq_ignore_ascii_case(&machine.name))
    };
    let named: Vec<&Machine> = facts.machines.iter().filter(is_named).collect();
    let Some(cluster) = &wish.cluster else {
        return match named[..] {
            [one] => Ok(Some(one)),
            [] => failed(format!(
                "NetBox has no virtual machine {}, and no cluster is named to make it in (--cluster, or the site's netbox.cluster)",
                wish.names.join(" or ")
            )),
            _ => failed(format!(
                "NetBox has several: {}; --cluster says which",
                shown(&named)
            )),
        };
    };
    let is_here = |machine: &&&Machine| {
        let of_machine = machine.cluster.as_ref();
        of_machine.is_some_and(|of_machine| is_called(of_machine, cluster))
    };
    let here: Vec<&Machine> = named.iter().filter(is_here).copied().collect();
    match here[..] {
        [one] => Ok(Some(one)),
        [] if named.is_empty() => Ok(None),
        [] => failed(format!(
            "NetBox has it elsewhere than in the cluster {cluster}: {}; another is not made",
            shown(&named)
        )),
        _ => failed(format!(
            "NetBox has several in the cluster {cluster}: {}",
            shown(&here)
        )),
    }
}

fn is_called(cluster: &Cluster, name: &str) -> bool {
    cluster.name.to_lowercase() == name.to_lowercase()
}

/// Virtual machines as a message has them.
fn shown(machines: &[&Machine]) -> String {
    let one = |machine: &&Machine| {
        let Machine { id, name, .. } = machine;
        match &machine.cluster {
            Some(cluster) => format!(
                "the virtual machine {name} (id {id}) in the cluster {}",
                cluster.name
            ),
            None => format!("the virtual machine {name} (id {id}) in no cluster"),
        }
    };
    machines.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The cluster in which the virtual machine is to be made.
pub(super) fn cluster<'a>(wish: &Wish, facts: &'a Facts) -> Result<&'a Cluster, Refused> {
    let name = wish.cluster.as_deref().unwrap_or_default();
    let called = facts.clusters.iter().filter(|c| is_called(c, name));
    let called: Vec<&Cluster> = called.collect();
    let exact: Vec<&Cluster> = called.iter().filter(|c| c.name == name).copied().collect();
    let machine = wish.names.first().map_or("", String::as_str);
    match (&exact[..], &called[..]) {
        _ if machine.chars().count() > NAME_LIMIT => failed(format!(
            "{machine} is longer than {NAME_LIMIT} characters, which no virtual machine's name may be in NetBox"
        )),
        ([one], _) | ([], [one]) => Ok(one),
        (_, []) => failed(format!(
            "NetBox has no cluster {name:?}, or the token may not see it"
        )),
        _ => {
            let ids: Vec<String> = called.iter().map(|c| c.id.to_string()).collect();
            failed(format!(
                "NetBox has several clusters {name:?} (ids {}), so no virtual machine is made",
                ids.join(", ")
            ))
        }
    }
}

/// The name of an interface that is to be made.
pub(super) fn name_of(wish: &Wish) -> &str {
    match &wish.interface {
        Which::Named(name) => name,
        Which::Any(name) => name,
    }
}

/// The machine's interface that is meant; none if it is to be made. First the one that the address
/// is on, then the one with the MAC address, whatever their names.
pub(super) fn interface<'a>(
    wish: &Wish,
    machine: &Machine,
    on: Option<&On>,
    facts: &'a Facts,
) -> Result<Option<&'a Interface>, Refused> {
    let own = facts.interfaces.iter().filter(|i| i.machine == machine.id);
    let own: Vec<&Interface> = own.collect();
    let holds = |i: &&&Interface| on.is_some_and(|on| on.is(i));
    let bears = |i: &&&Interface| {
        let mac = wish.mac.as_deref();
        let is_on = |m: &Mac| Some(m.mac.as_str()) == mac && m.on.as_ref().is_some_and(|o| o.is(i));
        mac.is_some() && (i.mac.as_deref() == mac || facts.macs.iter().any(is_on))
    };
    let named = |i: &&&Interface| i.name == name_of(wish);
    let found = own.iter().find(holds).or_else(|| own.iter().find(bears));
    let found = found.or_else(|| own.iter().find(named)).copied();
    match (&wish.interface, found, &own[..]) {
        (_, Some(found), _) => Ok(Some(found)),
        (Which::Any(_), None, [only]) => Ok(Some(only)),
        (Which::Named(_), None, _) | (_, None, []) => Ok(None),
        (Which::Any(name), None, several) => {
            let names: Vec<&str> = several.iter().map(|i| i.name.as_str()).collect();
            failed(format!(
                "the virtual machine {} has the interfaces {} and no {name}; say which (--interface, or NAME/INTERFACE)",
                machine.name,
                names.join(", ")
            ))
        }
    }
}

/// What is to be done for the MAC address, and what is left as it is.
pub(super) fn mac(
    wish: &Wish,
    machine: &Machine,
    interface: &Interface,
    facts: &Facts,
) -> (Option<Step>, Option<String>) {
    let Some(mac) = &wish.mac else {
        return (None, None);
    };
    if let Some(other) = &interface.mac {
        let differs = other != mac;
        let note = format!(
            "{} of {} has the MAC address {other} in NetBox, not {mac}; it stays",
            interface.name, machine.name
        );
        return (None, differs.then_some(note));
    }
    let equal = || facts.macs.iter().filter(|m| m.mac == *mac);
    let here = equal().filter(|m| m.on.as_ref().is_some_and(|on| on.is(interface)));
    if let Some(here) = here.min_by_key(|m| m.id) {
        let step = Step::First {
            mac: here.id,
            interface: interface.id,
        };
        return (Some(step), None);
    }
    if let Some(other) = equal().find_map(|m| m.on.as_ref()) {
        let note = format!(
            "the MAC address {mac} of {} is on {} in NetBox; it stays there",
            machine.name, other.shown
        );
        return (None, Some(note));
    }
    let step = match equal().min_by_key(|m| m.id) {
        Some(free) => Step::Claim {
            mac: free.id,
            interface: interface.id,
        },
        None => Step::Mac {
            mac: mac.clone(),
            interface: interface.id,
        },
    };
    (Some(step), None)
}
