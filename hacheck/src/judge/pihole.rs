//! Pi-holes side by side: whether each blocks, and whether they hold the same lists and versions.

use serde_json::{Value, json};

use super::{Case, by_name, certificate::span, holder::list, info};
use crate::{
    finding::{Eye, Finding, Severity},
    probe::{
        Content as Held, What,
        pihole::{Ask, Content},
    },
};

/// Two Pi-holes update at a minute of their own, once a week; a day apart is not the same update.
const APART_S: i64 = 86_400;

pub(super) fn judge(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (place, probe) in case.pair.probes.iter().enumerate() {
        let What::Pihole(ask) = &probe.what else {
            continue;
        };
        let of = case.contents(place, |content| match content {
            Held::Pihole(content) => Some(content),
            Held::Nfs(_) => None,
        });
        for (member, content) in &of {
            let name = case.name(*member);
            findings.extend(blocking(name, content));
            findings.extend(age(name, ask, content, case.evidence.now_ms / 1000));
            findings.extend(told(name, content));
        }
        findings.extend(drift(case, ask, &of));
    }
    findings
}

/// It does not block, or has nothing to block by.
fn blocking(name: &str, content: &Content) -> Option<Finding> {
    let message = match (content.blocking.as_str(), content.timer_s) {
        ("enabled", _) if content.domains > 0 => return None,
        ("enabled", _) if content.domains == 0 => {
            format!("{name}: it has nothing to block by (0 domains)")
        }
        ("enabled", _) => format!(
            "{name}: its list of blocked domains can't be read (it says {} domains)",
            content.domains
        ),
        ("disabled", Some(left)) => {
            let left = span(i64::try_from(left).unwrap_or(i64::MAX));
            format!("{name}: blocking is disabled for another {left}")
        }
        ("disabled", None) => format!("{name}: blocking is disabled"),
        (other, _) => format!("{name}: whether it blocks: {other}"),
    };
    let evidence =
        json!({"member": name, "blocking": content.blocking, "domains": content.domains});
    Some(warning("pihole-blocking-off", message, evidence))
}

/// Its lists are older than they may be.
fn age(name: &str, ask: &Ask, content: &Content, now_s: i64) -> Option<Finding> {
    let most = i64::try_from(ask.max_age_s?).unwrap_or(i64::MAX);
    let evidence = json!({"member": name, "updated": content.updated_s, "max_age_s": most});
    let Some(updated) = content.updated_s else {
        let message = format!("{name}: it does not say when its lists were updated");
        return Some(Finding::new(
            "blind",
            Severity::Unknown,
            format!("not seen: {message}"),
            evidence,
            &[Eye::Probe],
        ));
    };
    let age = now_s.saturating_sub(updated);
    (age > most).then(|| {
        let message = format!(
            "{name}: its lists were updated {} ago, more than {}",
            span(age),
            span(most)
        );
        warning("data-stale", message, evidence)
    })
}

/// What is worth knowing of one.
fn told(name: &str, content: &Content) -> Vec<Finding> {
    let mut findings = Vec::new();
    if content.left_open {
        let message = format!(
            "{name}: the session at its API could not be ended; it ends by itself (webserver.session.timeout)"
        );
        let evidence = json!({"member": name});
        findings.push(info("blind", message, evidence, &[Eye::Probe]));
    }
    if content.open {
        let message = format!(
            "{name}: it has no password: everybody in its network may switch its blocking off"
        );
        let evidence = json!({"member": name});
        findings.push(info("pihole-open", message, evidence, &[Eye::Probe]));
    }
    findings
}

/// In what they differ.
fn drift(case: &Case<'_>, ask: &Ask, of: &[(usize, &Content)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut differ = |what: &str, is: bool, said: &dyn Fn(&Content) -> (String, Value)| {
        if !is {
            return;
        }
        let each = of
            .iter()
            .map(|(member, content)| format!("{} {}", case.name(*member), said(content).0));
        let message = format!("{what}: {}", list(each));
        let evidence = by_name(
            of.iter()
                .map(|(member, content)| (case.name(*member).to_owned(), said(content).1)),
        );
        findings.push(warning("aa-content-drift", message, evidence));
    };
    let domains = || {
        of.iter()
            .map(|(_, content)| content.domains)
            .filter(|&d| d >= 0)
    };
    differ(
        "different numbers of blocked domains",
        apart(domains(), ask.domains_percent),
        &|content| (content.domains.to_string(), json!(content.domains)),
    );
    let updates = || of.iter().filter_map(|(_, content)| content.updated_s);
    let between = updates().max().zip(updates().min());
    let between = between.map(|(last, first)| last.saturating_sub(first));
    let last = updates().max().unwrap_or_default();
    differ(
        "lists of different days",
        between.is_some_and(|between| between > APART_S),
        &|content| {
            let said = match content.updated_s {
                Some(at) if at == last => "has the newest".to_owned(),
                Some(at) => format!("has those of {} before", span(last.saturating_sub(at))),
                None => "does not say of when".to_owned(),
            };
            (said, json!(content.updated_s))
        },
    );
    for (what, version) in [
        ("two versions of Pi-hole", (|content| &content.core) as Part),
        ("two versions of FTL", |content| &content.ftl),
    ] {
        let known: Vec<&String> = of
            .iter()
            .filter_map(|(_, content)| version(content).as_ref())
            .collect();
        let is = known.windows(2).any(|two| two[0] != two[1]);
        differ(what, is, &|content| {
            let version = version(content);
            let said = version.clone().unwrap_or_else(|| "does not say".to_owned());
            (said, json!(version))
        });
    }
    let open = |wanted: bool| of.iter().any(|(_, content)| content.open == wanted);
    differ(
        "one has no password",
        open(true) && open(false),
        &|content| {
            let said = if content.open { "has none" } else { "has one" };
            (said.to_owned(), json!({"open": content.open}))
        },
    );
    findings
}

type Part = fn(&Content) -> &Option<String>;

/// The least and the most are farther apart than so many percent of the most.
#[allow(clippy::cast_precision_loss)] // millions of domains
fn apart(numbers: impl Iterator<Item = i64> + Clone, percent: f64) -> bool {
    let (Some(most), Some(least)) = (numbers.clone().max(), numbers.min()) else {
        return false;
    };
    (most - least) as f64 > most as f64 * percent / 100.0
}

fn warning(code: &'static str, message: String, evidence: Value) -> Finding {
    Finding::new(code, Severity::Warning, message, evidence, &[Eye::Probe])
}
