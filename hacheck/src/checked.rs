//! A pair that was checked: what the reports are made of.

use std::net::IpAddr;

use crate::{
    finding::{Finding, Severity},
    judge::{self, Evidence, Probed, Target, Verdict},
    look::Look,
    pairs::Pair,
    probe::Reply,
};

/// Replies, each with the label of its probe.
pub type Labelled<'a> = Vec<(String, &'a Reply)>;

/// A pair, what is known of it and what that means.
pub struct Checked<'a> {
    /// The pair.
    pub pair: &'a Pair,
    /// What is known; of several VIPs, what the first one's view is.
    pub evidence: Evidence,
    /// What it means; of several VIPs, what is not said of one of them alone.
    pub verdict: Verdict,
    /// The VIPs, if there are several.
    pub vips: Vec<OfVip>,
    /// How long the probes took, in milliseconds.
    pub probes_ms: u64,
}

/// One of several VIPs.
pub struct OfVip {
    /// The address.
    pub vip: IpAddr,
    /// Who holds it, and what is said of it alone.
    pub verdict: Verdict,
    /// What was asked there, and what came.
    pub probes: Vec<Probed>,
}

impl<'a> Checked<'a> {
    /// A pair by what was seen and said of each of its views, at least one.
    #[must_use]
    pub(crate) fn of(pair: &'a Pair, views: Vec<(Look, Verdict)>) -> Self {
        let (looks, verdicts): (Vec<Look>, Vec<Verdict>) = views.into_iter().unzip();
        let (verdict, own) = judge::together(pair, verdicts);
        let at_vip = |(evidence, _): &Look| {
            let mut probes = evidence.probes.clone();
            probes.retain(|probed| probed.target == Target::Vip);
            probes
        };
        let vips = pair.vips.iter().zip(own).zip(&looks);
        let vips = vips.map(|((vip, verdict), look)| OfVip {
            vip: *vip,
            verdict,
            probes: at_vip(look),
        });
        let vips = vips.collect();
        let (evidence, probes_ms) = looks.into_iter().next().unwrap_or_default();
        Self {
            pair,
            evidence,
            verdict,
            vips,
            probes_ms,
        }
    }

    /// The worst that was found.
    #[must_use]
    pub fn severity(&self) -> Severity {
        let of_vips = self.vips.iter().map(|one| one.verdict.severity());
        of_vips.fold(self.verdict.severity(), Severity::max)
    }

    /// All findings, the worst first; where one of several VIPs is meant, its address.
    #[must_use]
    pub fn findings(&self) -> Vec<(Option<IpAddr>, &Finding)> {
        let of_pair = self.verdict.findings.iter().map(|finding| (None, finding));
        let of_vips = self.vips.iter().flat_map(|one| {
            let findings = one.verdict.findings.iter();
            findings.map(|finding| (Some(one.vip), finding))
        });
        let mut all: Vec<_> = of_pair.chain(of_vips).collect();
        all.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.severity)); // stable
        all
    }

    /// The replies of a target with labels that are unique; of several VIPs those at the first.
    #[must_use]
    pub fn labelled(&self, target: Target) -> Labelled<'_> {
        let probes = self.evidence.probes.iter();
        self.with_labels(probes.filter(|probed| probed.target == target))
    }

    /// The replies at each VIP; the address is that of one of several.
    #[must_use]
    pub fn at_vips(&self) -> Vec<(Option<IpAddr>, Labelled<'_>)> {
        if self.vips.is_empty() {
            return vec![(None, self.labelled(Target::Vip))];
        }
        self.vips
            .iter()
            .map(|of_vip| (Some(of_vip.vip), self.with_labels(of_vip.probes.iter())))
            .collect()
    }

    fn with_labels<'b>(&self, probes: impl Iterator<Item = &'b Probed>) -> Labelled<'b> {
        let labelled = probes.map(|probed| (self.pair.label(probed.probe), &probed.reply));
        labelled.collect()
    }
}

/// A finding's message, with the address of the VIP that it is of, if it does not name it.
#[must_use]
pub fn message(vip: Option<IpAddr>, finding: &Finding) -> String {
    match vip.map(|vip| vip.to_string()) {
        Some(vip) if !finding.message.contains(&vip) => format!("{vip}: {}", finding.message),
        _ => finding.message.clone(),
    }
}
