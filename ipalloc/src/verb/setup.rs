//! `ipalloc setup`: what NetBox needs; a folder needs nothing.

use std::io::Write;

use vmid::{
    exit::{Answer, Stop},
    stream::{Lines, error_object, quote},
};

use super::source::{Intent, open};
use crate::{
    cli::{self, Environment},
    netbox::{
        NetBox,
        field::{self, Setup},
    },
    report,
};

/// Makes sure of what NetBox needs; a folder needs nothing.
pub(crate) fn setup<W: Write>(
    args: &cli::Setup,
    environment: &Environment,
    lines: &mut Lines<W>,
) -> Result<Answer, Stop> {
    let named = args.source.ipam.as_deref().filter(|ipam| !ipam.is_empty());
    let done = match named.or(environment.url.as_deref()) {
        Some(url) if url.contains("://") => {
            let netbox = NetBox::new(url, &args.source, environment, "setup")?;
            field::setup(&netbox, args.dry_run)?
        }
        _ => {
            open(&args.source, environment, Intent::Look)?;
            Setup::Present
        }
    };
    let mut fields = vec![("field", quote("ipalloc_key"))];
    fields.extend(report::outcome(done == Setup::Made, args.dry_run));
    if let Setup::Refused(code, message) = &done {
        fields.push(("error", error_object(code, message)));
    }
    lines
        .own(&report::borrowed(&fields))
        .map_err(Stop::output)?;
    lines.flush().map_err(Stop::output)?;
    Ok(done.answer())
}
