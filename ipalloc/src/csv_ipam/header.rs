//! The header of a file: which form it is in, which column is where, and why it can't be told.
//!
//! NetBox's own spelling is taken first; what a person types in capitals or with spaces (`Address`,
//! `DNS_Name`) is understood, too. NetBox exports its labels in the user's language.

use super::form::{Column, Form};
use crate::labels::custom::OWN;

/// Labels of prefixes in NetBox's German and Dutch (its translations de and nl, 4.7), the two
/// languages in which a prefix is called as in English: their export would pass for one in
/// English whose columns for what is closed or full are missing.
const FOREIGN_LABELS: [&str; 6] = [
    "Untergeordnet",
    "Geltungsbereich",
    "Als ausgenutzt markiert",
    "Onderliggend",
    "Toepassingsgebied",
    "Gemarkeerd als gebruikt",
];

/// Other columns of NetBox's export of addresses: no custom fields.
const OF_EXPORT: [&str; 14] = [
    "ID",
    "Assigned",
    "Tenant Group",
    "NAT (Inside)",
    "NAT (Outside)",
    "Contacts",
    "Created",
    "Last updated",
    "Owner Group",
    "Owner",
    "Interface",
    "Parent",
    "Assigned Object",
    "Actions",
];

/// What to do about an export in another language.
const EXPORT_AGAIN: &str = "set the language of the NetBox account to English and export it again";

/// The form that a header is in, told by the column that tells rows apart.
///
/// # Errors
///
/// It has that column in neither form, or a column twice; `first` is the row below it, by which
/// an export in another language is known.
pub(super) fn form(header: &[String], identity: Column, first: &[String]) -> Result<Form, String> {
    if let Some(cell) = twice(header) {
        return Err(format!("the column {cell:?} is there twice"));
    }
    let is_foreign = |cell: &&String| FOREIGN_LABELS.contains(&cell.as_str());
    if let Some(label) = header.iter().find(is_foreign) {
        return Err(format!(
            "the column {label:?} is of an export in another language; {EXPORT_AGAIN}"
        ));
    }
    let [import, export] = [Form::Import, Form::Export].map(|form| identity.header(form));
    let has = |wanted: &str| header.iter().any(|cell| cell == wanted);
    let has_like = |wanted: &str| header.iter().any(|cell| alike(cell, wanted));
    if has(import) || !has(export) && has_like(import) {
        return Ok(Form::Import);
    }
    if has(export) || has_like(export) {
        return Ok(Form::Export);
    }
    let missing =
        format!("the header has no column {import:?} (import form) or {export:?} (export form)");
    let holds_addresses = |(name, cell): &(&String, &String)| {
        let is_name = name.chars().any(char::is_alphabetic);
        is_name && !is_address(name) && is_address(cell)
    };
    Err(match header.iter().zip(first).find(holds_addresses) {
        Some((name, _)) => format!(
            "{missing}, but {name:?} holds addresses: this looks like an export in another language; {EXPORT_AGAIN}"
        ),
        None => missing,
    })
}

/// Where a column of that form is.
///
/// # Errors
///
/// Two columns could be it.
pub(super) fn position(
    header: &[String],
    column: Column,
    form: Form,
) -> Result<Option<usize>, String> {
    let name = column.header(form);
    let exact = header.iter().position(|cell| cell == name);
    if exact.is_some() {
        return Ok(exact);
    }
    let [import, export] = [Form::Import, Form::Export].map(|form| column.header(form));
    let like = |cell: &&String| alike(cell, import) || alike(cell, export);
    let mut found = header.iter().filter(like);
    match (found.next(), found.next()) {
        (Some(one), Some(other)) => {
            Err(format!("the columns {one:?} and {other:?} are both {name}"))
        }
        _ => Ok(header.iter().position(|cell| like(&cell))),
    }
}

/// The columns of custom fields: `cf_NAME`, or in an export, which has their labels, those that
/// are nothing else. A label without one of its own is the name with a space for each underscore.
pub(super) fn customs(
    header: &[String],
    form: Form,
    positions: &[Option<usize>],
) -> Vec<(String, usize)> {
    let others = header.iter().enumerate();
    let others = others.filter(|(at, cell)| !cell.is_empty() && !positions.contains(&Some(*at)));
    let named = others.filter_map(|(at, cell)| {
        let is_prefixed = cell
            .get(..3)
            .is_some_and(|cf| cf.eq_ignore_ascii_case("cf_"));
        let is_of_export = || OF_EXPORT.iter().any(|known| alike(cell, known));
        match (is_prefixed, form) {
            (true, _) => Some((cell[3..].to_owned(), at)),
            (false, Form::Export) if !is_of_export() => {
                Some((cell.to_ascii_lowercase().replace(' ', "_"), at))
            }
            _ => None,
        }
    });
    named.filter(|(name, _)| !alike(name, OWN)).collect()
}

fn twice(header: &[String]) -> Option<&String> {
    let before = |at: usize, cell: &String| header[..at].contains(cell);
    let mut cells = header.iter().enumerate();
    let (_, cell) = cells.find(|(at, cell)| !cell.is_empty() && before(*at, cell))?;
    Some(cell)
}

/// The same name but for capitals, and spaces for underscores.
pub(super) fn alike(cell: &str, name: &str) -> bool {
    let plain = |c: char| match c {
        ' ' | '-' => '_',
        c => c.to_ascii_lowercase(),
    };
    cell.chars().map(plain).eq(name.chars().map(plain))
}

