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
    let claim = Claim {
        address: nic.address,
        mask: nic.mask,
        vlan: None,
    };
    by_tag(claim, nic.tag, networks, place::locate).ok()
}

/// The guest with the address that its agent sees, where its record has none: the one that its ID
/// is made from, else the first that has a place and may be a guest's, else the first.
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
    let fits = |nic: &&Nic| of_nic(nic, networks).is_some_and(|place| Some(place.id) == id);
    let has_place = |nic: &&Nic| of_nic(nic, networks).is_some() && may_be(nic.address, &guest);
    let nics = guest.seen.nics.iter();
    let chosen = nics.clone().find(fits);
    let chosen = chosen.or_else(|| nics.clone().find(has_place));
    if let Some(nic) = chosen.or(guest.seen.nics.first()).cloned() {
        guest.addresses.push(Ok((nic.address, nic.mask)));
        if nic.tag.is_some() {
            guest.tag = Ok(nic.tag);
        }
    }
    guest
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
