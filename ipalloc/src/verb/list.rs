//! `ipalloc list`: the records of addresses, and what resolvers and inventories make of them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io::Write,
};

use anyhow::anyhow;
use vmid::{
    exit::{self, Answer, Stop},
    stream::{Lines, error_object, quote},
    table,
};

use crate::{
    check::Records,
    cli,
    ipam::{Entry, EntryId, Ipam, Networks, Vrf},
    labels,
    list::{
        self, Wanted,
        form::{self, Form},
        host::{self, Host, Left},
    },
    report,
};

/// Columns of `list --format table`.
const RECORDS: &[&str] = &[
    "address",
    "name",
    "interface",
    "dns_name",
    "vlan",
    "mac",
    "vrf",
    "ipam_status",
    "ipam_role",
    "description",
    "findings",
    "error",
];

pub(crate) fn list(
    args: &cli::List,
    domain: Option<&str>,
    mut ipam: Box<dyn Ipam>,
    mut output: impl Write,
    terminal: bool,
) -> Result<Answer, Stop> {
    let domain = args.domain.as_deref().or(domain);
    if args.format == Form::Zone && domain.is_none() {
        let none = anyhow!("--format zone: a zone has a domain, and none is given");
        return Err(Stop::input(none).hint("name it with --domain, or in the site file"));
    }
    let networks = ipam.networks(&list::interest(&args.words))?;
    let view = ipam.look(&list::ask(&args.words))?;
    let vrf = args.vrf.as_deref().map(Vrf::parse);
    let mut chosen = list::chosen(&view.entries, &args.words);
    chosen.retain(|entry| vrf.as_ref().is_none_or(|vrf| entry.vrf == *vrf));
    let missing: Vec<&Wanted> = args
        .words
        .iter()
        .filter(|wanted| !chosen.iter().any(|entry| wanted.takes(entry)))
        .collect();
    let answer = Answer::no_if(!missing.is_empty());
    if chosen.is_empty() && args.words.is_empty() {
        exit::say(
            "ipalloc",
            "note: the IPAM has no such record yet, so there is nothing to list",
        );
    }
    let known = Records::new(&networks, &view, None);
    let macs = macs(&chosen, args.format, ipam.as_mut())?;
    if let Some(format) = args.format.of_records() {
        let ids = ipam.has_ids();
        return table::present(format, RECORDS, output, terminal, |lines| {
            for entry in &chosen {
                let mut fields = fields(entry, &networks, &known, ids);
                fields.extend(macs.get(&entry.id).map(|mac| ("mac", quote(mac))));
                lines
                    .own(&report::borrowed(&fields))
                    .map_err(Stop::output)?;
            }
            for wanted in &missing {
                not_found(wanted, lines)?;
            }
            lines.flush().map_err(Stop::output)?;
            Ok(answer)
        });
    }
    for wanted in missing {
        let (_, text) = wanted.told();
        exit::say("ipalloc", &format!("{text}: the IPAM has no record of it"));
    }
    let hosts = hosts(&chosen, &macs, &known, &networks, domain, args);
    if hosts.is_empty() && !args.allow_empty {
        let said = "no record names a host, so nothing is written: an empty list would empty a resolver (--allow-empty writes it)";
        exit::say("ipalloc", said);
        return Ok(Answer::No);
    }
    let mut text = form::lines(args.format, &hosts).join("\n");
    if !text.is_empty() {
        text.push('\n');
    }
    output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush())
        .map_err(Stop::output)?;
    Ok(answer)
}

