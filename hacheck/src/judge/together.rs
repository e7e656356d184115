//! The VIPs that one VRRP instance moves: what is said of one alone, and what of all of them.

use serde_json::json;

use super::{Finding, Severity, Verdict, by_name, holder::list, info};
use crate::pairs::Pair;

/// The verdict of a pair, and those of its VIPs with what is theirs alone; of a pair with one VIP or
/// none, its verdict and no others. `verdicts` are those of its views, in their order.
#[must_use]
pub fn together(pair: &Pair, mut verdicts: Vec<Verdict>) -> (Verdict, Vec<Verdict>) {
    if verdicts.len() == 1 {
        return (verdicts.remove(0), Vec::new());
    }
    let passing = is_passing(&verdicts);
    let unlike = unlike(pair, &verdicts);
    let mut findings = common(&mut verdicts);
    findings.extend(unlike);
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity)); // stable
    let first = verdicts.first().and_then(|verdict| verdict.holder);
    let holder = first.filter(|_| verdicts.iter().all(|verdict| verdict.holder == first));
    let by = verdicts.first().and_then(|verdict| verdict.holder_by);
    let whole = Verdict {
        holder,
        holder_by: by.filter(|_| holder.is_some()),
        findings,
        passing,
        unsteady: verdicts.iter().any(|verdict| verdict.unsteady),
        only_one_seen: verdicts.iter().all(|verdict| verdict.only_one_seen),
    };
    (whole, verdicts)
}

/// What is said of several, once, and as bad as of any of them; it is taken out of theirs.
fn common(verdicts: &mut [Verdict]) -> Vec<Finding> {
    let same = |one: &Finding, other: &Finding| {
        (one.code, one.message.as_str()) == (other.code, other.message.as_str())
    };
    let mut common: Vec<Finding> = Vec::new();
    for (place, verdict) in verdicts.iter().enumerate() {
        for finding in &verdict.findings {
            let is_known = |list: &[Finding]| list.iter().any(|other| same(other, finding));
            let mut others = verdicts[place + 1..].iter();
            if let Some(known) = common.iter_mut().find(|known| same(known, finding)) {
                known.severity = known.severity.max(finding.severity);
            } else if others.any(|other| is_known(&other.findings)) {
                common.push(finding.clone());
            }
        }
    }
    for verdict in verdicts {
        let own = |finding: &Finding| !common.iter().any(|known| same(known, finding));
        verdict.findings.retain(own);
    }
    common
}

/// The members that hold one VIP each are several: no instance of VRRP does that.
fn unlike(pair: &Pair, verdicts: &[Verdict]) -> Option<Finding> {
    let held = pair.vips.iter().zip(verdicts);
    let held = held.filter_map(|(vip, verdict)| Some((vip, verdict.holder?, verdict)));
    let held: Vec<_> = held.collect();
    let first = held.first()?.1;
    if held.iter().all(|(_, holder, _)| *holder == first) {
        return None;
    }
    let holds = |member: usize| {
        let vips = held.iter().filter(|(_, holder, _)| *holder == member);
        let vips = list(vips.map(|(vip, ..)| vip.to_string()));
        format!("{} holds {vips}", pair.members[member].name)
    };
    let holders = (0..pair.members.len()).filter(|i| held.iter().any(|(_, of, _)| of == i));
    let said = list(holders.map(holds));
    let evidence = by_name(
        held.iter()
            .map(|(vip, holder, _)| (vip.to_string(), json!(pair.members[*holder].name))),
    );
    let holder_findings = verdicts.iter().flat_map(|verdict| &verdict.findings);
    let holder_findings = holder_findings.filter(|finding| finding.code == "holder");
    let mut eyes: Vec<_> = holder_findings.flat_map(|f| f.seen_by.clone()).collect();
    eyes.sort_unstable();
    eyes.dedup();
    if !pair.vrrp {
        return Some(info("holder", said, evidence, &eyes));
    }
    // An old neighbour entry, or an answer of before a failover, is no proof that both are masters.
    let seen = held
        .iter()
        .all(|(.., verdict)| verdict.only_one_seen && !verdict.unsteady);
    let (code, severity, message) = match seen {
        true => (
            "split-brain",
            Severity::Critical,
            format!(
                "two masters of one VRRP instance: {said} (VIPs that move by themselves are pairs of their own)"
            ),
        ),
        false => (
            "holder-unknown",
            Severity::Unknown,
            format!(
                "{said}, which one VRRP instance moves together: it has moved meanwhile, or there are two masters; check again"
            ),
        ),
    };
    Some(Finding::new(code, severity, message, evidence, &eyes))
}

/// One of the VIPs was on its way to another holder, and nothing is wrong that lasts.
fn is_passing(verdicts: &[Verdict]) -> bool {
    let holders = verdicts.iter().filter_map(|verdict| verdict.holder);
    let mut holders: Vec<usize> = holders.collect();
    holders.dedup();
    let unlike = holders.len() > 1 && verdicts.iter().any(|verdict| verdict.unsteady);
    let lasts = |verdict: &Verdict| verdict.findings.iter().any(super::lasts);
    (unlike || verdicts.iter().any(|verdict| verdict.passing)) && !verdicts.iter().any(lasts)
}
