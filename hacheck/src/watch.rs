//! `hacheck watch`: probes on a fixed schedule, and how long they went unanswered.
//!
//! A probe is sent when its time has come, whether the one before was answered or not: a
//! watcher that waits for answers sees the outage through its own timeouts.

use std::{
    io::Write,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use serde_json::{Value, json};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};
use vmid::{
    exit::{Answer, Stop},
    stream::Lines,
};

use crate::{
    Surroundings,
    cli::Watch,
    finding::{Finding, Severity},
    interfaces,
    outage::{Measured, Sample, Seen},
    pairs::Pair,
    probe::{Host, On, Outcome, Probe, What},
    samples::Samples,
    sources::Call,
    wanted::Wanted,
};

mod promise;

use promise::{judge, ms_down, ms_up};

/// Longest wait for one answer: a second SYN is sent after 1 s (RFC 6298, 2.1), and its answer
/// would be taken for that of the first.
const PATIENCE: Duration = Duration::from_millis(300);

/// How long the VIP must answer after an outage to count as recovered.
const RECOVERED_US: u64 = 1_000_000;

/// How often the progress line is drawn on a terminal, and said elsewhere.
const DRAWN: Duration = Duration::from_millis(200);
const SAID: Duration = Duration::from_secs(10);

/// Width of the line of bars.
const WIDTH: usize = 60;

/// Room for a TLS handshake, in bytes.
const STACK: usize = 256 * 1024;

/// Watches one pair, and writes one record.
///
/// # Errors
///
/// The pairs can't be used, the pair has no probe to watch it with, or `output` failed.
pub fn run(
    args: &Watch,
    surroundings: &mut Surroundings<'_>,
    output: impl Write,
) -> Result<Answer, Stop> {
    args.pairs.no_words()?;
    let call = Call {
        command: "watch",
        pairs: &args.pairs,
        wanted: Wanted {
            pairs: args.pair.as_slice(),
            services: args.service.as_slice(),
        },
        others: Vec::new(),
    };
    let pairs = call.read(surroundings)?;
    let [pair] = &pairs[..] else {
        let what = anyhow::anyhow!("not one pair or service, but {}", pairs.len());
        return Err(Stop::input(what)); // cannot be: the call names one
    };
    let unfit = if pair.vip.is_some() {
        On::Members
    } else {
        On::Vip
    };
    // A hundred logins a second are more than a Pi-hole takes.
    let fit = |probe: &&Probe| probe.on != unfit && !matches!(probe.what, What::Pihole(_));
    let Some(probe) = pair.probes.iter().find(fit) else {
        let kind = if pair.service.is_some() {
            "service"
        } else {
            "pair"
        };
        let what = anyhow::anyhow!("{kind} {:?}: it has no probe to watch it with", pair.name);
        return Err(Stop::input(what));
    };
    let targets = targets(pair, probe, args.vip).map_err(Stop::input)?;
    let stopped = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        let registered = flag::register(signal, stopped.clone());
        registered.map_err(|error| Stop::outside(anyhow::Error::new(error).context("signals")))?;
    }
    let mut watched = watch(args, surroundings, probe, &targets, &stopped);
    let measured = watched.samples.measured();
    if let Some(draw) = &mut surroundings.draw {
        draw(&format!("{}\n", watched.samples.spark.line(WIDTH)));
    }
    let mut finding = judge(pair, &measured);
    // What the figure rests on, for whoever reads the finding alone.
    finding.evidence["by"] = json!("watch");
    finding.evidence["probe"] = json!(probe.label());
    finding.evidence["step_ms"] = json!(ms_down(micros(args.step)));
    finding.evidence["holder_change_ms"] = json!(change_ms(&measured));
    let answer = Answer::no_if(finding.severity > Severity::Info);
    let record = record(args, pair, probe, &watched, &measured, &finding);
    let mut lines = Lines::new(output, surroundings.terminal);
    let written = lines
        .extend(&record.to_string(), "")
        .and_then(|()| lines.flush());
    written.map(|()| answer).map_err(Stop::output)
}

