//! The exports of an NFS pair: whether each member has them, for the same clients, and under the same
//! handles. A client that has mounted one keeps its handle over a failover.

use std::collections::BTreeSet;

use serde_json::json;

use super::{Case, by_name, holder::list};
use crate::{
    finding::{Eye, Finding, Severity},
    probe::{
        Content, What,
        nfs::{Export, Exports},
    },
};

/// The most clients of an export that a message repeats.
const SHOWN: usize = 6;

pub(super) fn judge(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (place, probe) in case.pair.probes.iter().enumerate() {
        let What::Nfs(null) = &probe.what else {
            continue;
        };
        let known = case.contents(place, |content| match content {
            Content::Nfs(exports) => Some(exports),
            Content::Pihole(_) => None,
        });
        for (number, path) in null.exports.iter().enumerate() {
            let of: Vec<(usize, &Export)> = known
                .iter()
                .filter_map(|(member, exports)| Some((*member, exports.exports.get(number)?)))
                .collect();
            findings.extend(missing(case, path, &of));
            findings.extend(clients(case, path, &of));
            findings.extend(handles(case, path, &of));
        }
        findings.extend(unseen(case, &known));
    }
    findings
}

/// Who has it not in its list.
fn missing(case: &Case<'_>, path: &str, of: &[(usize, &Export)]) -> Option<Finding> {
    let names = |listed: bool| {
        let of = of
            .iter()
            .filter(move |(_, export)| export.listed.as_ref().map(Option::is_some) == Some(listed));
        of.map(|(member, _)| case.name(*member).to_owned())
    };
    let without: Vec<String> = names(false).collect();
    let with: Vec<String> = names(true).collect();
    if without.is_empty() {
        return None;
    }
    let message = match with.is_empty() {
        true => format!(
            "{path} is not exported by {}",
            list(without.iter().cloned())
        ),
        false => format!(
            "{path} is exported by {}, and not by {}, as this host is told",
            list(with.iter().cloned()),
            list(without.iter().cloned())
        ),
    };
    let evidence = json!({"path": path, "exported_by": with, "not_exported_by": without});
    Some(differ(message, evidence))
}

/// It is for other clients elsewhere.
fn clients(case: &Case<'_>, path: &str, of: &[(usize, &Export)]) -> Option<Finding> {
    let groups = |export: &'_ Export| export.listed.clone().flatten();
    let of: Vec<(usize, Vec<String>)> = of
        .iter()
        .filter_map(|(member, export)| Some((*member, groups(export)?)))
        .collect();
    if of.windows(2).all(|two| two[0].1 == two[1].1) {
        return None;
    }
    let each = of.iter().map(|(member, groups)| {
        let name = case.name(*member);
        let to = match &groups[..] {
            [] => "everybody".to_owned(),
            all if all.len() > SHOWN => {
                format!("{} and {} more", all[..SHOWN].join(", "), all.len() - SHOWN)
            }
            all => all.join(", "),
        };
        format!("by {name} to {to}")
    });
    let message = format!("{path} is exported {}", list(each));
    let evidence = by_name(
        of.iter()
            .map(|(member, groups)| (case.name(*member).to_owned(), json!(groups))),
    );
    Some(differ(message, evidence))
}

/// Its root has other handles elsewhere.
fn handles(case: &Case<'_>, path: &str, of: &[(usize, &Export)]) -> Option<Finding> {
    let of: Vec<(usize, &str)> = of
        .iter()
        .filter_map(|(member, export)| Some((*member, export.handle.as_deref()?)))
        .collect();
    let different: BTreeSet<&str> = of.iter().map(|(_, handle)| *handle).collect();
    if different.len() < 2 {
        return None;
    }
    let names = list(of.iter().map(|(member, _)| case.name(*member).to_owned()));
    let message = format!(
        "{path} has different handles on {names}: clients that have mounted it get \"stale file handle\" after a failover (the same fsid, or Filesystem_Id and Export_Id, on each)"
    );
    let digests = by_name(
        of.iter()
            .map(|(member, handle)| (case.name(*member).to_owned(), *handle)),
    );
    let evidence = json!({"path": path, "handles_sha256": digests});
    Some(Finding::new(
        "nfs-handle-differs",
        Severity::Warning,
        message,
        evidence,
        &[Eye::Probe],
    ))
}

fn differ(message: String, evidence: serde_json::Value) -> Finding {
    Finding::new(
        "nfs-exports-differ",
        Severity::Warning,
        message,
        evidence,
        &[Eye::Probe],
    )
}

/// What could not be had of each. A member that is dead has no content, and is told elsewhere.
fn unseen(case: &Case<'_>, known: &[(usize, &Exports)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (member, exports) in known {
        for unseen in &exports.unseen {
            let (name, what) = (case.name(*member), &unseen.what);
            let message = format!("not seen: {what} of {name}: {}", unseen.message);
            let evidence = json!({"member": name, "what": what});
            findings.push(Finding::new(
                "blind",
                Severity::Unknown,
                message,
                evidence,
                &[Eye::Probe],
            ));
        }
    }
    findings
}
