//! The columns that labels are kept in. A new file gets those that are asked for; of a file that
//! somebody keeps, it is said which are missing: what it is to hold is its keeper's decision.

use std::path::Path;

use anyhow::anyhow;
use vmid::exit::Stop;

use super::form::{Column, Form, Layout, NEW_ADDRESSES};
use crate::labels::Kinds;

/// A new file of addresses: its header, with a column for each of these labels.
pub(super) fn new_file(labels: &Kinds) -> String {
    let mut header = NEW_ADDRESSES.to_owned();
    for (name, _) in needed(labels, Form::Import) {
        header = format!("{header},{name}");
    }
    format!("{header}\n")
}

/// The file at `path` has a column for each of these labels.
///
/// # Errors
///
/// It lacks some: which, what wants them, and how they are added.
pub(super) fn all_there(layout: &Layout, labels: &Kinds, path: &Path) -> Result<(), Stop> {
    lacking(layout, labels, path).map_or(Ok(()), |(what, hint)| {
        Err(Stop::input(anyhow!("{what}")).hint(hint))
    })
}

/// What it lacks, and how that is added.
fn lacking(layout: &Layout, labels: &Kinds, path: &Path) -> Option<(String, String)> {
    let lacking: Vec<(String, String)> = needed(labels, layout.form)
        .into_iter()
        .filter(|(name, _)| !has(layout, name))
        .collect();
    if lacking.is_empty() {
        return None;
    }
    let told: Vec<String> = lacking
        .iter()
        .map(|(name, why)| format!("no column {name:?}, which {why} needs"))
        .collect();
    let what = format!("{}: {}", path.display(), told.join("; "));
    let delimiter = match layout.dialect.delimiter {
        b'\t' => "\\t".to_owned(),
        byte => char::from(byte).to_string(),
    };
    let more: String = lacking
        .iter()
        .map(|(name, _)| format!("{delimiter}{name}"))
        .collect();
    let (line, path) = (layout.dialect.header_line, path.display().to_string());
    let (end, kept) = if layout.dialect.crlf {
        ("\\r$", "\\r")
    } else {
        ("$", "")
    };
    let path = format!("'{}'", path.replace('\'', r"'\''"));
    let hint = format!("add it to the header: sed -i '{line}s/{end}/{more}{kept}/' {path}");
    Some((what, hint))
}

/// The columns of these labels in that form, each with what wants it.
fn needed(labels: &Kinds, form: Form) -> Vec<(String, String)> {
    let tenant = (
        Column::Tenant.header(form),
        "--tenant (or a record's tenant)",
    );
    let role = (
        Column::Role.header(form),
        "--ipam-role (or a record's ipam_role)",
    );
    let fields = [(labels.tenant, tenant), (labels.role, role)].into_iter();
    let fields = fields.filter(|(is_asked, _)| *is_asked);
    let fields = fields.map(|(_, (name, why))| (name.to_owned(), why.to_owned()));
    let custom = labels.custom.iter().map(|name| {
        let why = format!("--cf {name}=VALUE (or a record's custom_fields)");
        (format!("cf_{name}"), why)
    });
    fields.chain(custom).collect()
}

fn has(layout: &Layout, column: &str) -> bool {
    match column.strip_prefix("cf_") {
        Some(name) => layout.custom(name).is_some(),
        None => [Column::Tenant, Column::Role]
            .into_iter()
            .filter(|known| known.header(layout.form) == column)
            .any(|known| layout.position(known).is_some()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds() -> Kinds {
        Kinds {
            tenant: true,
            role: true,
            custom: ["ticket".to_owned()].into(),
        }
    }

    #[test]
    fn what_is_missing() {
        let path = Path::new("it's/ip-addresses.csv");
        #[rustfmt::skip]
        let cases: &[(&str, &str, Option<(&str, &str)>)] = &[
            ("all there",      "address,tenant,role,cf_ticket\n", None),
            ("in an export",   "IP Address,Tenant,Role,Ticket\n", None),
            ("in capitals",    "Address,TENANT,Role,CF_ticket\n", None),
            ("another field",  "address,tenant,role,cf_Ticket\n", Some(("no column \"cf_ticket\"", "'1s/$/,cf_ticket/'"))),
            ("one",            "address,tenant,cf_ticket\n", Some(("it's/ip-addresses.csv: no column \"role\", which --ipam-role", "sed -i '1s/$/,role/' 'it'\\''s/ip-addresses.csv'"))),
            ("several",        "address,role\n",           Some(("no column \"tenant\"", "'1s/$/,tenant,cf_ticket/'"))),
            ("CRLF, ;",        "address;role;tenant\r\n",  Some(("no column \"cf_ticket\", which --cf ticket=VALUE", "'1s/\\r$/;cf_ticket\\r/'"))),
            ("behind sep=",    "sep=;\naddress;role;tenant\n", Some(("\"cf_ticket\"", "'2s/$/;cf_ticket/'"))),
        ];
        for (name, header, want) in cases {
            let layout = Layout::of(header.as_bytes(), Column::Address).unwrap();
            let got = lacking(&layout, &kinds(), path);
            let (Some((what, hint)), Some((said, typed))) = (&got, want) else {
                assert!(got.is_none() && want.is_none(), "{name}: {got:?}");
                continue;
            };
            assert!(what.contains(said), "{name}: {what}");
            assert!(hint.contains(typed), "{name}: {hint}");
        }
        let layout = Layout::of(b"address\n", Column::Address).unwrap();
        assert!(all_there(&layout, &Kinds::default(), path).is_ok());
    }

    #[test]
    fn a_new_file_has_all() {
        let text = new_file(&kinds());
        assert_eq!(text, format!("{NEW_ADDRESSES},tenant,role,cf_ticket\n"));
        let layout = Layout::of(text.as_bytes(), Column::Address).unwrap();
        assert!(all_there(&layout, &kinds(), Path::new("x")).is_ok());
        assert_eq!(new_file(&Kinds::default()), format!("{NEW_ADDRESSES}\n"));
    }
}
