//! `encode`: from a record's address to its ID.

use std::io::{self, Read, Write};

use crate::{
    Surroundings, cli,
    convert::{self, Convert, Failure},
    exit::{Answer, Stop},
    guest,
    networks::Networks,
    place::Place,
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
