//! Whether the promised recovery time can be kept: a standby waits for three adverts of its master,
//! and for a skew besides (RFC 5798, 6.1).

use serde_json::json;

use super::{Case, holder::Held, instance};
use crate::finding::{Eye, Finding, Severity};

/// What is known of how long a standby waits.
struct Timer {
    interval_ms: u64,
    version: u8,
    eye: Eye,
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
        &[timer.eye],
    );
    Some(finding)
}

/// By the adverts that were heard, else by the dumps, else by the pair's word; never by a default.
fn timer(case: &Case<'_>) -> Option<Timer> {
    let vip = case.of_vrrp()?;
    let heard = instance::adverts(case, vip).filter(|a| instance::claims(case, a, vip));
    let heard = heard.map(|a| (u64::from(a.interval_ms), a.version, Eye::Adverts));
    let dumped = case
        .members()
        .flat_map(|member| instance::of_member(case, member, vip));
    let dumped = dumped.map(|i| (u64::from(i.interval_ms), i.version, Eye::Facts));
    let version = case.pair.version.unwrap_or(2);
    let said = case
        .pair
        .advert_ms
        .map(|ms| (u64::from(ms), version, Eye::Facts));
    let longest = |one: &(u64, u8, Eye)| one.0;
    let known = heard
        .max_by_key(longest)
        .or_else(|| dumped.max_by_key(longest));
    let (interval_ms, version, eye) = known.or(said).filter(|(ms, ..)| *ms > 0)?;
    Some(Timer {
        interval_ms,
        version,
        eye,
    })
}

/// (256 - priority) / 256 of a second in version 2, of the interval in version 3; of the standby that
/// is known to wait the longest. Without a dump nothing is known of a standby, and its skew is none.
fn skew_ms(case: &Case<'_>, held: &Held, timer: &Timer) -> u64 {
    let Some(vip) = case.of_vrrp() else {
        return 0;
    };
    let standbys = case.members().filter(|&member| held.holder != Some(member));
    let instances = standbys.flat_map(|member| instance::of_member(case, member, vip));
    let unit_ms = if timer.version == 3 {
        timer.interval_ms
    } else {
        1000
    };
    let skews = instances.map(|i| (256 - u64::from(i.effective_priority)) * unit_ms / 256);
    skews.max().unwrap_or(0)
}

#[allow(clippy::cast_precision_loss)] // minutes at most
fn seconds(ms: u64) -> f64 {
    (ms as f64 / 100.0).round() / 10.0
}
