//! What came of putting addresses onto virtual machines, in the records of their requests: the
//! address stays in the record, whatever became of that.

use vmid::stream::quote;

use super::{Fields, Row};
use crate::{
    assign::{Assigned, At},
    intake::Kind,
    refused::Refused,
};

/// Adds the outcomes of all requests, in order, to the rows of their records.
pub fn add_assigned(rows: &mut [Option<Row>], kinds: &[Kind], outcomes: Vec<Option<Assigned>>) {
    let mut outcomes = outcomes.into_iter();
    for (row, kind) in rows.iter_mut().zip(kinds) {
        for place in 0..kind.requests() {
            let (Some(outcome), Some(row)) = (outcomes.next().flatten(), row.as_mut()) else {
                continue;
            };
            match kind {
                Kind::Has(interfaces) if place > 0 => {
                    let name = interfaces.get(place).map_or("", String::as_str);
                    add_to_other(row, place - 1, name, &outcome);
                }
                Kind::AsksBoth if place > 0 => add(row, "assigned6", &outcome),
                _ => add(row, "assigned", &outcome),
            }
        }
    }
}

fn add(row: &mut Row, field: &'static str, outcome: &Assigned) {
    take_over(&mut row.fields, field, outcome);
    if let Some(refused) = &outcome.refused {
        let address = if field == "assigned6" {
            "address6"
        } else {
            "address"
        };
        row.error
            .get_or_insert_with(|| told(&row.fields, address, refused));
    }
}

/// Into the fields of a guest's other interface.
fn add_to_other(row: &mut Row, place: usize, interface: &str, outcome: &Assigned) {
    if outcome.changed {
        set_changed(&mut row.fields);
    }
    let Some(fields) = row.others.get_mut(place) else {
        return;
    };
    take_over(fields, "assigned", outcome);
    if let Some(refused) = &outcome.refused {
        let refused = told(fields, "address", refused);
        fields.push(("error", refused.object()));
        let message = format!("{interface}: {}", refused.message);
        row.error.get_or_insert(Refused { message, ..refused });
    }
}

fn take_over(fields: &mut Fields, field: &'static str, outcome: &Assigned) {
    if outcome.changed {
        set_changed(fields);
    }
    let at = outcome.at.as_ref().filter(|_| outcome.refused.is_none());
    fields.extend(at.map(|at| (field, object(at))));
}

fn set_changed(fields: &mut Fields) {
    for (_, value) in fields.iter_mut().filter(|(name, _)| *name == "changed") {
        *value = "true".to_owned();
    }
}

fn object(at: &At) -> String {
    let At {
        machine,
        interface,
        primary,
    } = at;
    let (machine, interface) = (quote(machine), quote(interface));
    format!("{{\"virtual_machine\":{machine},\"interface\":{interface},\"primary\":{primary}}}")
}

/// The refusal, with the address, which is kept.
fn told(fields: &Fields, name: &str, refused: &Refused) -> Refused {
    let address = fields.iter().find(|(field, _)| *field == name);
    let address = address.map_or("the address", |(_, value)| value.trim_matches('"'));
    Refused {
        message: format!("{address} is recorded and kept, but {}", refused.message),
        code: refused.code,
    }
}
