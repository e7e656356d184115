//! All rows of a file, and what was asked for out of them.

use std::ops;

use csv::ByteRecord;
use vmid::table::{each_row, is_empty};

use super::{
    cell::address,
    form::{Column, Layout},
};
use crate::{
    ipam::{Ask, Entry, EntryId, View, Vrf},
    known::Within,
    span::{self, Family, Span},
};

/// The rows below the header that say something, each with its number and the bytes that the reader took for it.
pub(super) fn data_rows(
    text: &[u8],
    layout: &Layout,
    mut handle: impl FnMut(EntryId, &ByteRecord, ops::Range<usize>) -> Result<(), String>,
) -> Result<(), String> {
    let mut number = 0;
    each_row(text, layout.dialect, |row, span| {
        let id = EntryId(number);
        number += 1;
        match id.0 {
            0 => Ok(()),
            _ if is_empty(row) => Ok(()),
            _ if row.len() > layout.width => Err(format!(
                "{} cells, the header has {}",
                row.len(),
                layout.width
            )),
            _ => handle(id, row, span),
        }
    })
}

/// What was asked for, out of all rows.
pub(super) fn view(text: &[u8], layout: &Layout, ask: &Ask) -> Result<View, String> {
    let mut view = View::default();
    for Within { vrf, net, .. } in &ask.within {
        view.taken
            .entry((vrf.clone(), Family::of(net.addr())))
            .or_default();
    }
    let within: Vec<(&Vrf, Family, Span)> = ask
        .within
        .iter()
        .map(|Within { vrf, net, .. }| (vrf, Family::of(net.addr()), Span::of(*net)))
        .collect();
    let mut taken: Vec<Vec<u128>> = vec![Vec::new(); within.len()];
    data_rows(text, layout, |id, row, _| {
        let (address, length) = address(layout.bytes(row, Column::Address))?;
        let (family, bits) = (Family::of(address), span::bits(address));
        let vrf = Vrf::parse(&layout.cell(row, Column::Vrf));
        let holds = |(of, kin, span): &(&Vrf, Family, Span)| {
            **of == vrf && *kin == family && span.contains(bits)
        };
        if let Some(at) = within.iter().position(holds) {
            taken[at].push(bits);
        }
        let (key, name) = (
            layout.cell(row, Column::Key),
            layout.cell(row, Column::DnsName),
        );
        let key = Some(key.as_ref()).filter(|key| !key.is_empty());
        if ask.wants(key, &name, address) {
            view.entries.push(Entry {
                id,
                address,
                length,
                vrf,
                status: layout.value(row, Column::Status),
                role: layout.value(row, Column::Role),
                dns_name: name.into_owned(),
                key: key.map(str::to_owned),
                comments: layout.cell(row, Column::Comments).into_owned(),
            });
        }
        Ok(())
    })?;
    for ((vrf, family, _), list) in within.iter().zip(taken) {
        if let Some(all) = view.taken.get_mut(&((*vrf).clone(), *family)) {
            all.extend(list);
        }
    }
    for all in view.taken.values_mut() {
        all.sort_unstable();
        all.dedup();
    }
    Ok(view)
}
