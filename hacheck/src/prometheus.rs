//! Metrics for node_exporter's textfile collector (Prometheus text format 0.0.4).
//!
//! All are gauges of the moment: a check has no memory, so it has no counters.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use crate::{checked::Checked, finding::Severity, judge::Target, probe::Outcome};

/// Writes all metrics.
///
/// # Errors
///
/// Those of `output`.
pub fn write(checked: &[Checked<'_>], now_ms: i64, output: &mut impl Write) -> io::Result<()> {
    let mut text = String::new();
    metric(
        &mut text,
        "hacheck_status",
        "Status of a pair or service: 0 ok, 1 warning, 2 critical, 3 unknown.",
        |put| {
            for one in checked {
                let value = match one.severity() {
                    Severity::Info => 0,
                    Severity::Warning => 1,
                    Severity::Critical => 2,
                    Severity::Unknown => 3,
                };
                put(&[named(one)], f64::from(value));
            }
        },
    );
    metric(
        &mut text,
        "hacheck_holder",
        "1 for the member that holds the VIP, each of several; no sample is 1 if the holder is not known.",
        |put| {
            for one in checked.iter().filter(|one| one.pair.vip.is_some()) {
                for (place, member) in one.pair.members.iter().enumerate() {
                    let holds = one.verdict.holder == Some(place);
                    put(
                        &[("pair", &one.pair.name), ("member", &member.name)],
                        f64::from(u8::from(holds)),
                    );
                }
            }
        },
    );
    metric(
        &mut text,
        "hacheck_vip_holder",
        "1 for the member that holds one of several VIPs that move together.",
        |put| {
            for one in checked {
                for of_vip in &one.vips {
                    let vip = of_vip.vip.to_string();
                    for (place, member) in one.pair.members.iter().enumerate() {
                        let holds = of_vip.verdict.holder == Some(place);
                        put(
                            &[
                                ("pair", &one.pair.name),
                                ("vip", &vip),
                                ("member", &member.name),
                            ],
                            f64::from(u8::from(holds)),
                        );
                    }
                }
            }
        },
    );
    metric(
        &mut text,
        "hacheck_findings",
        "Findings of a code and severity, info left out.",
        |put| {
            for one in checked {
                let mut counted: Vec<(&str, &str, f64)> = Vec::new();
                let findings = one.findings().into_iter().map(|(_, finding)| finding);
                for finding in findings.filter(|f| f.severity > Severity::Info) {
                    let (code, severity) = (finding.code, finding.severity.name());
                    match counted
                        .iter_mut()
                        .find(|known| (known.0, known.1) == (code, severity))
                    {
                        Some(known) => known.2 += 1.0,
                        None => counted.push((code, severity, 1.0)),
                    }
                }
                for (code, severity, count) in counted {
                    put(&[named(one), ("code", code), ("severity", severity)], count);
                }
            }
        },
    );
    metric(
        &mut text,
        "hacheck_probe_success",
        "1 if the answer was as expected; a probe that could not be made has no sample.",
        |put| {
            each_reply(checked, |labels, reply| {
                let outcome = reply.for_clients();
                if !matches!(outcome, Outcome::Unseen(_)) {
                    put(labels, f64::from(u8::from(*outcome == Outcome::Good)));
                }
            });
        },
    );
    metric(
        &mut text,
        "hacheck_probe_duration_seconds",
        "How long an answer took.",
        |put| {
            each_reply(checked, |labels, reply| {
                if reply.is_answered() {
                    put(labels, reply.took.as_secs_f64());
                }
            });
        },
    );
    metric(
        &mut text,
        "hacheck_certificate_not_after_seconds",
        "End of a certificate's lifetime, Unix time.",
        |put| {
            each_reply(checked, |labels, reply| {
                if let Some(certificate) = &reply.certificate {
                    #[allow(clippy::cast_precision_loss)] // exact up to the year 285 million
                    put(labels, certificate.not_after_s as f64);
                }
            });
        },
    );
    metric(
        &mut text,
        "hacheck_check_timestamp_seconds",
        "When this was checked, Unix time.",
        |put| {
            #[allow(clippy::cast_precision_loss)] // exact up to the year 285 thousand
            put(&[], now_ms as f64 / 1000.0);
        },
    );
    output.write_all(text.as_bytes())
}

type Put<'a> = dyn FnMut(&[(&str, &str)], f64) + 'a;

/// The head of a metric and its samples; nothing, if it has none.
fn metric(text: &mut String, name: &str, help: &str, samples: impl FnOnce(&mut Put<'_>)) {
    let mut lines = String::new();
    samples(&mut |labels, value| {
        let labels: Vec<String> = labels
            .iter()
            .map(|(name, value)| format!("{name}=\"{}\"", escape(value)))
            .collect();
        let labels = if labels.is_empty() {
            String::new()
        } else {
            format!("{{{}}}", labels.join(","))
        };
        // cannot fail: a String takes everything
        let _ = writeln!(lines, "{name}{labels} {value}");
    });
    if !lines.is_empty() {
        let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{lines}");
    }
}

/// A pair and a service may have one name.
fn named<'a>(one: &'a Checked<'_>) -> (&'static str, &'a str) {
    let label = match one.pair.service {
        Some(_) => "service",
        None => "pair",
    };
    (label, &one.pair.name)
}

fn each_reply(
    checked: &[Checked<'_>],
    mut with: impl FnMut(&[(&str, &str)], &crate::probe::Reply),
) {
    for one in checked {
        let at_vips = one.at_vips().into_iter().map(|(vip, labelled)| {
            let name = vip.map_or_else(|| "vip".to_owned(), |vip| vip.to_string());
            ("vip", name, labelled)
        });
        let members = one.pair.members.iter().enumerate();
        let members = members.map(|(place, member)| {
            let kind = match one.pair.service {
                Some(_) => "address",
                None => "member",
            };
            (
                kind,
                member.name.clone(),
                one.labelled(Target::Member(place)),
            )
        });
        let proxy = ("proxy", "proxy".to_owned(), one.labelled(Target::Elsewhere));
        for (kind, name, labelled) in at_vips.chain([proxy]).chain(members) {
            for (label, reply) in labelled {
                with(
                    &[
                        named(one),
                        ("kind", kind),
                        ("target", &name),
                        ("probe", &label),
                    ],
                    reply,
                );
            }
        }
    }
}

fn escape(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_a_metric_without_samples_has_no_head() {
        let mut text = String::new();
        metric(&mut text, "m", "Help.", |put| {
            put(&[("l", "a\"b\\c\nd")], 1.5)
        });
        assert_eq!(
            text,
            "# HELP m Help.\n# TYPE m gauge\nm{l=\"a\\\"b\\\\c\\nd\"} 1.5\n"
        );
        text.clear();
        metric(&mut text, "m", "Help.", |_| ());
        assert_eq!(text, "");
    }
}
