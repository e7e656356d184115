//! One row of a file as what it means, and what is new as a row.

use std::{collections::BTreeSet, ops};

use csv::ByteRecord;
use vmid::scheme::VLANS;

use super::{
    belongs::{belongs, segment},
    cell::{self, address},
    file::Edit,
    form::{Column, Layout},
};
use crate::{
    among::Belonging,
    ipam::{Change, New, Prefix, Range, Vrf},
    labels::custom,
    span::{self, Family},
};

pub(super) fn prefix(
    layout: &Layout,
    row: &ByteRecord,
    asked: &BTreeSet<&Belonging>,
) -> Result<Prefix, String> {
    let net = cell::prefix(layout.bytes(row, Column::Prefix))?;
    let vlan = vmid::networks::vlan_cell(&layout.cell(row, Column::Vlan))?;
    if let Some(vlan) = vlan.filter(|vlan| !VLANS.contains(vlan)) {
        let (first, last) = (VLANS.start(), VLANS.end());
        return Err(format!("VLAN {vlan} is outside {first} to {last}"));
    }
    Ok(Prefix {
        net,
        vrf: Vrf::parse(&layout.cell(row, Column::Vrf)),
        vlan,
        status: layout.value(row, Column::Status),
        is_pool: layout.flag(row, Column::IsPool)?,
        mark_utilized: layout.flag(row, Column::MarkUtilized)?,
        belongs: belongs(layout, row, asked),
        segment: segment(layout, row),
        todo: Some(layout.cell(row, Column::Todo).into_owned()).filter(|todo| !todo.is_empty()),
        line: line(row),
    })
}

pub(super) fn range(layout: &Layout, row: &ByteRecord) -> Result<Range, String> {
    let (start, length) = address(layout.bytes(row, Column::Start))?;
    let (end, _) = address(layout.bytes(row, Column::End))?;
    if Family::of(start) != Family::of(end) || span::bits(start) > span::bits(end) {
        return Err(format!("{start} to {end} is no range"));
    }
    Ok(Range {
        start,
        end,
        length,
        vrf: Vrf::parse(&layout.cell(row, Column::Vrf)),
        status: layout.value(row, Column::Status),
        populated: layout.flag(row, Column::MarkPopulated)?,
        utilized: layout.flag(row, Column::MarkUtilized)?,
        line: line(row),
    })
}

fn line(row: &ByteRecord) -> Option<u64> {
    row.position().map(csv::Position::line)
}

/// The row of a new address.
pub(super) fn created(layout: &Layout, new: &New) -> Vec<u8> {
    let mut all = vec![Vec::new(); layout.width];
    let labels = &new.labels;
    let status = labels.status.as_deref();
    let cells = vec![
        (Column::Address, format!("{}/{}", new.address, new.length)),
        (Column::Vrf, layout.vrf(new.vrf.name())),
        (Column::Status, layout.label(status.unwrap_or("active"))),
        (Column::Role, layout.label(labels.role.unwrap_or_default())),
        (Column::Tenant, labels.tenant.clone().unwrap_or_default()),
        (Column::DnsName, new.dns_name.clone()),
        (Column::Description, new.description.clone()),
        (Column::Tags, new.tags.join(",")),
        (Column::Key, new.key.clone()),
    ];
    set(layout, &mut all, cells);
    for (name, value) in &labels.custom {
        if let Some(at) = layout.custom(name) {
            all[at] = custom::shown(value).into_bytes();
        }
    }
    layout.line(&all)
}

/// The edit that makes one change to its row.
pub(super) fn edit(
    layout: &Layout,
    change: &Change,
    row: &ByteRecord,
    content: ops::Range<usize>,
    end: usize,
) -> Edit {
    let cells = match change {
        Change::Adopt(_, key) => vec![(Column::Key, key.clone())],
        Change::Mark(_, status, comments, key) => {
            let mut cells = vec![
                (Column::Status, layout.label(status)),
                (Column::Comments, comments.clone()),
            ];
            cells.extend(key.clone().map(|key| (Column::Key, key)));
            cells
        }
        Change::Move(_, (address, length), revived) => {
            let mut cells = vec![(Column::Address, format!("{address}/{length}"))];
            if let Some(comments) = revived {
                cells.push((Column::Status, layout.label("active")));
                cells.push((Column::Comments, comments.clone()));
            }
            cells
        }
        Change::Complete(_, role, comments, status) => {
            let mut cells = vec![
                (Column::Role, layout.label(role)),
                (Column::Comments, comments.clone()),
            ];
            cells.extend(status.map(|status| (Column::Status, layout.label(status))));
            cells
        }
        Change::Create(_) | Change::Delete(_) => {
            return Edit {
                at: content.start..end,
                text: Vec::new(),
            };
        }
    };
    let mut all: Vec<Vec<u8>> = row.iter().map(<[u8]>::to_vec).collect();
    all.resize(all.len().max(layout.width), Vec::new());
    set(layout, &mut all, cells);
    let mut line = layout.line(&all);
    line.truncate(line.len() - layout.line_end().len());
    Edit {
        at: content,
        text: line,
    }
}

fn set(layout: &Layout, row: &mut [Vec<u8>], cells: Vec<(Column, String)>) {
    for (column, text) in cells {
        if let Some(at) = layout.position(column) {
            row[at] = text.into_bytes();
        }
    }
}

/// The columns that the changes need and the file lacks.
pub(super) fn missing(layout: &Layout, changes: &[Change]) -> Vec<Column> {
    let mut missing: Vec<Column> = Vec::new();
    for change in changes {
        let needed: Vec<Column> = match change {
            Change::Create(new) => {
                let mut needed = vec![Column::Status, Column::DnsName, Column::Key];
                needed.extend(new.vrf.name().map(|_| Column::Vrf));
                needed.extend((!new.description.is_empty()).then_some(Column::Description));
                needed.extend((!new.tags.is_empty()).then_some(Column::Tags));
                needed
            }
            Change::Adopt(..) => vec![Column::Key],
            Change::Mark(.., None) => vec![Column::Status, Column::Comments],
            Change::Mark(.., Some(_)) => vec![Column::Status, Column::Comments, Column::Key],
            Change::Complete(..) => vec![Column::Role, Column::Comments],
            // A record that was retired has both columns.
            Change::Move(..) | Change::Delete(_) => Vec::new(),
        };
        for column in needed {
            if layout.position(column).is_none() && !missing.contains(&column) {
                missing.push(column);
            }
        }
    }
    missing
}
