//! Whether the promised recovery time can be kept: a standby waits for three adverts of its master,
//! and for a skew besides (RFC 5798, 6.1).

use serde_json::json;

use super::{Case, holder::Held, instance};
use crate::finding::{Eye, Finding, Severity};

/// What is known of how long a standby waits.
struct Timer {
    interval_ms: u64,
    version: u8,
    /// The master's priority, if its adverts were heard.
    priority: Option<u8>,
    eye: Option<Eye>,
}

pub(super) fn judge(case: &Case<'_>, held: &Held) -> Option<Finding> {
    let rto_ms = case.pair.rto_ms?;
    let timer = timer(case)?;
    let skew_ms = skew_ms(case, held, &timer);
    let worst_ms = 3 * timer.interval_ms + skew_ms;
    if worst_ms <= rto_ms {
        return None;
    }
    let message = format!(
        "a standby waits {} s before it takes over (3 adverts of {} s and a skew of {} s), {} s are promised (rto_s)",
        seconds(worst_ms),
        seconds(timer.interval_ms),
        seconds(skew_ms),
        seconds(rto_ms),
    );
    let evidence = json!({"interval_ms": timer.interval_ms, "skew_ms": skew_ms, "wait_ms": worst_ms, "rto_ms": rto_ms});
    let finding = Finding::new(
        "rto-unreachable",
        Severity::Warning,
        message,
        evidence,
        timer.eye.as_slice(),
    );
    Some(finding)
}

/// By the adverts that were heard, else by the dumps, else by the pair's word; never by a default.
fn timer(case: &Case<'_>) -> Option<Timer> {
    let vip = case.of_vrrp()?;
    let heard = instance::adverts(case, vip).filter(|a| instance::claims(case, a, vip));
    let heard = heard.map(|a| Timer {
        interval_ms: u64::from(a.interval_ms),
        version: a.version,
        priority: Some(a.priority),
        eye: Some(Eye::Adverts),
    });
    let dumped = case.members();
    let dumped = dumped.flat_map(|member| instance::of_member(case, member, vip));
    let dumped = dumped.map(|i| Timer {
        interval_ms: u64::from(i.interval_ms),
        version: i.version,
        priority: None,
        eye: Some(Eye::Facts),
    });
    let said = case.pair.advert_ms.map(|ms| Timer {
        interval_ms: u64::from(ms),
        version: case.pair.version.unwrap_or(2),
        priority: None,
        eye: None,
    });
    let longest = |timer: &Timer| timer.interval_ms;
    let known = heard.max_by_key(longest);
    let known = known.or_else(|| dumped.max_by_key(longest)).or(said);
    known.filter(|timer| timer.interval_ms > 0)
}

/// (256 - priority) / 256 of a second in version 2, of the interval in version 3; of the standby that
/// takes over first. Where no dump tells, its priority is at most the master's, or 254.
fn skew_ms(case: &Case<'_>, held: &Held, timer: &Timer) -> u64 {
    let Some(vip) = case.of_vrrp() else {
        return 0;
    };
    let unit_ms = match timer.version {
        3 => timer.interval_ms,
        _ => 1000,
    };
    let skew = |priority: u8| (256 - u64::from(priority)) * unit_ms / 256;
    let standbys = case.members().filter(|&member| held.holder != Some(member));
    let instances = standbys.flat_map(|member| instance::of_member(case, member, vip));
    let known = instances.map(|i| skew(i.effective_priority)).min();
    known.unwrap_or_else(|| skew(timer.priority.unwrap_or(254).min(254)))
}

#[allow(clippy::cast_precision_loss)] // minutes at most
fn seconds(ms: u64) -> f64 {
    (ms as f64 / 10.0).round() / 100.0
}
