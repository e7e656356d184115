//! What a prefix's row says of where it belongs: the place, the VLAN's group, the tenant.
//!
//! NetBox's files have names where its API is asked by slug. A name is known by itself, and by the
//! slug that NetBox proposes for it.

use std::collections::{BTreeMap, BTreeSet};

use csv::ByteRecord;

use super::form::{Column, Layout};
use crate::{
    among::{Belonging, Kind, Segment},
    ipam::Prefix,
    slug,
};

/// Which of `asked` the row has.
pub(super) fn belongs(
    layout: &Layout,
    row: &ByteRecord,
    asked: &BTreeSet<&Belonging>,
) -> BTreeSet<Belonging> {
    let has = |column: Column, name: &str| is_called(&layout.cell(row, column), name);
    let fits = |belonging: &&&Belonging| match belonging {
        Belonging::Scope(kind, name) => {
            let of_kind = Kind::of_type(&layout.cell(row, Column::ScopeType)) == Some(*kind);
            let by_id = || layout.cell(row, Column::ScopeId) == name.as_str();
            of_kind && (has(Column::ScopeName, name) || by_id())
        }
        Belonging::VlanGroup(name) => has(Column::VlanGroup, name),
        Belonging::Tenant(name) => has(Column::Tenant, name),
    };
    let found = asked.iter().filter(fits);
    found.map(|belonging| (*belonging).clone()).collect()
}

/// What tells the row's VLAN and place from others.
pub(super) fn segment(layout: &Layout, row: &ByteRecord) -> Segment {
    let joined = |columns: &[Column]| {
        let cells = columns.iter().map(|column| layout.cell(row, *column));
        cells.collect::<Vec<_>>().join("\n").trim().to_owned()
    };
    Segment {
        vlan: joined(&[Column::Vlan, Column::VlanGroup, Column::VlanSite]),
        scope: joined(&[Column::ScopeType, Column::ScopeName, Column::ScopeId]),
    }
}

/// The places of one name that have several IDs. Without IDs a file has no way to tell them apart.
pub(super) fn namesakes(prefixes: &[Prefix]) -> BTreeMap<Belonging, Vec<String>> {
    let mut ids: BTreeMap<&Belonging, BTreeSet<&str>> = BTreeMap::new();
    for prefix in prefixes {
        // The third line of what [`segment`] makes.
        let id = prefix.segment.scope.split('\n').nth(2);
        for belonging in &prefix.belongs {
            if let (Belonging::Scope(..), Some(id)) = (belonging, id) {
                ids.entry(belonging).or_default().insert(id);
            }
        }
    }
    let several = ids.into_iter().filter(|(_, ids)| ids.len() > 1);
    several
        .map(|(belonging, ids)| (belonging.clone(), vec![String::new(); ids.len()]))
        .collect()
}

/// The columns that the file lacks to say of each of `asked` whether a row has it.
///
/// # Errors
///
/// The first of them.
pub(super) fn has_columns(layout: &Layout, asked: &BTreeSet<&Belonging>) -> Result<(), String> {
    for belonging in asked {
        let (columns, option): (&[Column], _) = match belonging {
            Belonging::Scope(..) => (&[Column::ScopeType, Column::ScopeName], "--scope"),
            Belonging::VlanGroup(_) => (&[Column::VlanGroup], "--vlan-group"),
            Belonging::Tenant(_) => (&[Column::Tenant], "--prefix-tenant"),
        };
        let by_id = layout.position(Column::ScopeId).is_some();
        let lacks = |column: &&Column| {
            let known = layout.position(**column).is_some();
            !(known || **column == Column::ScopeName && by_id)
        };
        if let Some(lacking) = columns.iter().find(lacks) {
            let name = lacking.header(layout.form);
            return Err(format!("no column {name:?}, by which {option} goes"));
        }
    }
    Ok(())
}

