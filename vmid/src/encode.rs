//! `encode`: from a record's address to its ID.

use std::io::{self, Read, Write};

use crate::{
    Surroundings, cli,
    convert::{self, Convert, Failure, Site},
    exit::{Answer, Stop},
    guest,
    place::Place,
    stream::{Lines, Record, quote},
};

/// From address to ID.
#[derive(Clone, Debug)]
pub struct Encode {
    /// The site.
    pub site: Site,
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
        site: Site::of(&args.convert.site)?,
        vlan: args.vlan,
        overwrite: args.convert.overwrite,
    };
    convert::run(&job, &args.convert, values, surroundings, input, output)
}

impl Convert for Encode {
    fn convert(&self, record: &Record<'_>) -> Result<Place, Failure> {
        let place = convert::place_of(record, self.vlan, &self.site)?;
        if !self.overwrite {
            let id = place.id(self.site.digits);
            convert::agree("vmid", guest::number(&record.value("vmid")), id, record)?;
        }
        Ok(place)
    }

    fn write<W: Write>(
        &self,
        place: &Place,
        record: Record<'_>,
        lines: &mut Lines<W>,
    ) -> io::Result<()> {
        let id = place.id(self.site.digits);
        lines.write(record, &[("vmid", itoa::Buffer::new().format(id))])
    }

    fn raw(&self, place: &Place) -> String {
        place.id(self.site.digits).to_string()
    }
}
