//! `encode`: from a record's address to its ID.

use std::io::{self, Read, Write};

use crate::{
    Surroundings, cli,
    convert::{self, Convert, Failure},
    exit::{Answer, Stop},
    guest,
    networks::Networks,
    place::{self, Claim, Place},
    scheme::{self, VLANS},
    stream::{Lines, Record, quote},
};

/// From address to ID.
#[derive(Clone, Debug)]
pub struct Encode {
    /// The site's networks.
    pub networks: Networks,
    /// The VLAN of records that name none.
    pub vlan: Option<u64>,
    /// Replace another ID.
    pub overwrite: bool,
}

/// Runs the verb: the values of the call, or records from `input`.
///
/// # Errors
///
/// As [`crate::run`].
pub fn run(
    args: &cli::Encode,
    surroundings: &Surroundings,
    input: impl Read,
    output: impl Write,
) -> Result<Answer, Stop> {
    let values = convert::lines_of("address", &args.values, quote);
    let job = Encode {
        networks: convert::networks(&args.convert.site)?,
        vlan: args.vlan,
        overwrite: args.convert.overwrite,
    };
    convert::run(&job, &args.convert, values, surroundings, input, output)
}

impl Encode {
    /// The ID of a record that says no more than it must: an address and perhaps a VLAN, as they
    /// are spelled as a rule, and neither an ID nor an error.
    fn plain_id(&self, record: &Record<'_>) -> Option<u64> {
        let names = ["address", "vlan", "vmid", "error", "type"];
        let [address, vlan, vmid, error, kind] = record.raws(names)?;
        let is_guest = kind.is_none_or(|kind| matches!(kind, "\"qemu\"" | "\"lxc\""));
        if vmid.is_some() || error.is_some() || !is_guest {
            return None;
        }
        let (address, mask) = scheme::quoted_address(address?)?;
        let vlan = match vlan {
            Some(raw) => Some(scheme::decimal(raw).filter(|vlan| VLANS.contains(vlan))?),
            None => self.vlan,
        };
        let claim = Claim {
            address,
            mask,
            vlan,
        };
        let place = place::encode(claim, &self.networks).ok()?;
        Some(place.id)
    }
}

impl Convert for Encode {
    fn convert(&self, record: &Record<'_>) -> Result<Place, Failure> {
        let place = convert::place_of(record, self.vlan, &self.networks)?;
        if !self.overwrite {
            convert::agree(
                "vmid",
                guest::number(&record.value("vmid")),
                place.id,
                record,
            )?;
        }
        Ok(place)
    }

    fn plain<W: Write>(&self, record: &Record<'_>, lines: &mut Lines<W>) -> io::Result<bool> {
        let Some(id) = self.plain_id(record).filter(|_| record.is_compact()) else {
            return Ok(false);
        };
        let mut tail = [0_u8; 32];
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(id).as_bytes();
        const NAME: &[u8] = b",\"vmid\":";
        tail[..NAME.len()].copy_from_slice(NAME);
        let length = NAME.len() + digits.len(); // at most 20 digits
        tail[NAME.len()..length].copy_from_slice(digits);
        lines.extend(
            record.text(),
            std::str::from_utf8(&tail[..length]).unwrap_or_default(),
        )?;
        Ok(true)
    }

    fn write<W: Write>(
        &self,
        place: &Place,
        record: Record<'_>,
        lines: &mut Lines<W>,
    ) -> io::Result<()> {
        let mut id = itoa::Buffer::new();
        let id = id.format(place.id);
        // A record that has no address, or an empty one, gets that of its configuration.
        if matches!(guest::address(&record.value("address")), Ok(None)) {
            let address = quote(&place.address_with_mask());
            return lines.write(record, &[("address", &address), ("vmid", id)]);
        }
        lines.write(record, &[("vmid", id)])
    }

    fn raw(&self, place: &Place) -> String {
        place.id.to_string()
    }
}