/// Whom to ask: the VIP that is named, else whom the probe names, else the first VIP, else all members.
fn targets(pair: &Pair, probe: &Probe, named: Option<IpAddr>) -> anyhow::Result<Vec<Host>> {
    let targets = match named {
        Some(vip) if pair.vips.contains(&vip) => vec![vip],
        Some(vip) => {
            let vips: Vec<String> = pair.vips.iter().map(ToString::to_string).collect();
            let there = match vips.is_empty() {
                true => "it has none".to_owned(),
                false => format!("there are {}", vips.join(", ")),
            };
            anyhow::bail!("pair {:?}: {vip} is no vip of it; {there}", pair.name);
        }
        None => match probe.elsewhere().or(pair.vip) {
            Some(one) => vec![one],
            None => pair.members.iter().map(|member| member.address).collect(),
        },
    };
    let links = interfaces::list().unwrap_or_default();
    let host = |address: IpAddr| {
        let what = || {
            let name = &pair.name;
            format!(
                "pair {name:?}: no interface of this host is on the link of {address} (interface)"
            )
        };
        interfaces::host(&links, pair, address).with_context(what)
    };
    targets.into_iter().map(host).collect()
}

struct Watched {
    samples: Samples,
    /// Times of the schedule that passed before a probe could be sent.
    late: u64,
    took: Duration,
    interrupted: bool,
}

fn watch(
    args: &Watch,
    surroundings: &mut Surroundings<'_>,
    probe: &Probe,
    targets: &[Host],
    stopped: &AtomicBool,
) -> Watched {
    let (tell, told) = mpsc::channel();
    let mut samples = Samples::default();
    let (mut late, mut slot) = (0, 0_u32);
    let started = Instant::now();
    let (mut drawn, mut said) = (started, started);
    thread::scope(|scope| {
        loop {
            let due = args.step * slot;
            if due >= args.duration || stopped.load(Ordering::Relaxed) {
                break;
            }
            thread::sleep(due.saturating_sub(started.elapsed()));
            let sender = tell.clone();
            let ask = move || {
                // The reader is gone only if the watch is over.
                let _ = sender.send((slot, sample(probe, targets, started)));
            };
            let now_us = micros(started.elapsed());
            samples.begun(slot, now_us);
            let asked = thread::Builder::new().stack_size(STACK);
            if let Err(error) = asked.spawn_scoped(scope, ask) {
                let unseen = Sample {
                    sent_us: now_us,
                    left_us: now_us,
                    done_us: now_us,
                    seen: Seen::Unseen(format!("no thread for a probe: {error}")),
                };
                samples.back(slot, unseen);
            }
            for (number, sample) in told.try_iter() {
                samples.back(number, sample);
            }
            if args.until_recovered && samples.recovered_for(RECOVERED_US) {
                break;
            }
            progress(surroundings, &samples, &mut drawn, &mut said, started);
            slot += 1;
            // A schedule that was missed is not made up for: that would be a burst.
            let now = u32::try_from(started.elapsed().as_nanos() / args.step.as_nanos())
                .unwrap_or(u32::MAX);
            late += u64::from(now.saturating_sub(slot));
            slot = slot.max(now);
        }
    });
    drop(tell);
    for (number, sample) in told.iter() {
        samples.back(number, sample);
    }
    Watched {
        samples,
        late,
        took: started.elapsed(),
        interrupted: stopped.load(Ordering::Relaxed),
    }
}

/// One probe of the schedule; of an active-active pair one good answer is enough.
fn sample(probe: &Probe, targets: &[Host], started: Instant) -> Sample {
    let [only] = targets else {
        let asked = thread::scope(|scope| {
            let ask = |&target| scope.spawn(move || one(probe, target, started));
            let asked: Vec<_> = targets.iter().map(ask).collect();
            let joined = asked.into_iter().filter_map(|one| one.join().ok());
            joined.collect::<Vec<Sample>>()
        });
        return together(&asked, micros(started.elapsed()));
    };
    one(probe, *only, started)
}