fn is_address(cell: &str) -> bool {
    let address = cell.split('/').next().unwrap_or_default();
    address.trim().parse::<std::net::IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(text: &str) -> Vec<String> {
        text.split('|').map(str::to_owned).collect()
    }

    #[test]
    fn columns_of_custom_fields() {
        #[rustfmt::skip]
        let cases: &[(&str, Form, &str, &[(&str, usize)])] = &[
            ("import",     Form::Import, "address|cf_ticket|cf_ipalloc_key|CF_Count|owner", &[("ticket", 1), ("Count", 3)]),
            ("export",     Form::Export, "IP Address|Tenant Group|Ticket no|ID|cf_x|ipalloc key|größe", &[("ticket_no", 2), ("x", 4), ("größe", 6)]),
            ("umlauts",    Form::Import, "address|öä_x",           &[]),
        ];
        for (name, form, header, want) in cases {
            let header = cells(header);
            let positions = [Some(0), position(&header, Column::Key, *form).unwrap()];
            let got = customs(&header, *form, &positions);
            let got: Vec<(&str, usize)> = got.iter().map(|(n, at)| (n.as_str(), *at)).collect();
            assert_eq!(got, *want, "{name}");
        }
    }

    #[test]
    fn forms() {
        let (import, export) = (Ok(Form::Import), Ok(Form::Export));
        const LANGUAGE: &str = "looks like an export in another language";
        #[rustfmt::skip]
        let cases: &[(&str, &str, Column, &str, Result<Form, &str>)] = &[
            ("import form",           "address|status",         Column::Address, "",                  import),
            ("export form",           "IP Address|Status",      Column::Address, "",                  export),
            ("an export of prefixes", "Prefix|Status",          Column::Prefix,  "",                  export),
            ("import, capitals",      "Address|Status",         Column::Address, "",                  import),
            ("all capitals",          "STATUS|PREFIX",          Column::Prefix,  "",                  import),
            ("a label, lower case",   "ip address|status",      Column::Address, "",                  export),
            ("a space",               "start address|Status",   Column::Start,   "",                  import),
            ("German",                "IP-Adresse|VRF|Status",  Column::Address, "10.0.0.1/8|Global|Aktiv", Err(LANGUAGE)),
            ("of ranges",             "Startadresse|Endadresse", Column::Start,  "10.0.0.1/8|10.0.0.9/8", Err(LANGUAGE)),
            ("Japanese",              "プレフィックス|ステータス",   Column::Prefix,  "fd00::/64|x",       Err(LANGUAGE)),
            ("German prefixes",       "Prefix|Status|Untergeordnet|VRF", Column::Prefix, "10.0.0.0/8|Aktiv|0|Global", Err("\"Untergeordnet\" is of an export in another language")),
            ("Dutch prefixes",        "Prefix|Status|Gemarkeerd als gebruikt", Column::Prefix, "",       Err("\"Gemarkeerd als gebruikt\" is of an export in another language")),
            ("a German sheet",        "Prefix|Status|Zweck",    Column::Prefix,  "10.0.0.0/8|active|x", export),
            ("of no row",             "IP-Adresse|Status",      Column::Address, "",                  Err("no column")),
            ("no header",             "10.0.0.1/8|active",      Column::Address, "10.0.0.2/8|active", Err("no column")),
            ("a column twice",        "address|status|status",  Column::Address, "",                  Err("\"status\" is there twice")),
            ("empty cells twice",     "address||",              Column::Address, "",                  import),
        ];
        for (name, header, identity, first, want) in cases {
            match (form(&cells(header), *identity, &cells(first)), want) {
                (Err(got), Err(want)) => assert!(got.contains(want), "{name}: {got}"),
                (got, want) => assert_eq!(got, want.map_err(str::to_owned), "{name}"),
            }
        }
        let plain = form(
            &cells("10.0.0.1/8|x"),
            Column::Address,
            &cells("10.0.0.2/8|y"),
        );
        assert!(!plain.unwrap_err().contains(LANGUAGE));
    }

    #[test]
    fn columns_as_people_spell_them() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, Column, Form, Result<Option<usize>, &str>)] = &[
            ("as NetBox has it",    "address|dns_name",       Column::DnsName, Form::Import, Ok(Some(1))),
            ("in capitals",         "Address|DNS_NAME",       Column::DnsName, Form::Import, Ok(Some(1))),
            ("a label",             "Address|DNS name",       Column::DnsName, Form::Import, Ok(Some(1))),
            ("not there",           "address|name",           Column::DnsName, Form::Import, Ok(None)),
            ("the exact one wins",  "address|Status|status",  Column::Status,  Form::Import, Ok(Some(2))),
            ("two, none exact",     "address|Status|STATUS",  Column::Status,  Form::Import, Err("\"Status\" and \"STATUS\" are both status")),
            ("a label of ours",     "IP Address|ipalloc key", Column::Key,     Form::Export, Ok(Some(1))),
        ];
        for (name, header, column, form, want) in cases {
            match (position(&cells(header), *column, *form), want) {
                (Err(got), Err(want)) => assert!(got.contains(want), "{name}: {got}"),
                (got, want) => assert_eq!(got, want.map_err(str::to_owned), "{name}"),
            }
        }
    }
}
