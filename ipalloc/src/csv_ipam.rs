//! The embedded IPAM: a folder with NetBox's three CSV files.
//!
//! One process at a time may change it (a lock on `.ipalloc.lock`); readers need
//! no lock, because a file is only ever replaced as a whole.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io,
    net::IpAddr,
    ops,
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::Duration,
};

use anyhow::{Context as _, anyhow};
use csv::ByteRecord;
use ipnet::IpNet;
use vmid::{
    exit::{self, Stop},
    scheme::VLANS,
};

use crate::{
    allocate::is_asked_for,
    ipam::{
        Applied, Ask, Change, Entry, EntryId, Ipam, Made, Networks, New, Prefix, Range, View, Vrf,
    },
    span::{self, Family, Span},
};

mod file;
mod form;

use file::Edit;
use form::{Column, Layout};

const PREFIXES: &str = "prefixes.csv";
const RANGES: &str = "ip-ranges.csv";
const ADDRESSES: &str = "ip-addresses.csv";

/// How long to wait for another process that changes the IPAM. It holds the lock
/// for about a second even with a million addresses.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a command is going to do with the IPAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Look at it only.
    Read,
    /// Change it; others have to wait until the [`CsvIpam`] is dropped.
    Write,
}

/// The folder, opened.
#[derive(Debug)]
pub struct CsvIpam {
    folder: PathBuf,
    /// The addresses, as [`Ipam::look`] has read them.
    text: Vec<u8>,
    _lock: Option<File>,
}

impl CsvIpam {
    /// Opens the IPAM in `folder`.
    ///
    /// # Errors
    ///
    /// It is no folder with a `prefixes.csv` (the caller's fault), or the lock
    /// cannot be had.
    pub fn open(folder: &Path, access: Access) -> Result<Self, Stop> {
        let prefixes = folder.join(PREFIXES);
        if !prefixes.is_file() {
            let what = anyhow!("{}: no such file", prefixes.display());
            let hint = "an IPAM folder holds prefixes.csv, and ip-addresses.csv and ip-ranges.csv if there are any, in NetBox's import or export form";
            return Err(Stop::input(what).hint(hint));
        }
        let lock = match access {
            Access::Read => None,
            Access::Write => Some(lock(&folder.join(".ipalloc.lock"))?),
        };
        Ok(Self {
            folder: folder.to_owned(),
            text: Vec::new(),
            _lock: lock,
        })
    }

    /// The rows of one of the smaller files, each made into a value.
    fn rows<T>(
        &self,
        name: &str,
        identity: Column,
        kept_back: &[Column],
        make: impl Fn(&Layout, &ByteRecord) -> Result<T, String>,
    ) -> Result<Vec<T>, Stop> {
        let path = self.folder.join(name);
        let text = read(&path)?;
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let bad = |what: String| wrong(&path, what);
        let layout = Layout::of(&text, identity).map_err(bad)?;
        if let Some(what) = layout.looks_open(kept_back) {
            exit::say("ipalloc", &format!("warning: {}: {what}", path.display()));
        }
        let mut values = Vec::new();
        data_rows(&text, &layout, |_, row, _| {
            values.push(make(&layout, row)?);
            Ok(())
        })
        .map_err(bad)?;
        Ok(values)
    }

    fn addresses(&self) -> PathBuf {
        self.folder.join(ADDRESSES)
    }

    /// The edits that the changes of existing rows need.
    fn edits(&self, layout: &Layout, changes: &[Change]) -> Result<Vec<Edit>, String> {
        let changed: HashMap<EntryId, &Change> = changes
            .iter()
            .filter_map(|change| Some((row_of(change)?, change)))
            .collect();
        let mut edits = Vec::new();
        if changed.is_empty() {
            return Ok(edits);
        }
        data_rows(&self.text, layout, |id, row, span| {
            if let Some(change) = changed.get(&id) {
                let (content, end) = file::row_at(&self.text, span.start, span.end);
                edits.push(edit(layout, change, row, content, end));
            }
            Ok(())
        })?;
        Ok(edits)
    }
}

