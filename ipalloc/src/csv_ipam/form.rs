//! The two forms in which NetBox writes and reads CSV, which it does not accept
//! from each other: the export form with labels (`IP Address`, `Active`, `Global`)
//! and the import form with values (`address`, `active`, empty).

use std::borrow::Cow;

use csv::{ByteRecord, StringRecord};
use vmid::table::{self, Dialect, csv_fault};

use super::header;

/// Which of the two a file is in; told by its first column that only one of them has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Written by NetBox's export.
    Export,
    /// Read by NetBox's import; also the form of new files.
    Import,
}

/// The columns that matter here, by their names in the import form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// The address, with its mask.
    Address,
    /// The prefix.
    Prefix,
    /// A range's first address.
    Start,
    /// A range's last address.
    End,
    /// The routing table.
    Vrf,
    /// The VLAN.
    Vlan,
    /// The group of the VLAN.
    VlanGroup,
    /// The site of the VLAN.
    VlanSite,
    /// What kind of place a prefix is of.
    ScopeType,
    /// The name of that place.
    ScopeName,
    /// NetBox's number of it.
    ScopeId,
    /// The status.
    Status,
    /// The role.
    Role,
    /// The tenant.
    Tenant,
    /// The DNS name.
    DnsName,
    /// The description.
    Description,
    /// The comments.
    Comments,
    /// The tags.
    Tags,
    /// The owner.
    Key,
    /// A prefix all of whose addresses are usable.
    IsPool,
    /// A range whose addresses count as taken.
    MarkPopulated,
    /// A prefix or range that counts as full.
    MarkUtilized,
    /// What is still to be found out of a prefix: a note of ours, which NetBox does not know.
    Todo,
}

impl Column {
    const COUNT: usize = 23;

    const ALL: [Self; Self::COUNT] = [
        Self::Address,
        Self::Prefix,
        Self::Start,
        Self::End,
        Self::Vrf,
        Self::Vlan,
        Self::VlanGroup,
        Self::VlanSite,
        Self::ScopeType,
        Self::ScopeName,
        Self::ScopeId,
        Self::Status,
        Self::Role,
        Self::Tenant,
        Self::DnsName,
        Self::Description,
        Self::Comments,
        Self::Tags,
        Self::Key,
        Self::IsPool,
        Self::MarkPopulated,
        Self::MarkUtilized,
        Self::Todo,
    ];

    /// Its header in that form.
    #[must_use]
    pub fn header(self, form: Form) -> &'static str {
        let (import, export) = match self {
            Self::Address => ("address", "IP Address"),
            Self::Prefix => ("prefix", "Prefix"),
            Self::Start => ("start_address", "Start address"),
            Self::End => ("end_address", "End address"),
            Self::Vrf => ("vrf", "VRF"),
            Self::Vlan => ("vlan", "VLAN"),
            Self::VlanGroup => ("vlan_group", "VLAN Group"),
            Self::VlanSite => ("vlan_site", "VLAN Site"),
            Self::ScopeType => ("scope_type", "Scope Type"),
            Self::ScopeName => ("scope_name", "Scope"),
            Self::ScopeId => ("scope_id", "Scope ID"),
            Self::Status => ("status", "Status"),
            Self::Role => ("role", "Role"),
            Self::Tenant => ("tenant", "Tenant"),
            Self::DnsName => ("dns_name", "DNS name"),
            Self::Description => ("description", "Description"),
            Self::Comments => ("comments", "Comments"),
            Self::Tags => ("tags", "Tags"),
            Self::Key => ("cf_ipalloc_key", "ipalloc key"),
            Self::IsPool => ("is_pool", "Pool"),
            Self::MarkPopulated => ("mark_populated", "Marked Populated"),
            Self::MarkUtilized => ("mark_utilized", "Marked Utilized"),
            Self::Todo => ("x-todo", "x-todo"),
        };
        match form {
            Form::Import => import,
            Form::Export => export,
        }
    }
}