fn one(probe: &Probe, target: Host, started: Instant) -> Sample {
    let begun = Instant::now();
    let reply = probe.ask_once(target, begun + PATIENCE);
    let at = |time: Duration| micros(begun.duration_since(started) + time);
    Sample {
        sent_us: at(Duration::ZERO),
        left_us: at(reply.left.unwrap_or(reply.took)),
        done_us: at(reply.took),
        seen: match reply.outcome {
            Outcome::Good => Seen::Good(reply.identity),
            Outcome::Wrong(_) | Outcome::Dead(..) => Seen::Lost,
            unseen @ Outcome::Unseen(_) => Seen::Unseen(unseen.to_string()),
        },
    }
}

/// What was asked of several at one time; who answered first tells nothing where all do.
fn together(asked: &[Sample], now_us: u64) -> Sample {
    let good = asked
        .iter()
        .filter(|sample| matches!(sample.seen, Seen::Good(_)))
        .min_by_key(|sample| sample.done_us);
    let all = |of: fn(&Sample) -> u64| asked.iter().map(of);
    let (seen, done_us) = match good {
        Some(good) => (Seen::Good(None), Some(good.done_us)),
        None if asked.iter().any(|sample| sample.seen == Seen::Lost) => {
            (Seen::Lost, all(|sample| sample.done_us).max())
        }
        None => {
            let unseen = asked.iter().map(|sample| sample.seen.clone()).next();
            let none = || Seen::Unseen("no probe came back".to_owned());
            (unseen.unwrap_or_else(none), None)
        }
    };
    Sample {
        sent_us: all(|sample| sample.sent_us).min().unwrap_or(now_us),
        left_us: all(|sample| sample.left_us).max().unwrap_or(now_us),
        done_us: done_us.unwrap_or(now_us),
        seen,
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn progress(
    surroundings: &mut Surroundings<'_>,
    samples: &Samples,
    drawn: &mut Instant,
    said: &mut Instant,
    started: Instant,
) {
    let lost = samples.lost;
    if let Some(draw) = &mut surroundings.draw {
        if drawn.elapsed() >= DRAWN {
            *drawn = Instant::now();
            draw(&format!("{} {lost} lost", samples.spark.line(WIDTH)));
        }
    } else if said.elapsed() >= SAID {
        *said = Instant::now();
        (surroundings.say)(&format!(
            "{} s: {} probes, {lost} lost",
            started.elapsed().as_secs(),
            samples.count
        ));
    }
}

fn record(
    args: &Watch,
    pair: &Pair,
    probe: &Probe,
    watched: &Watched,
    measured: &Measured,
    finding: &Finding,
) -> Value {
    let holders = measured.holders.as_ref();
    let mut record = json!({
        "name": pair.name,
        "status": finding.severity.status(),
        "probe": probe.label(),
        "outage_ms": [ms_down(measured.outage_us.0), measured.outage_us.1.map(ms_up)],
        "outages": measured.outages,
        "recovered": measured.recovered,
        "longest_gap_ms": ms_up(measured.longest_gap_us),
        "holder_before": holders.map(|(first, _)| first),
        "holder_after": holders.map(|(_, last)| last),
        "holder_change_ms": change_ms(measured),
        "holder_changes": measured.changes,
        "rto_ms": pair.rto_ms,
        "probes": watched.samples.count,
        "lost": measured.lost,
        "unseen": measured.unseen,
        "late": watched.late,
        "step_ms": ms_down(micros(args.step)),
        "took_ms": ms_down(micros(watched.took)),
        "findings": [finding.json()],
    });
    if let Some(vip) = args.vip.or(pair.vip).filter(|_| pair.has_several()) {
        record["vip"] = json!(vip);
    }
    if watched.interrupted {
        record["interrupted"] = json!(true);
    }
    record
}

/// When the holder first changed, from the start: after, and before.
fn change_ms(measured: &Measured) -> Option<[u64; 2]> {
    let (after, before) = measured.change_us?;
    Some([ms_down(after), ms_up(before)])
}