impl Ipam for CsvIpam {
    fn networks(&mut self) -> Result<Networks, Stop> {
        Ok(Networks {
            prefixes: self.rows(PREFIXES, Column::Prefix, form::OF_PREFIXES, prefix)?,
            ranges: self.rows(RANGES, Column::Start, form::OF_RANGES, range)?,
        })
    }

    fn look(&mut self, ask: &Ask) -> Result<View, Stop> {
        let path = self.addresses();
        self.text = read(&path)?;
        if self.text.iter().all(u8::is_ascii_whitespace) {
            self.text = format!("{}\n", form::NEW_ADDRESSES).into_bytes();
        }
        let layout = Layout::of(&self.text, Column::Address);
        layout
            .and_then(|layout| view(&self.text, &layout, ask))
            .map_err(|what| wrong(&path, what))
    }

    fn apply(&mut self, changes: &[Change]) -> Result<Applied, Stop> {
        let path = self.addresses();
        let bad = |what: String| wrong(&path, what);
        let mut layout = Layout::of(&self.text, Column::Address).map_err(bad)?;
        let missing = missing(&layout, changes);
        if !missing.is_empty() {
            self.text = file::widen(&self.text, &layout, &missing).map_err(bad)?;
            layout = Layout::of(&self.text, Column::Address).map_err(bad)?;
        }
        let edits = self.edits(&layout, changes).map_err(bad)?;
        let new = changes.iter().filter_map(|change| match change {
            Change::Create(new) => Some(created(&layout, new)),
            _ => None,
        });
        let added: Vec<u8> = new.flatten().collect();
        let replaced = file::replace(&path, &self.text, &edits, &added, layout.line_end());
        let context = || format!("{}: not changed", path.display());
        replaced.with_context(context).map_err(Stop::outside)?;
        // Rows have no IDs to show, and the lock saw to it that each got what was decided.
        let made = |change: &Change| match change {
            Change::Create(new) => Made {
                id: None,
                address: Some(new.address),
            },
            _ => Made {
                id: None,
                address: None,
            },
        };
        Ok(Applied::Done(changes.iter().map(made).collect()))
    }

    fn has_ids(&self) -> bool {
        false
    }
}

/// The row that a change is about; none if it makes a new one.
fn row_of(change: &Change) -> Option<EntryId> {
    match change {
        Change::Create(_) => None,
        Change::Adopt(id, _) | Change::Mark(id, ..) | Change::Delete(id) => Some(*id),
    }
}

/// The columns that the changes need and the file lacks.
fn missing(layout: &Layout, changes: &[Change]) -> Vec<Column> {
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
            Change::Delete(_) => Vec::new(),
        };
        for column in needed {
            if layout.position(column).is_none() && !missing.contains(&column) {
                missing.push(column);
            }
        }
    }
    missing
}

/// The edit that makes one change to its row.
fn edit(
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
                (Column::Status, layout.status(status)),
                (Column::Comments, comments.clone()),
            ];
            cells.extend(key.clone().map(|key| (Column::Key, key)));
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

/// The row of a new address.
fn created(layout: &Layout, new: &New) -> Vec<u8> {
    let mut all = vec![Vec::new(); layout.width];
    let cells = vec![
        (Column::Address, format!("{}/{}", new.address, new.length)),
        (Column::Vrf, layout.vrf(new.vrf.name())),
        (Column::Status, layout.status("active")),
        (Column::DnsName, new.dns_name.clone()),
        (Column::Description, new.description.clone()),
        (Column::Tags, new.tags.join(",")),
        (Column::Key, new.key.clone()),
    ];
    set(layout, &mut all, cells);
    layout.line(&all)
}

fn set(layout: &Layout, row: &mut [Vec<u8>], cells: Vec<(Column, String)>) {
    for (column, text) in cells {
        if let Some(at) = layout.position(column) {
            row[at] = text.into_bytes();
        }
    }
}

