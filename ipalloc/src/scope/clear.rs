//! Whether what prefixes are to belong to is one thing: slugs that several have tell nothing.

use std::collections::BTreeSet;

use super::listed;
use crate::{
    among::{Among, Belonging, Kind},
    ipam::Networks,
    refused::{Code, Refused},
};

/// Each of `among` is the slug of one thing; a location's together with a site that is named.
///
/// # Errors
///
/// [`Code::AmbiguousPrefix`]: several have it.
pub fn is_clear(among: &Among, networks: &Networks) -> Result<(), Refused> {
    for belonging in among.belongings() {
        let Some(sites) = networks.namesakes.get(belonging) else {
            continue;
        };
        let Belonging::Scope(Kind::Location, name) = belonging else {
            return Err(several(belonging, sites.len(), "name prefix instead"));
        };
        let is_named = |site: &str| {
            let site = Belonging::Scope(Kind::Site, site.to_owned());
            among.scopes.contains(&site)
        };
        let of_site = among
            .scopes
            .iter()
            .any(|scope| matches!(scope, Belonging::Scope(Kind::Site, _)));
        let left = sites.iter().filter(|site| is_named(site)).count();
        if of_site && left <= 1 {
            continue;
        }
        let known: BTreeSet<&String> = sites.iter().filter(|site| !site.is_empty()).collect();
        let way_out = match known.len() {
            0 | 1 => "name prefix instead".to_owned(),
            _ => {
                let all = listed(
                    known
                        .iter()
                        .map(|site| format!("site:{site},location:{name}")),
                );
                format!("name the site as well (--scope {all}) or prefix instead")
            }
        };
        return Err(several(belonging, sites.len(), &way_out));
    }
    Ok(())
}

fn several(belonging: &Belonging, count: usize, way_out: &str) -> Refused {
    let message =
        format!("which prefixes are {belonging} is not clear: {count} have that slug; {way_out}");
    Refused::new(Code::AmbiguousPrefix, message)
}