/// The header row of a new file of addresses: the columns that are filled here, each of which the
/// import of NetBox 4.4 to 4.7 knows. 4.4 refuses the later `owner`, and 4.4 and 4.5 fail over
/// an empty `device`, `is_primary` and their like.
pub const NEW_ADDRESSES: &str =
    "address,vrf,status,dns_name,description,comments,tags,cf_ipalloc_key";

/// Statuses and roles that NetBox's labels have in capitals.
const ACRONYMS: [&str; 7] = ["dhcp", "slaac", "vip", "vrrp", "hsrp", "glbp", "carp"];

/// What closes a prefix, or makes it full.
pub const OF_PREFIXES: &[Column] = &[Column::Vrf, Column::Status, Column::MarkUtilized];

/// What closes a range, or makes it full.
pub const OF_RANGES: &[Column] = &[
    Column::Vrf,
    Column::Status,
    Column::MarkPopulated,
    Column::MarkUtilized,
];

/// How a file is written: dialect, form, and where its columns are.
#[derive(Clone, Debug)]
pub struct Layout {
    /// BOM, delimiter, line ends.
    pub dialect: Dialect,
    /// Export or import.
    pub form: Form,
    /// How many columns there are.
    pub width: usize,
    positions: [Option<usize>; Column::COUNT],
    /// The columns of custom fields, by the fields' names.
    pub customs: Vec<(String, usize)>,
}

impl Layout {
    /// The layout of a file whose rows are told apart by `identity`.
    ///
    /// # Errors
    ///
    /// It is UTF-16, or its header has that column in neither form, or a column twice.
    pub fn of(text: &[u8], identity: Column) -> Result<Self, String> {
        table::readable(text)?;
        let dialect = Dialect::of(text);
        let at_header = |what: String| format!("line {}: {what}", dialect.header_line);
        let mut reader = dialect.reader(text);
        let header = reader.headers().map_err(|error| csv_fault(&error))?;
        let cells = |row: &StringRecord| row.iter().map(|cell| cell.trim().to_owned()).collect();
        let header: Vec<String> = cells(header);
        // Without a first row, or with one that is no text, there is nothing to be told by it.
        let first = reader.records().next().and_then(Result::ok);
        let first: Vec<String> = first.as_ref().map_or_else(Vec::new, cells);
        let form = header::form(&header, identity, &first).map_err(at_header)?;
        let mut positions = [None; Column::COUNT];
        for column in Column::ALL {
            let at = header::position(&header, column, form).map_err(at_header)?;
            positions[column as usize] = at;
        }
        let customs = header::customs(&header, form, &positions);
        Ok(Self {
            customs,
            dialect,
            form,
            width: header.len(),
            positions,
        })
    }

    /// Where a column is.
    #[must_use]
    pub fn position(&self, column: Column) -> Option<usize> {
        self.positions[column as usize]
    }