/// A cell is that name, or one whose slug it is.
fn is_called(cell: &str, name: &str) -> bool {
    !cell.is_empty() && (cell == name || slug::proposed(cell) == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::among::parse_scope;

    #[test]
    fn names_and_slugs() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, &str, bool)] = &[
            ("itself",              "Berlin",          "Berlin",        true),
            ("its slug",            "Berlin Mitte 2",  "berlin-mitte-2", true),
            ("dots and dashes",     " a.b -- c_d. ",   "a-b-c_d",       true),
            ("other letters",       "Köln (Süd)",      "kln-sd",        true),
            ("another's case",      "Berlin",          "BERLIN",        false),
            ("only begins alike",   "Berlin 2",        "berlin",        false),
            ("no name",             "",                "",              false),
            ("nothing is left",     "Süd",             "",              false),
        ];
        for (what, cell, name, want) in cases {
            assert_eq!(is_called(cell, name), *want, "{what}");
        }
    }

    #[test]
    fn rows() {
        const IMPORT: &str = "prefix,vlan_group,scope_type,scope_name,scope_id,tenant";
        const EXPORT: &str = "Prefix,Tenant,Scope,Scope Type,VLAN Group";
        #[rustfmt::skip]
        let cases: &[(&str, &str, &str, &str, bool)] = &[
            ("a site",                IMPORT, "10.0.0.0/24,,dcim.site,Berlin,,",       "site:berlin",      true),
            ("by its number",         IMPORT, "10.0.0.0/24,,dcim.site,,7,",            "site:7",           true),
            ("another kind",          IMPORT, "10.0.0.0/24,,dcim.region,Berlin,,",     "site:berlin",      false),
            ("a group of sites",      IMPORT, "10.0.0.0/24,,dcim.sitegroup,Lab,,",     "site-group:lab",   true),
            ("no kind",               IMPORT, "10.0.0.0/24,,,Berlin,,",                "site:berlin",      false),
            ("an exported one",       EXPORT, "10.0.0.0/24,Acme,Berlin,dcim.site,",    "site:berlin",      true),
            ("as a table shows it",   EXPORT, "10.0.0.0/24,Acme,Berlin,Site,",         "site:berlin",      true),
            ("a VLAN's group",        IMPORT, "10.0.0.0/24,Lab 2,,,,",                 "group lab-2",      true),
            ("an exported group",     EXPORT, "10.0.0.0/24,Acme,,,Lab 2",              "group Lab 2",      true),
            ("a tenant",              IMPORT, "10.0.0.0/24,,,,,Acme Inc.",             "tenant acme-inc",  true),
            ("no tenant",             EXPORT, "10.0.0.0/24,,,,",                       "tenant acme",      false),
        ];
        for (what, header, row, asked, want) in cases {
            let text = format!("{header}\n{row}\n");
            let layout = Layout::of(text.as_bytes(), Column::Prefix).unwrap();
            let asked = match asked.split_once(' ') {
                Some(("group", name)) => Belonging::VlanGroup(name.to_owned()),
                Some((_, name)) => Belonging::Tenant(name.to_owned()),
                None => parse_scope(asked).unwrap(),
            };
            let asked = BTreeSet::from([&asked]);
            let row = ByteRecord::from(row.split(',').collect::<Vec<_>>());
            assert_eq!(has_columns(&layout, &asked), Ok(()), "{what}");
            assert_eq!(!belongs(&layout, &row, &asked).is_empty(), *want, "{what}");
        }
    }

    #[test]
    fn places_of_one_name() {
        const HEADER: &str = "prefix,scope_type,scope_name,scope_id";
        #[rustfmt::skip]
        let cases: &[(&str, &[&str], usize)] = &[
            ("of one",               &["10.0.0.0/24,dcim.location,Hall 1,7", "10.0.1.0/24,dcim.location,Hall 1,7"], 0),
            ("of two",               &["10.0.0.0/24,dcim.location,Hall 1,7", "10.0.1.0/24,dcim.location,Hall 1,8"], 2),
            ("of one and a site",    &["10.0.0.0/24,dcim.location,Hall 1,7", "10.0.1.0/24,dcim.site,Hall 1,8"],     0),
            ("nobody can tell",      &["10.0.0.0/24,dcim.location,Hall 1,",  "10.0.1.0/24,dcim.location,Hall 1,8"], 0),
        ];
        let hall = parse_scope("location:hall-1").unwrap();
        let asked = BTreeSet::from([&hall]);
        let layout = Layout::of(HEADER.as_bytes(), Column::Prefix).unwrap();
        for (what, rows, want) in cases {
            let row = |row: &&str| ByteRecord::from(row.split(',').collect::<Vec<_>>());
            let prefixes = rows.iter().map(row);
            let prefixes = prefixes.map(|row| super::super::row::prefix(&layout, &row, &asked));
            let prefixes: Vec<Prefix> = prefixes.map(Result::unwrap).collect();
            let got = namesakes(&prefixes)
                .remove(&hall)
                .map_or(0, |all| all.len());
            assert_eq!(got, *want, "{what}");
        }
    }

    #[test]
    fn columns_that_are_missing() {
        #[rustfmt::skip]
        let cases = [
            ("prefix,scope_name",             "no column \"scope_type\", by which --scope goes"),
            ("prefix,scope_type",             "no column \"scope_name\", by which --scope goes"),
            ("Prefix,Scope,VLAN,Tenant",      "no column \"Scope Type\", by which --scope goes"),
        ];
        let site = parse_scope("site:x").unwrap();
        for (header, want) in cases {
            let layout = Layout::of(header.as_bytes(), Column::Prefix).unwrap();
            let got = has_columns(&layout, &BTreeSet::from([&site]));
            assert_eq!(got, Err(want.to_owned()), "{header}");
        }
        let layout = Layout::of(b"prefix,scope_type,scope_id", Column::Prefix).unwrap();
        assert_eq!(has_columns(&layout, &BTreeSet::from([&site])), Ok(()));
    }
}
