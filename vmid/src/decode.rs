//! `decode`: from a record's ID to its VLAN, host number and address.

use std::io::{self, Read, Write};

use crate::{
    Surroundings, cli,
    convert::{self, Convert, Failure},
    exit::{Answer, Stop},
    guest,
    networks::Networks,
    place::{self, Place},
    scheme::{self, Refused},
    stream::{Lines, Record, quote},
};

/// From ID to VLAN, host and address.
#[derive(Clone, Debug)]
pub struct Decode {
    /// The site's networks.
    pub networks: Networks,
    /// Replace another VLAN, host or address.
    pub overwrite: bool,
}

/// Runs the verb: the IDs of the call, or records from `input`.
///
/// # Errors
///
/// As [`crate::run`].
pub fn run(
    args: &cli::Decode,
    surroundings: &Surroundings,
    input: impl Read,
    output: impl Write,
) -> Result<Answer, Stop> {
    let values = convert::lines_of("vmid", &args.values, spelled);
    let job = Decode {
        networks: convert::networks(&args.convert.site)?,
        overwrite: args.convert.overwrite,
    };
    convert::run(&job, &args.convert, values, surroundings, input, output)
}

/// An ID of the call as JSON: a number where JSON would spell it so, else text.
fn spelled(id: &str) -> String {
    if scheme::decimal(id).is_some() && !id.starts_with('0') {
        id.to_owned()
    } else {
        quote(id)
    }
}

impl Convert for Decode {
    fn convert(&self, record: &Record<'_>) -> Result<Place, Failure> {
        let networks = &self.networks;
        let id = guest::id(&record.value("vmid"))?;
        let id = id.ok_or_else(|| Refused::OutsideScheme("the record has no vmid".to_owned()))?;
        let (vlan, host) = place::split(id, networks)?;
        if !self.overwrite {
            convert::agree("vlan", guest::number(&record.value("vlan")), vlan, record)?;
            convert::agree("host", guest::number(&record.value("host")), host, record)?;
        }
        // A record whose own address encodes to the ID says which network is meant.
        let own = convert::place_of(record, None, networks)
            .ok()
            .filter(|place| place.id == id);
        let place = match own.map_or_else(|| place::decode(id, networks), Ok) {
            Ok(place) => place,
            Err(refused @ (Refused::UnknownNetwork(_) | Refused::NotOfTheSite(_))) => {
                return Err(Failure {
                    refused,
                    known: Some((vlan, host)),
                });
            }
            Err(refused) => return Err(refused.into()),
        };
        if !self.overwrite {
            same_address(record, &place)?;
        }
        Ok(place)
    }

    fn write<W: Write>(
        &self,
        place: &Place,
        record: Record<'_>,
        lines: &mut Lines<W>,
    ) -> io::Result<()> {
        let (vlan, host) = (place.vlan.to_string(), place.host.to_string());
        let address = quote(&place.address_with_mask());
        lines.write(
            record,
            &[("vlan", &vlan), ("host", &host), ("address", &address)],
        )
    }

    fn raw(&self, place: &Place) -> String {
        place.address.to_string()
    }
}

/// The record's own address must be that of the ID; a mask may be missing, but not be another.
fn same_address(record: &Record<'_>, place: &Place) -> Result<(), Refused> {
    let value = record.value("address");
    let spelled = guest::spelled(&value);
    match guest::address(&value) {
        Ok(None) => Ok(()),
        Ok(Some((address, mask))) if address == place.address => match mask {
            Some(mask) if mask != place.network.prefix_len() => {
                Err(Refused::NetworkMismatch(format!(
                    "the record has address {spelled}, but its network is {} (--overwrite replaces it)",
                    place.network
                )))
            }
            _ => Ok(()),
        },
        _ => Err(Refused::IdMismatch(format!(
            "the record has address {spelled}, but ID {} is {} (--overwrite replaces it)",
            guest::spelled(&record.value("vmid")),
            place.address_with_mask()
        ))),
    }
}