    /// The bytes of a row's cell in a column; empty if it has none.
    #[must_use]
    pub fn bytes<'r>(&self, row: &'r ByteRecord, column: Column) -> &'r [u8] {
        let cell = self.position(column).and_then(|at| row.get(at));
        cell.unwrap_or_default().trim_ascii()
    }

    /// The text of a row's cell in a column; empty if it has none.
    #[must_use]
    pub fn cell<'r>(&self, row: &'r ByteRecord, column: Column) -> Cow<'r, str> {
        String::from_utf8_lossy(self.bytes(row, column))
    }

    /// A status or role as NetBox's value: the label's lower case.
    #[must_use]
    pub fn value(&self, row: &ByteRecord, column: Column) -> String {
        self.cell(row, column).to_ascii_lowercase()
    }

    /// A yes or no; empty is no.
    ///
    /// # Errors
    ///
    /// It is neither: a spreadsheet in another language writes `WAHR`.
    pub fn flag(&self, row: &ByteRecord, column: Column) -> Result<bool, String> {
        match self.value(row, column).as_str() {
            "true" | "yes" | "1" => Ok(true),
            "" | "false" | "no" | "0" => Ok(false),
            _ => {
                let (header, cell) = (column.header(self.form), self.cell(row, column));
                Err(format!("{header} is true or false, not {cell:?}"))
            }
        }
    }

    /// What is wrong with an export without some of `columns`, those that keep addresses back:
    /// that of a table has only what the table shows. A file in the import form is made by
    /// hand, and what it leaves out is at its default.
    #[must_use]
    pub fn looks_open(&self, columns: &[Column]) -> Option<String> {
        let lacks = |column: &&Column| self.position(**column).is_none();
        let lacking = columns.iter().filter(lacks).map(|c| c.header(self.form));
        let lacking: Vec<_> = lacking.collect();
        (self.form == Form::Export && !lacking.is_empty()).then(|| {
            format!(
                "no column {}: what is closed or full by it looks open; NetBox's export of all data has it",
                lacking.join(", ")
            )
        })
    }

    /// Where the column of a custom field is. An export has the field's label instead of its name.
    #[must_use]
    pub fn custom(&self, name: &str) -> Option<usize> {
        let exact = self.customs.iter().find(|(custom, _)| custom == name);
        let alike = |(custom, _): &&(String, usize)| header::alike(custom, name);
        let by_label = || self.customs.iter().find(alike);
        let found = exact.or_else(|| (self.form == Form::Export).then(by_label).flatten());
        found.map(|(_, at)| *at)
    }

    /// A status or role as this form spells it.
    #[must_use]
    pub fn label(&self, value: &str) -> String {
        if self.form == Form::Import {
            return value.to_owned();
        }
        if ACRONYMS.contains(&value) {
            return value.to_ascii_uppercase();
        }
        let mut rest = value.chars();
        let first = rest.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(rest).collect()
    }

    /// A routing table as this form spells it.
    #[must_use]
    pub fn vrf(&self, name: Option<&str>) -> String {
        let global = if self.form == Form::Export {
            "Global"
        } else {
            ""
        };
        name.unwrap_or(global).to_owned()
    }

    /// What ends a line.
    #[must_use]
    pub fn line_end(&self) -> &'static [u8] {
        if self.dialect.crlf { b"\r\n" } else { b"\n" }
    }

    /// One row as this file writes rows, with its line end.
    #[must_use]
    pub fn line<C: AsRef<[u8]>>(&self, cells: &[C]) -> Vec<u8> {
        let mut builder = csv::WriterBuilder::new();
        builder.delimiter(self.dialect.delimiter).flexible(true);
        if self.dialect.crlf {
            builder.terminator(csv::Terminator::CRLF);
        }
        let mut writer = builder.from_writer(Vec::new());
        // cannot fail: a Vec takes everything
        let _ = writer.write_record(cells);
        writer.into_inner().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_values() {
        let [import, export] = ["address,status\n", "IP Address,Status\n"]
            .map(|text| Layout::of(text.as_bytes(), Column::Address).unwrap());
        #[rustfmt::skip]
        let cases = [
            ("a word",     "active",   "Active"),
            ("an acronym", "slaac",    "SLAAC"),
            ("a role",     "loopback", "Loopback"),
            ("one of four letters", "glbp", "GLBP"),
            ("an umlaut",  "übung",    "übung"),
            ("none",       "",         ""),
        ];
        for (name, value, label) in cases {
            assert_eq!(export.label(value), label, "{name}");
            assert_eq!(import.label(value), value, "{name}");
        }
    }

    #[test]
    fn where_a_custom_field_is() {
        let layout =
            |text: &str| Layout::of(text.as_bytes(), Column::Address).map(|layout| layout.customs);
        let [a, b] = [("Count".to_owned(), 1), ("count".to_owned(), 2)];
        assert_eq!(layout("address,cf_Count,cf_count\n"), Ok(vec![a, b]));
        let both = Layout::of(b"address,cf_Count,cf_count\n", Column::Address).unwrap();
        let found = ["Count", "count", "COUNT", "none"].map(|name| both.custom(name));
        assert_eq!(found, [Some(1), Some(2), None, None]);
        let label = Layout::of(b"IP Address,Ticket no\n", Column::Address).unwrap();
        assert_eq!(label.custom("Ticket_No"), Some(1));
    }
}
