//! All rows of a file, and what was asked for out of them.

use std::{collections::HashSet, net::IpAddr, ops};

use csv::ByteRecord;
use vmid::table::{each_row, is_empty};

use super::{
    cell::address,
    form::{Column, Layout},
};
use crate::{
    ipam::{Ask, Entry, EntryId, Said, View, Vrf},
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
        let (address, _) = address(layout.bytes(row, Column::Address))?;
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
            let mut entry = entry(layout, row, id)?;
            if ask.said || key.is_some_and(|key| ask.keys.contains(key)) {
                entry.said = Some(Box::new(said(layout, row)));
            }
            view.entries.push(entry);
        }
        Ok(())
    })?;
    if !ask.all {
        let lone = |entry: &Entry| {
            let holds = |(of, kin, span): &(&Vrf, Family, Span)| {
                let family = Family::of(entry.address);
                **of == entry.vrf && *kin == family && span.contains(span::bits(entry.address))
            };
            let at = within.iter().position(holds);
            at.is_some_and(|at| once(&taken[at], span::bits(entry.address)))
        };
        let beside = beside(text, layout, &view.entries, lone)?;
        view.entries.extend(beside);
    }
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

/// The addresses that more than one row has, whatever their routing tables.
pub(super) fn repeated(text: &[u8], layout: &Layout) -> Result<HashSet<IpAddr>, String> {
    let mut all = Vec::new();
    data_rows(text, layout, |_, row, _| {
        all.push(address(layout.bytes(row, Column::Address))?.0);
        Ok(())
    })?;
    all.sort_unstable();
    let several = all.chunk_by(|a, b| a == b).filter(|same| same.len() > 1);
    Ok(several.map(|same| same[0]).collect())
}

/// Hands each row to `handle` as an entry.
pub(super) fn each_entry(
    text: &[u8],
    layout: &Layout,
    mut handle: impl FnMut(Entry) -> Result<(), String>,
) -> Result<(), String> {
    data_rows(text, layout, |id, row, _| handle(entry(layout, row, id)?))
}

/// The records that have the address of one of `entries` as well, of those that are not alone.
fn beside(
    text: &[u8],
    layout: &Layout,
    entries: &[Entry],
    is_alone: impl Fn(&Entry) -> bool,
) -> Result<Vec<Entry>, String> {
    let known: HashSet<EntryId> = entries.iter().map(|entry| entry.id).collect();
    let not_alone = entries.iter().filter(|entry| !is_alone(entry));
    let addresses: HashSet<IpAddr> = not_alone.map(|entry| entry.address).collect();
    let mut beside = Vec::new();
    if addresses.is_empty() {
        return Ok(beside);
    }
    data_rows(text, layout, |id, row, _| {
        let (address, _) = address(layout.bytes(row, Column::Address))?;
        if addresses.contains(&address) && !known.contains(&id) {
            beside.push(entry(layout, row, id)?);
        }
        Ok(())
    })?;
    Ok(beside)
}

/// `bits` is once in `taken`, which is in the order of the file.
fn once(taken: &[u128], bits: u128) -> bool {
    taken.iter().filter(|taken| **taken == bits).count() == 1
}

fn entry(layout: &Layout, row: &ByteRecord, id: EntryId) -> Result<Entry, String> {
    let (address, length) = address(layout.bytes(row, Column::Address))?;
    let key = layout.cell(row, Column::Key);
    Ok(Entry {
        id,
        address,
        length,
        vrf: Vrf::parse(&layout.cell(row, Column::Vrf)),
        status: layout.value(row, Column::Status),
        role: layout.value(row, Column::Role),
        dns_name: layout.cell(row, Column::DnsName).into_owned(),
        key: (!key.is_empty()).then(|| key.into_owned()),
        comments: layout.cell(row, Column::Comments).into_owned(),
        said: None,
    })
}

fn said(layout: &Layout, row: &ByteRecord) -> Said {
    let tags = layout.cell(row, Column::Tags);
    let tags = tags.split(',').map(str::trim).filter(|tag| !tag.is_empty());
    let tenant = layout.cell(row, Column::Tenant);
    let custom = layout.customs.iter().filter_map(|(name, at)| {
        let cell = row.get(*at).unwrap_or_default().trim_ascii();
        let text = String::from_utf8_lossy(cell);
        (!text.is_empty()).then(|| (name.clone(), text.into()))
    });
    Said {
        tenant: Some(tenant.into_owned()).filter(|tenant| !tenant.is_empty()),
        custom: custom.collect(),
        description: layout.cell(row, Column::Description).into_owned(),
        tags: tags.map(str::to_owned).collect(),
    }
}