/// The hosts of the records; how many name none is said, and which VRFs are mixed.
fn hosts(
    chosen: &[&Entry],
    macs: &HashMap<EntryId, String>,
    known: &Records<'_>,
    networks: &Networks,
    domain: Option<&str>,
    args: &cli::List,
) -> Vec<Host> {
    // A zone has the names of one domain.
    let only = args.domain.is_some() || args.format == Form::Zone;
    let mut left: BTreeMap<Left, (usize, &Entry)> = BTreeMap::new();
    let mut hosts = Vec::new();
    let mut vrfs = BTreeSet::new();
    for entry in chosen {
        match host::of(entry, known, networks, domain, only) {
            Ok(mut host) => {
                // Of an address that several share none is asked for by DHCP.
                host.mac = macs.get(&entry.id).filter(|_| !entry.is_shared()).cloned();
                vrfs.insert(entry.vrf.to_string());
                hosts.push(host);
            }
            Err(why) => left.entry(why).or_insert((0, entry)).0 += 1,
        }
    }
    let told = |(why, (count, first)): (Left, (usize, &Entry))| match count {
        1 => format!("1 {} ({first})", why.told()),
        _ => format!("{count} {} ({first} first)", why.told()),
    };
    let left: Vec<String> = left.into_iter().map(told).collect();
    if !left.is_empty() {
        exit::say("ipalloc", &format!("note: left out: {}", left.join(", ")));
    }
    if vrfs.len() > 1 {
        let vrfs: Vec<String> = vrfs.into_iter().collect();
        let vrfs = vrfs.join(", ");
        exit::say(
            "ipalloc",
            &format!("note: the addresses are of several VRFs ({vrfs}); --vrf takes those of one"),
        );
    }
    if domain.is_none() {
        host::without_ambiguous(&mut hosts);
    }
    hosts
}

/// The MAC addresses of the interfaces that these are on, for the forms that have them.
fn macs(
    chosen: &[&Entry],
    form: Form,
    ipam: &mut dyn Ipam,
) -> Result<HashMap<EntryId, String>, Stop> {
    match form {
        // Without them its dhcp-host lines would go.
        Form::Dnsmasq => ipam.macs(chosen),
        Form::Json | Form::Table | Form::Csv => Ok(ipam.macs(chosen).unwrap_or_else(|stop| {
            exit::say(
                "ipalloc",
                &format!("note: no MAC addresses are told: {stop}"),
            );
            HashMap::new()
        })),
        _ => Ok(HashMap::new()),
    }
}

/// All that a record says.
fn fields(entry: &Entry, networks: &Networks, known: &Records<'_>, ids: bool) -> report::Fields {
    let (name, interface) = match entry.key.as_deref().map(crate::owner::parts) {
        Some((name, interface)) => (Some(name), interface),
        None => (None, None),
    };
    let mut fields = vec![("name", report::text(name))];
    fields.extend(interface.map(|interface| ("interface", quote(interface))));
    fields.extend(report::placed(entry, networks));
    fields.push(("vrf", report::text(entry.vrf.name())));
    fields.push(("ipam_status", quote(&entry.status)));
    let role = Some(entry.role.as_str()).filter(|role| !role.is_empty());
    fields.push(("ipam_role", report::text(role)));
    if let Some(said) = &entry.said {
        fields.push(("tenant", report::text(said.tenant.as_deref())));
        let tags: Vec<String> = said.tags.iter().map(|tag| quote(tag)).collect();
        fields.push(("description", quote(&said.description)));
        fields.push(("tags", format!("[{}]", tags.join(","))));
        let custom = said.custom.iter();
        let custom = custom.map(|(name, value)| (name.clone(), labels::custom::plain(value)));
        let custom = labels::custom::object(&custom.collect());
        fields.push(("custom_fields", custom));
    }
    if ids {
        fields.push(("ipam_id", entry.id.0.to_string()));
    }
    if let Some(finding) = known.duplicate(entry) {
        let finding = error_object(finding.code, &finding.message);
        fields.push(("findings", format!("[{finding}]")));
    }
    fields
}

fn not_found<W: Write>(wanted: &Wanted, lines: &mut Lines<W>) -> Result<(), Stop> {
    let (name, text) = wanted.told();
    let error = error_object("not-found", &format!("the IPAM has no record of {text}"));
    let text = quote(&text);
    lines
        .own(&[(name, &text), ("error", &error)])
        .map_err(Stop::output)
}
