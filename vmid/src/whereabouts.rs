//! From a guest's record to its place: by its address, else by one that its agent sees; the tag of
//! its interface says the VLAN if nothing else does.

use core::net::Ipv4Addr;

use crate::{
    guest::{Guest, Nic},
    networks::Networks,
    place::{self, Claim, Place},
    scheme::Refused,
};

/// How a claim becomes a place: [`place::locate`], or [`place::encode`].
pub type Settle = fn(Claim, &Networks) -> Result<Place, Refused>;

/// The guest's place.
///
/// # Errors
///
/// It has no address, or one that the scheme refuses.
pub fn of(guest: &Guest, networks: &Networks, settle: Settle) -> Result<Place, Refused> {
    let Some(first) = guest.addresses.first() else {
        return Err(match &guest.ip6 {
            Some(ip6) => Refused::Ipv6(ip6.clone()),
            None => Refused::NoAddress,
        });
    };
    let (address, mask) = first.clone()?;
    let claim = Claim {
        address,
        mask,
        vlan: guest.vlan.clone()?,
    };
    by_tag(claim, guest.tag.clone().ok().flatten(), networks, settle)
}

/// The claim's place; the interface's tag says the VLAN if nothing else does.
fn by_tag(
    claim: Claim,
    tag: Option<u64>,
    networks: &Networks,
    settle: Settle,
) -> Result<Place, Refused> {
    match (settle(claim, networks), tag) {
        (Err(Refused::NoVlan(_) | Refused::OutsideTheSite(_)), Some(tag)) => {
            let vlan = Some(tag);
            settle(Claim { vlan, ..claim }, networks)
        }
        (result, _) => result,
    }
}

/// The place of one of the guest's interfaces; none if it has none.
#[must_use]
pub fn of_nic(nic: &Nic, networks: &Networks) -> Option<Place> {
    in_vlan(nic, None, networks)
}

fn in_vlan(nic: &Nic, vlan: Option<u64>, networks: &Networks) -> Option<Place> {
    let claim = Claim {
        address: nic.address,
        mask: nic.mask,
        vlan,
    };
    by_tag(claim, nic.tag, networks, place::locate).ok()
}

/// The guest with the address that its agent sees, where its record has none: the one that its ID
/// is made from, else the first that is in the stated VLAN without being told, else the first
/// that has a place and may be a guest's, else the first. Bridges and tunnels that a guest makes
/// for itself are its address only where the ID says so.
#[must_use]
pub fn with_agent(
    mut guest: Guest,
    networks: &Networks,
    may_be: impl Fn(Ipv4Addr, &Guest) -> bool,
) -> Guest {
    if !guest.addresses.is_empty() {
        return guest;
    }
    let id = guest.id.clone().ok().flatten();
    let vlan = guest.vlan.clone().ok().flatten();
    let place = |nic: &Nic| in_vlan(nic, vlan, networks);
    let fits = |nic: &&Nic| place(nic).is_some_and(|place| Some(place.id) == id);
    let has_place = |nic: &&Nic| place(nic).is_some() && may_be(nic.address, &guest);
    let is_of_vlan = |nic: &&Nic| {
        let own = of_nic(nic, networks).map(|place| place.vlan);
        own.is_some() && own == vlan && has_place(nic)
    };
    let nics = guest.seen.nics.iter();
    let wired = nics.clone().filter(|nic| !is_of_its_own_making(nic));
    let chosen = nics.clone().find(fits);
    let chosen = chosen.or_else(|| wired.clone().find(is_of_vlan));
    let chosen = chosen.or_else(|| wired.clone().find(has_place));
    if let Some(nic) = chosen.or(wired.clone().next()).cloned() {
        guest.addresses.push(Ok((nic.address, nic.mask)));
        if nic.tag.is_some() {
            guest.tag = Ok(nic.tag);
        }
    }
    guest
}

/// A bridge or a tunnel within the guest, by the name that Docker, libvirt, Kubernetes and others
/// give theirs; an interface of the configuration is called net0 to net31.
fn is_of_its_own_making(nic: &Nic) -> bool {
    const NAMES: [&str; 9] = [
        "docker",
        "br-",
        "virbr",
        "veth",
        "cni",
        "flannel",
        "podman",
        "tailscale",
        "wg",
    ];
    NAMES.iter().any(|name| nic.name.starts_with(name))
}

/// Another interface of the guest that the ID fits.
#[must_use]
pub fn fitting_nic(guest: &Guest, id: u64, networks: &Networks) -> Option<(Nic, Place)> {
    let nics = guest.others.iter().chain(&guest.seen.nics);
    nics.cloned().find_map(|nic| {
        let place = of_nic(&nic, networks).filter(|place| place.id == id)?;
        Some((nic, place))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{scheme::Digits, stream};

    #[test]
    fn which_address_the_agent_means() {
        let nic = |(name, address): &(&str, &str)| {
            let (host, mask) = address.split_once('/').unwrap();
            format!(
                r#"{{"name":"{name}","ip-addresses":[{{"ip-address":"{host}","prefix":{mask}}}]}}"#
            )
        };
        const ETH: (&str, &str) = ("eth0", "10.1.30.66/24");
        const WEB: (&str, &str) = ("eth1", "192.168.30.66/24");
        const SAN: (&str, &str) = ("eth0", "192.168.40.66/24");
        const BRIDGE: (&str, &str) = ("br-1a2b", "192.168.16.1/20");
        #[rustfmt::skip]
        let cases: &[(&str, &str, &[(&str, &str)], Option<&str>)] = &[
            ("the VLAN is stated",             r#""vlan":30"#,    &[ETH, BRIDGE],              Some("10.1.30.66")),
            ("and the bridge comes first",     r#""vlan":30"#,    &[BRIDGE, ETH],              Some("10.1.30.66")),
            ("nothing is stated",              r#""name":"a""#,   &[BRIDGE, ETH],              Some("10.1.30.66")),
            ("one is in the stated VLAN",      r#""vlan":30"#,    &[SAN, WEB],                 Some("192.168.30.66")),
            ("nothing says which of two",      r#""name":"a""#,   &[SAN, WEB],                 Some("192.168.40.66")),
            ("the ID says it",                 r#""vmid":30066"#, &[SAN, WEB],                 Some("192.168.30.66")),
            ("ID and VLAN say it",             r#""vmid":30066,"vlan":30"#, &[("eth2", "10.1.30.67/24"), ETH], Some("10.1.30.66")),
            ("libvirt's",                      r#""name":"a""#,   &[("virbr0", "192.168.122.1/24"), WEB], Some("192.168.30.66")),
            ("Docker's alone is none",         r#""vlan":30"#,    &[("docker0", "172.17.0.1/16"), BRIDGE], None),
            ("a bridge that the ID fits",      r#""vmid":30066"#, &[("br-lan", "192.168.30.66/24")], Some("192.168.30.66")),
            ("a bridge by another name",       r#""name":"a""#,   &[("br0", "192.168.30.66/24")], Some("192.168.30.66")),
        ];
        for (name, fields, nics, want) in cases {
            let nics: Vec<String> = nics.iter().map(nic).collect();
            let text = format!(r#"{{{fields},"interfaces":[{}]}}"#, nics.join(","));
            let guest = Guest::of(&stream::parse(text.as_bytes()).unwrap()[0].record());
            let guest = with_agent(guest, &Networks::none(Digits::THREE), |_, _| true);
            let got = guest.addresses.first().map(|a| a.as_ref().unwrap().0);
            assert_eq!(got, want.map(|text| text.parse().unwrap()), "{name}");
        }
    }
}
