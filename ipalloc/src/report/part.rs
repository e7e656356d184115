//! The parts of a row that come of one change each. Where a run ends half-way, a row that is done
//! in part says so: what tells of the other part is left out, and an error names it.

use super::{Fields, Row};
use crate::{
    ipam::Made,
    refused::{Code, Refused},
};

/// The fields of an address, and those of an IPv6 one beside an IPv4 one.
pub(super) const OF_SIX: [(&str, &str); 5] = [
    ("address", "address6"),
    ("prefix", "prefix6"),
    ("ipam_id", "ipam_id6"),
    ("instead_of", "instead_of6"),
    ("differs", "differs6"),
];

/// Which fields of a row tell of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Those without a number behind their names.
    First,
    /// Those of the IPv6 address beside an IPv4 one.
    Six,
    /// All of the other interface of that number, from 0.
    Other(usize),
}

impl Row {
    /// Leaves out what was not done, or of which nobody knows, because of `cause`; some of the
    /// row was done.
    pub(super) fn leave_undone(&mut self, of_row: &[&Option<Made>], cause: &str) {
        let parts = self.changes.iter().zip(of_row);
        let undone: Vec<Part> = parts
            .filter(|(_, made)| made.is_none())
            .map(|(part, _)| *part)
            .collect();
        for part in undone {
            let refused = match part {
                Part::First => refused(&take(&mut self.fields, |(first, _)| first), cause),
                Part::Six => refused(&take(&mut self.fields, |(_, six)| six), cause),
                Part::Other(at) => {
                    let Some(other) = self.others.get_mut(at) else {
                        continue;
                    };
                    let why = refused(&take(other, |(first, _)| first), cause);
                    other.retain(|(name, _)| !matches!(*name, "changed" | "error"));
                    other.push(("changed", why.code.changed().to_owned()));
                    other.push(("error", why.object()));
                    why
                }
            };
            self.error.get_or_insert(refused);
        }
    }
}

/// Takes out the fields of a part; the address that they named.
fn take(fields: &mut Fields, name: fn((&'static str, &'static str)) -> &'static str) -> String {
    let of_address = name(OF_SIX[0]);
    let address = fields.iter().find(|(field, _)| *field == of_address);
    let address = address.map_or(String::new(), |(_, value)| {
        value.trim_matches('"').to_owned()
    });
    fields.retain(|(field, _)| OF_SIX.iter().all(|pair| name(*pair) != *field));
    address
}

fn refused(address: &str, cause: &str) -> Refused {
    let message = format!("{address} was not changed, or nobody knows whether it was: {cause}");
    Refused::new(Code::UnknownOutcome, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Acted, Told, write};
    use vmid::{
        exit::Stop,
        stream::{Lines, parse, quote},
    };

    fn told(address: &str, id: u32, part: Part) -> Told {
        let fields = vec![
            ("address", quote(address)),
            ("prefix", quote("net")),
            ("vlan", "30".to_owned()),
            ("changed", "true".to_owned()),
            ("ipam_id", id.to_string()),
        ];
        Ok((fields, vec![part]))
    }

    fn both() -> Row {
        let four = told("192.0.2.2/24", 4, Part::First);
        super::super::of_both(four, told("2001:db8::2/64", 6, Part::First), false)
    }

    fn interfaces() -> Row {
        let names = ["net0".to_owned(), "net1".to_owned()];
        let of = [
            told("192.0.2.2/24", 4, Part::First),
            told("192.0.2.3/24", 5, Part::First),
        ];
        super::super::of_configuration(names.iter().zip(of).collect(), false)
    }

    #[test]
    fn rows_that_are_done_in_part() {
        let message = |address: &str| {
            format!(
                r#""error":{{"code":"unknown-outcome","message":"{address} was not changed, or nobody knows whether it was: gone"}}"#
            )
        };
        let (four, six) = (message("192.0.2.2/24"), message("2001:db8::2/64"));
        let net1 = message("192.0.2.3/24");
        #[rustfmt::skip]
        let cases: &[(&str, fn() -> Row, [bool; 2], String)] = &[
            ("IPv4 only", both, [true, false], format!(
                "{{\"name\":\"a\",\"address\":\"192.0.2.2/24\",\"prefix\":\"net\",\"vlan\":30,\"changed\":true,\"ipam_id\":4,{six}}}\n")),
            ("IPv6 only", both, [false, true], format!(
                "{{\"name\":\"a\",\"vlan\":30,\"changed\":true,\"address6\":\"2001:db8::2/64\",\"prefix6\":\"net\",\"ipam_id6\":6,{four}}}\n")),
            ("nothing", both, [false, false], String::new()),
            ("all", both, [true, true],
                "{\"name\":\"a\",\"address\":\"192.0.2.2/24\",\"prefix\":\"net\",\"vlan\":30,\"changed\":true,\"ipam_id\":4,\"address6\":\"2001:db8::2/64\",\"prefix6\":\"net\",\"ipam_id6\":6}\n".to_owned()),
            ("the first interface", interfaces, [true, false], format!(
                "{{\"name\":\"a\",\"address\":\"192.0.2.2/24\",\"prefix\":\"net\",\"vlan\":30,\"changed\":true,\"ipam_id\":4,\"other_addresses\":[{{\"interface\":\"net1\",\"vlan\":30,\"changed\":null,{net1}}}],{net1}}}\n")),
            ("the second interface", interfaces, [false, true], format!(
                "{{\"name\":\"a\",\"vlan\":30,\"changed\":true,\"other_addresses\":[{{\"interface\":\"net1\",\"address\":\"192.0.2.3/24\",\"prefix\":\"net\",\"vlan\":30,\"changed\":true,\"ipam_id\":5}}],{four}}}\n")),
        ];
        for (name, row, done, want) in cases {
            let records = parse(b"{\"name\":\"a\"}\n").unwrap();
            let acted = Acted {
                made: done.map(|done| done.then(Made::default)).into(),
                failed: Some(Stop::outside(anyhow::anyhow!("gone"))),
            };
            let mut out = Vec::new();
            let mut lines = Lines::new(&mut out, false);
            assert!(write(&records, vec![Some(row())], &mut lines, acted).is_err());
            drop(lines);
            assert_eq!(String::from_utf8(out).unwrap(), *want, "{name}");
        }
    }
}