/// The rows below the header, each with its number and the bytes that the reader took for it.
fn data_rows(
    text: &[u8],
    layout: &Layout,
    mut handle: impl FnMut(EntryId, &ByteRecord, ops::Range<usize>) -> Result<(), String>,
) -> Result<(), String> {
    let mut number = 0;
    file::each_row(text, layout, |row, span| {
        let id = EntryId(number);
        number += 1;
        match id.0 {
            0 => Ok(()),
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
fn view(text: &[u8], layout: &Layout, ask: &Ask) -> Result<View, String> {
    let mut view = View::default();
    for (vrf, net) in &ask.within {
        view.taken
            .entry((vrf.clone(), Family::of(net.addr())))
            .or_default();
    }
    let within: Vec<(&Vrf, Family, Span)> = ask
        .within
        .iter()
        .map(|(vrf, net)| (vrf, Family::of(net.addr()), Span::of(*net)))
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
        if is_asked_for(ask, key, &name, address) {
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

/// An address cell; without a mask it is a host's own (as NetBox has it).
fn address(cell: &[u8]) -> Result<(IpAddr, u8), String> {
    let bad = || format!("{:?} is not an address", String::from_utf8_lossy(cell));
    let text = std::str::from_utf8(cell).map_err(|_| bad())?;
    let (host, length) = text
        .split_once('/')
        .map_or((text, None), |(h, l)| (h, Some(l)));
    let host: IpAddr = host.parse().map_err(|_| bad())?;
    let most = if host.is_ipv4() { 32 } else { 128 };
    let length = match length {
        Some(length) => length.parse().ok().filter(|l| *l <= most).ok_or_else(bad)?,
        None => most,
    };
    Ok((host, length))
}

fn prefix(layout: &Layout, row: &ByteRecord) -> Result<Prefix, String> {
    let text = layout.cell(row, Column::Prefix);
    let net: IpNet = text
        .parse()
        .map_err(|_| format!("{text:?} is not a prefix"))?;
    if net.trunc() != net {
        return Err(format!(
            "{net} has host bits set; the prefix is {}",
            net.trunc()
        ));
    }
    let vlan = vmid::networks::vlan_cell(&layout.cell(row, Column::Vlan))?;
    if let Some(vlan) = vlan.filter(|vlan| !VLANS.contains(vlan)) {
        let (first, last) = (VLANS.start(), VLANS.end());
        return Err(format!("VLAN {vlan} is outside {first}..={last}"));
    }
    Ok(Prefix {
        net,
        vrf: Vrf::parse(&layout.cell(row, Column::Vrf)),
        vlan,
        status: layout.value(row, Column::Status),
        is_pool: layout.flag(row, Column::IsPool)?,
        mark_utilized: layout.flag(row, Column::MarkUtilized)?,
    })
}

fn range(layout: &Layout, row: &ByteRecord) -> Result<Range, String> {
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
    })
}

/// The file's text; empty if there is none.
fn read(path: &Path) -> Result<Vec<u8>, Stop> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        result => result
            .with_context(|| path.display().to_string())
            .map_err(Stop::outside),
    }
}

/// A file that does not hold what it should: to be put right by whoever keeps it.
fn wrong(path: &Path, what: String) -> Stop {
    Stop::input(anyhow!("{}: {what}", path.display()))
}

/// The lock, waited for with limited patience.
fn lock(path: &Path) -> Result<File, Stop> {
    let mut options = OpenOptions::new();
    let file = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path);
    let file = file
        .with_context(|| path.display().to_string())
        .map_err(Stop::outside)?;
    let (sender, receiver) = mpsc::channel();
    // A thread of its own, because waiting for a lock cannot be given a time limit.
    thread::spawn(move || {
        let locked = file.lock();
        let _ = sender.send(locked.map(|()| file));
    });
    let outside = |cause: anyhow::Error| Stop::outside(cause.context(path.display().to_string()));
    match receiver.recv_timeout(PATIENCE) {
        Ok(locked) => locked.map_err(|error| outside(error.into())),
        Err(_) => {
            let seconds = PATIENCE.as_secs();
            Err(outside(anyhow!(
                "another process has been holding the lock for {seconds} s"
            )))
        }
    }
}
