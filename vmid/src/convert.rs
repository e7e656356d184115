//! `encode` and `decode`, record by record: what is read from a record, and what is written to it.

use std::io::{self, Read, Write};

use crate::{
    COLUMNS, cli,
    exit::{self, Answer, Stop},
    guest,
    networks::Networks,
    place::{self, Claim, Place},
    scheme::{self, Digits, Refused},
    stream::{self, Lines, Record, quote},
    table,
};

/// What a site looks like.
#[derive(Clone, Debug)]
pub struct Site {
    /// Its VLANs and prefixes.
    pub networks: Networks,
    /// The width of the host number.
    pub digits: Digits,
}

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

/// From ID to VLAN, host and address.
#[derive(Clone, Debug)]
pub struct Decode {
    /// The site.
    pub site: Site,
    /// Replace another VLAN, host or address.
    pub overwrite: bool,
}

/// A record that was refused, and the VLAN and host number that can be told all the same.
#[derive(Debug)]
pub struct Failure {
    refused: Refused,
    known: Option<(u64, u64)>,
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Self {
            refused,
            known: None,
        }
    }
}

/// A conversion of records.
pub trait Convert {
    /// The place that a record stands for.
    ///
    /// # Errors
    ///
    /// The record is refused.
    fn convert(&self, record: &Record<'_>) -> Result<Place, Failure>;

    /// Writes the record with the fields that the place gives it.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    fn write<W: Write>(
        &self,
        place: &Place,
        record: Record<'_>,
        lines: &mut Lines<W>,
    ) -> io::Result<()>;

    /// What `--raw` prints.
    fn raw(&self, place: &Place) -> String;
}

impl Convert for Encode {
    fn convert(&self, record: &Record<'_>) -> Result<Place, Failure> {
        let place = place_of(record, self.vlan, &self.site)?;
        if !self.overwrite {
            let id = place.id(self.site.digits);
            agree("vmid", guest::number(&record.value("vmid")), id, record)?;
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

impl Convert for Decode {
    fn convert(&self, record: &Record<'_>) -> Result<Place, Failure> {
        let Site { networks, digits } = &self.site;
        let id = guest::id(&record.value("vmid"))?;
        let id = id.ok_or_else(|| Refused::OutsideScheme("the record has no vmid".to_owned()))?;
        let (vlan, host) = scheme::split(id, *digits)?;
        if !self.overwrite {
            agree("vlan", guest::number(&record.value("vlan")), vlan, record)?;
            agree("host", guest::number(&record.value("host")), host, record)?;
        }
        // A record whose own address encodes to the ID says which network is meant.
        let own = place_of(record, None, &self.site)
            .ok()
            .filter(|place| place.id(*digits) == id);
        let place = match own.map_or_else(|| place::decode(id, networks, *digits), Ok) {
            Ok(place) => place,
            Err(refused @ Refused::UnknownNetwork(_)) => {
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

/// The place of the record's own address.
fn place_of(record: &Record<'_>, vlan: Option<u64>, site: &Site) -> Result<Place, Refused> {
    let (address, mask) = guest::address(&record.value("address"))?.ok_or(Refused::NoAddress)?;
    let vlan = guest::vlan(&record.value("vlan"))?.or(vlan);
    place::encode(
        Claim {
            address,
            mask,
            vlan,
        },
        &site.networks,
        site.digits,
    )
}

/// A number that stands in the record already must be the one that was computed.
fn agree(
    name: &str,
    stated: Option<Option<u64>>,
    computed: u64,
    record: &Record<'_>,
) -> Result<(), Refused> {
    match stated {
        Some(stated) if stated != Some(computed) => Err(Refused::IdMismatch(format!(
            "the record has {name} {}, but it is {computed} (--overwrite replaces it)",
            guest::spelled(&record.value(name))
        ))),
        _ => Ok(()),
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

/// Converts each record of `values`, or of `input` if there are none.
///
/// # Errors
///
/// As [`stream::each`].
pub fn run<C: Convert>(
    job: &C,
    options: &cli::Convert,
    values: Option<String>,
    input: impl Read,
    output: impl Write,
    terminal: bool,
) -> Result<Answer, Stop> {
    table::present(
        options.format,
        COLUMNS,
        output,
        terminal,
        |lines| match values {
            Some(values) => records(job, options.raw, values.as_bytes(), lines),
            None => records(job, options.raw, input, lines),
        },
    )
}

fn records<C: Convert, W: Write>(
    job: &C,
    raw: bool,
    input: impl Read,
    lines: &mut Lines<W>,
) -> Result<Answer, Stop> {
    let mut number = 0_u64;
    stream::each(input, lines, |record, lines| {
        number += 1;
        if raw {
            bare(job, number, record, lines)
        } else {
            whole(job, record, lines)
        }
    })
}

fn whole<C: Convert, W: Write>(
    job: &C,
    record: Record<'_>,
    lines: &mut Lines<W>,
) -> Result<Answer, Stop> {
    if record.has_error() {
        return stream::pass(record, lines);
    }
    match job.convert(&record) {
        Ok(place) => {
            job.write(&place, record, lines).map_err(Stop::output)?;
            Ok(Answer::Yes)
        }
        Err(Failure { refused, known }) => {
            let known = known.map(|(vlan, host)| (vlan.to_string(), host.to_string()));
            let known = known
                .as_ref()
                .map(|(vlan, host)| [("vlan", vlan.as_str()), ("host", host)]);
            let known = known.as_ref().map_or(&[][..], |fields| &fields[..]);
            let written = lines.fail(record, known, refused.code(), &refused.to_string());
            written.map_err(Stop::output)?;
            Ok(Answer::No)
        }
    }
}

fn bare<C: Convert, W: Write>(
    job: &C,
    number: u64,
    record: Record<'_>,
    lines: &mut Lines<W>,
) -> Result<Answer, Stop> {
    let failed = |what: &str| exit::say("vmid", &format!("record {number}: {what}"));
    if let Some(error) = record.raw("error").filter(|_| record.has_error()) {
        failed(&format!("failed before: {}", stream::excerpt(error)));
        return Ok(Answer::No);
    }
    match job.convert(&record) {
        Ok(place) => {
            lines.plain(&job.raw(&place)).map_err(Stop::output)?;
            Ok(Answer::Yes)
        }
        Err(Failure { refused, .. }) => {
            failed(&format!("{}: {refused}", refused.code()));
            Ok(Answer::No)
        }
    }
}
