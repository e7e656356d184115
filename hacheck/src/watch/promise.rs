//! Whether the promised recovery time was kept, as far as anybody could look.

use serde_json::json;

use crate::{
    finding::{Eye, Finding, Severity},
    outage::Measured,
    pairs::Pair,
};

/// Whether the promise was kept, as far as anybody could look.
pub(super) fn judge(pair: &Pair, measured: &Measured) -> Finding {
    let mut finding = kept(pair, measured);
    let never = measured.outages == 0 && !measured.recovered;
    let calm = finding.severity < Severity::Unknown && measured.recovered;
    if measured.blind_end_us > 0 && (never || calm) {
        let ms = ms_up(measured.blind_end_us);
        let why = measured.unseen_why.as_deref().unwrap_or_default();
        finding.message = format!("the last {ms} ms are not known: {why}");
        finding.severity = Severity::Unknown;
    }
    finding
}

/// Whether the promise was kept by what was seen.
fn kept(pair: &Pair, measured: &Measured) -> Finding {
    let (least, most) = (
        ms_down(measured.outage_us.0),
        measured.outage_us.1.map(ms_up),
    );
    let finding = |severity, message: String| {
        let evidence = json!({"outage_ms": [least, most], "rto_ms": pair.rto_ms});
        Finding::new("failover-time", severity, message, evidence, &[Eye::Probe])
    };
    if !measured.recovered {
        return finding(
            Severity::Critical,
            format!("gone for {least} ms at least, and not recovered"),
        );
    }
    let Some(most) = most else {
        return finding(
            Severity::Unknown,
            format!("it was gone already when the watch began: {least} ms or more"),
        );
    };
    let said = match measured.outages {
        0 => format!("no probe was lost; what was shorter than {most} ms was not seen"),
        1 => format!("gone once, for {least} to {most} ms"),
        n => format!("gone {n} times, at most for {least} to {most} ms"),
    };
    match pair.rto_ms {
        None => finding(Severity::Info, said),
        Some(rto) if most <= rto => {
            finding(Severity::Info, format!("{said}; promised are {rto} ms"))
        }
        Some(rto) if least > rto => {
            finding(Severity::Critical, format!("{said}; promised are {rto} ms"))
        }
        Some(rto) => finding(
            Severity::Warning,
            format!("{said}: perhaps more than the {rto} ms that are promised"),
        ),
    }
}

/// Whole milliseconds: a least is rounded down, a most up.
pub(super) fn ms_down(us: u64) -> u64 {
    us / 1000
}

pub(super) fn ms_up(us: u64) -> u64 {
    us.div_ceil(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whether_the_promise_was_kept() {
        let pair = |rto: &str| {
            let text = format!(
                r#"{{"name":"p","vip":"192.0.2.1"{rto},"members":[{{"name":"a","address":"192.0.2.2"}},{{"name":"b","address":"192.0.2.3"}}]}}"#
            );
            Pair::parse(text.as_bytes()).unwrap().remove(0)
        };
        let measured = |outage_us: (u64, Option<u64>), recovered| Measured {
            outage_us,
            outages: usize::from(outage_us.1 != Some(100)),
            recovered,
            ..Measured::default()
        };
        #[rustfmt::skip]
        let cases = [
            ("within",           r#","rto_s":1"#, measured((900_000, Some(999_999)), true), Severity::Info),
            ("just within",      r#","rto_s":1"#, measured((900_000, Some(1_000_000)), true), Severity::Info),
            ("perhaps over",     r#","rto_s":1"#, measured((990_000, Some(1_000_001)), true), Severity::Warning),
            ("over",             r#","rto_s":1"#, measured((1_001_000, Some(1_100_000)), true), Severity::Critical),
            ("not recovered",    r#","rto_s":1"#, measured((10_000, None), false), Severity::Critical),
            ("gone at the start", "",             measured((10_000, None), true), Severity::Unknown),
            ("no promise",       "",              measured((99_000_000, Some(99_100_000)), true), Severity::Info),
            ("nothing asked at the end", r#","rto_s":1"#, Measured { blind_end_us: 1, ..measured((0, Some(100)), true) }, Severity::Unknown),
            ("nor after an outage",      r#","rto_s":1"#, Measured { blind_end_us: 1, ..measured((0, Some(200)), true) }, Severity::Unknown),
            ("but that was too long",    r#","rto_s":1"#, Measured { blind_end_us: 1, ..measured((2_000_000, Some(2_100_000)), true) }, Severity::Critical),
            ("lost, then not asked",     "",              Measured { blind_end_us: 1, ..measured((0, None), false) }, Severity::Critical),
            ("never asked",              "",              Measured { blind_end_us: 1, ..measured((0, Some(100)), false) }, Severity::Unknown),
            ("nothing answered", "",              measured((0, Some(0)), false), Severity::Critical),
        ];
        for (name, rto, measured, want) in cases {
            assert_eq!(judge(&pair(rto), &measured).severity, want, "{name}");
        }
    }
}
