//! `ipalloc show`: how full each prefix is.

use std::io::Write;

use vmid::{
    exit::{self, Answer, Stop},
    stream::{Lines, quote},
};

use crate::{
    cli,
    interest::Interest,
    ipam::{Ask, Ipam, Prefix, Vrf},
    known::Within,
    report,
    request::{Fields, Place},
    scope, show,
    site_rules::SiteRules,
};

/// Columns of `show --format table`.
pub(crate) const FILL: &[&str] = &[
    "prefix", "vlan", "vrf", "status", "size", "used", "free", "next", "error",
];

pub(crate) fn show<W: Write>(
    args: &cli::Show,
    site: Option<SiteRules>,
    mut ipam: Box<dyn Ipam>,
    lines: &mut Lines<W>,
) -> Result<Answer, Stop> {
    let networks = ipam.networks(&interest(args))?;
    let vrf = args.vrf.as_deref().map(Vrf::parse);
    let (place, among) = (place(args), args.narrow.among(false));
    let wanted = |prefix: &&Prefix| {
        args.vlan.is_none_or(|vlan| prefix.vlan == Some(vlan))
            && args.prefix.is_none_or(|net| prefix.net == net)
            && vrf.as_ref().is_none_or(|vrf| prefix.vrf == *vrf)
            && prefix.is_among(&among)
    };
    let prefixes: Vec<&Prefix> = networks.prefixes.iter().filter(wanted).collect();
    let is_named = place != Place::default() || vrf.is_some() || !among.is_open();
    let clear = scope::is_clear(&among, &networks);
    let none = || scope::no_prefix(&place, vrf.as_ref(), &among);
    let refused = clear
        .err()
        .or_else(|| (prefixes.is_empty() && is_named).then(none));
    if let Some(refused) = refused {
        let fields = report::absent(args.prefix, args.vlan, vrf.as_ref(), &refused);
        lines
            .own(&report::borrowed(&fields))
            .map_err(Stop::output)?;
        lines.flush().map_err(Stop::output)?;
        return Ok(Answer::No);
    }
    if prefixes.is_empty() {
        exit::say(
            "ipalloc",
            "note: the IPAM has no prefix yet, so there is nothing to show",
        );
    }
    let within = prefixes
        .iter()
        .map(|prefix| Within::all(prefix.vrf.clone(), prefix.net))
        .collect();
    let view = ipam.look(&Ask {
        within,
        ..Ask::default()
    })?;
    let policy = args.exclude.policy(site);
    for prefix in prefixes {
        let fill = show::fill(prefix, &networks, &view, &policy);
        if fill.unseen > 0 {
            let count = fill.unseen;
            exit::say(
                "ipalloc",
                &format!(
                    "note: {prefix}: this token does not see all of its addresses; at least {count} more are taken"
                ),
            );
        }
        let next = fill
            .next
            .map(|next| format!("{next}/{}", prefix.net.prefix_len()));
        let fields = [
            ("prefix", quote(&prefix.net.to_string())),
            ("vlan", report::number(prefix.vlan)),
            ("vrf", report::text(prefix.vrf.name())),
            ("status", quote(&prefix.status)),
            ("size", fill.size.to_string()),
            ("used", fill.used.to_string()),
            ("free", fill.free.to_string()),
            ("next", report::text(next.as_deref())),
        ];
        lines
            .own(&report::borrowed(&fields))
            .map_err(Stop::output)?;
    }
    lines.flush().map_err(Stop::output)?;
    Ok(Answer::Yes)
}

/// Where the prefixes are that are to be shown.
fn place(args: &cli::Show) -> Place {
    Place {
        vlan: args.vlan,
        prefix: args.prefix,
        range: None,
    }
}

/// The networks that are to be shown.
fn interest(args: &cli::Show) -> Interest {
    let fields = Fields {
        place: place(args),
        among: args.narrow.among(false),
        ..Fields::default()
    };
    let mut interest = Interest {
        all: fields.place == Place::default() && fields.among.is_open(),
        ..Interest::default()
    };
    interest.add(&fields);
    interest
}
