//! `hacheck check`: gathers all evidence at once and hands it to [`crate::judge`].

use std::{
    fs,
    io::{Read, Write},
    net::IpAddr,
    path::{Path, PathBuf},
    thread,
    time::Instant,
};

use anyhow::Context as _;
use vmid::{
    exit::{Answer, Stop},
    stream,
};

use crate::{
    Done, Site,
    cli::{Check, Form},
    evidence::{MemberFacts, Neighbour, OwnAddress, RawWindow, Unseen},
    finding::Severity,
    guests::Places,
    history::{self, Line, Past},
    interfaces,
    judge::{self, Evidence, Stated, Verdict},
    member, nagios, netlink,
    pairs::Pair,
    prometheus, raw, report, schedule,
    window::Question,
};

/// A pair, what is known of it and what that means.
pub struct Checked<'a> {
    /// The pair.
    pub pair: &'a Pair,
    /// What is known.
    pub evidence: Evidence,
    /// What it means.
    pub verdict: Verdict,
    /// How long the probes took, in milliseconds.
    pub probes_ms: u64,
}

/// Checks the pairs of `--pairs` or of `input`, and writes one record for each.
///
/// # Errors
///
/// The pairs or a file that was named can't be used, or `output` failed.
pub fn run(
    args: &Check,
    site: &mut Site<'_>,
    input: impl Read,
    mut output: impl Write,
) -> Result<Done, Stop> {
    let pairs = pairs(args.pairs.as_deref(), &args.pair, input)?;
    let pairs: Vec<&Pair> = pairs.iter().collect();
    let facts = facts(&args.facts)?;
    let places = match &args.guests {
        None => None,
        Some(path) => {
            let places = Places::parse(&file(path)?).map_err(anyhow::Error::msg);
            Some(
                places
                    .with_context(|| path.display().to_string())
                    .map_err(Stop::input)?,
            )
        }
    };
    let past = match &args.history {
        None => Vec::new(),
        Some(path) => history::read(path).map_err(Stop::input)?,
    };
    for stranger in strangers(&pairs, &facts) {
        (site.say)(&format!(
            "facts of {stranger}: none of its addresses is a member's; not used"
        ));
    }

    let mut evidence = gather(args, &pairs, site.now_ms);
    let mut checked = Vec::new();
    for (pair, (mut evidence, probes_ms)) in pairs.iter().copied().zip(evidence.drain(..)) {
        tell(
            &mut evidence,
            pair,
            &facts,
            args.facts_age.0.as_millis(),
            site.now_ms,
        );
        evidence.places = places.clone();
        let mut verdict = judge::judge(pair, &evidence, args.accept_blind);
        if let Some(path) = &args.history {
            let now = line(pair, &evidence, &verdict, &past);
            if let Some(now) = now {
                evidence.past = Some(Past::of(&past, &now));
                verdict = judge::judge(pair, &evidence, args.accept_blind);
                let added = history::add(path, &past, &now);
                added
                    .with_context(|| path.display().to_string())
                    .map_err(Stop::outside)?;
            }
        }
        checked.push(Checked {
            pair,
            evidence,
            verdict,
            probes_ms,
        });
    }

    if args.nagios {
        let code = nagios::write(&checked, &mut output).map_err(Stop::output)?;
        output.flush().map_err(Stop::output)?;
        return Ok(Done::Plugin(code));
    }
    let written = match args.format {
        Form::Json => report::json(&checked, site.terminal, &mut output),
        Form::Table => report::table(&checked, &mut output),
        Form::Prometheus => prometheus::write(&checked, site.now_ms, &mut output),
    };
    written
        .and_then(|()| output.flush())
        .map_err(Stop::output)?;
    let worst = checked
        .iter()
        .map(|checked| checked.verdict.severity())
        .max();
    Ok(Done::Answer(Answer::no_if(worst > Some(Severity::Info))))
}

/// The pairs of a file, or else of standard input; `wanted` are names, all if there is none.
///
/// # Errors
///
/// They can't be read or used, or one of `wanted` is not among them.
pub fn pairs(
    path: Option<&Path>,
    wanted: &[String],
    mut input: impl Read,
) -> Result<Vec<Pair>, Stop> {
    let (name, text) = match path {
        Some(path) => (path.display().to_string(), file(path)?),
        None => {
            let mut text = Vec::new();
            input
                .read_to_end(&mut text)
                .context("stdin")
                .map_err(Stop::outside)?;
            ("stdin".to_owned(), text)
        }
    };
    let mut pairs = Pair::parse(&text)
        .with_context(|| name.clone())
        .map_err(Stop::input)?;
    for wanted in wanted {
        if !pairs.iter().any(|pair| pair.name == *wanted) {
            let names: Vec<&str> = pairs.iter().map(|pair| pair.name.as_str()).collect();
            let what =
                anyhow::anyhow!("{name}: no pair {wanted:?}; there are {}", names.join(", "));
            return Err(Stop::input(what));
        }
    }
    pairs.retain(|pair| wanted.is_empty() || wanted.contains(&pair.name));
    Ok(pairs)
}

/// A file that the caller named: if it isn't there, the call is wrong.
fn file(path: &Path) -> Result<Vec<u8>, Stop> {
    fs::read(path)
        .with_context(|| path.display().to_string())
        .map_err(Stop::input)
}

/// The records of `hacheck member` in the files.
fn facts(paths: &[PathBuf]) -> Result<Vec<MemberFacts>, Stop> {
    let mut all = Vec::new();
    for path in paths {
        let name = || path.display().to_string();
        let records = stream::parse(&file(path)?)
            .with_context(name)
            .map_err(Stop::input)?;
        for (place, kept) in records.iter().enumerate() {
            let facts = serde_json::from_str(kept.record().text());
            let facts = facts.with_context(|| {
                format!("{}: record {} is none of hacheck member", name(), place + 1)
            });
            all.push(facts.map_err(Stop::input)?);
        }
    }
    Ok(all)
}

/// The member that facts are of: one of its addresses is the host's.
fn whose(pair: &Pair, facts: &MemberFacts) -> Option<usize> {
    let has = |address: IpAddr| facts.addresses.iter().any(|own| own.address == address);
    pair.members.iter().position(|member| has(member.address))
}

fn strangers(pairs: &[&Pair], facts: &[MemberFacts]) -> Vec<String> {
    let known = |facts: &&MemberFacts| !pairs.iter().any(|pair| whose(pair, facts).is_some());
    facts
        .iter()
        .filter(known)
        .map(|facts| facts.host.clone())
        .collect()
}

/// Puts the youngest facts of each member to the evidence, unless they are too old.
fn tell(evidence: &mut Evidence, pair: &Pair, facts: &[MemberFacts], most_ms: u128, now_ms: i64) {
    for member in 0..pair.members.len() {
        if evidence.facts.iter().any(|stated| stated.member == member) {
            continue; // the checker looked for itself, just now
        }
        let own = facts
            .iter()
            .filter(|facts| whose(pair, facts) == Some(member));
        let Some(facts) = own.max_by_key(|facts| facts.at_ms) else {
            continue;
        };
        let age_ms = now_ms - facts.at_ms;
        if u128::from(age_ms.unsigned_abs()) > most_ms {
            let when = if age_ms > 0 { "old" } else { "in the future" };
            evidence.unusable.push(Unseen {
                what: format!("facts of {}", pair.members[member].name),
                errno: String::new(),
                message: format!(
                    "they are {} s {when} (or its clock is off); --facts-age allows {} s",
                    age_ms.abs() / 1000,
                    most_ms / 1000
                ),
            });
            continue;
        }
        evidence.facts.push(Stated {
            member,
            facts: facts.clone(),
            local: false,
        });
    }
}

/// Probes, raw sockets and the checker's own tables, all at once; with the milliseconds the probes took.
fn gather(args: &Check, pairs: &[&Pair], now_ms: i64) -> Vec<(Evidence, u64)> {
    let started = Instant::now();
    let (replies, probes_ms, windows) = thread::scope(|scope| {
        let windows: Vec<_> = pairs
            .iter()
            .map(|pair| {
                let vip = pair.vip.filter(|_| args.raw)?;
                Some(scope.spawn(move || listen(pair, vip, now_ms)))
            })
            .collect();
        let replies = schedule::ask(pairs, args.timeout.0);
        let probes_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let windows: Vec<Option<RawWindow>> = windows
            .into_iter()
            .map(|window| window.map(|window| window.join().unwrap_or_else(|_| lost())))
            .collect();
        (replies, probes_ms, windows)
    });
    let own = own();
    let neighbours = neighbours();
    let here = |pair: &Pair| {
        let mut members = pair.members.iter();
        members.position(|member| own.iter().any(|own| own.address == member.address))
    };
    // A member that checks tells its own facts, which cost it nothing.
    let at_home: Vec<&&Pair> = pairs.iter().filter(|pair| here(pair).is_some()).collect();
    let files: Vec<String> = at_home
        .iter()
        .flat_map(|pair| pair.files.iter().map(|rule| rule.path.clone()))
        .collect();
    let home = (!at_home.is_empty()).then(|| member::facts(&files, now_ms));
    let gathered = pairs
        .iter()
        .zip(replies)
        .zip(windows)
        .map(|((pair, probes), raw)| {
            let local = here(pair).zip(home.clone()).map(|(member, facts)| Stated {
                member,
                facts,
                local: true,
            });
            let evidence = Evidence {
                now_ms,
                probes,
                raw,
                facts: local.into_iter().collect(),
                neighbours: neighbours.clone(),
                own: own.clone(),
                ..Evidence::default()
            };
            (evidence, probes_ms)
        });
    gathered.collect()
}

fn listen(pair: &Pair, vip: IpAddr, now_ms: i64) -> RawWindow {
    let question = Question {
        vip: Some(vip),
        members: pair.members.iter().map(|member| member.address).collect(),
        vrid: pair.vrid,
        advert_ms: pair.advert_ms,
    };
    raw::collect(question, pair.interface.as_deref(), now_ms)
}

/// A window whose thread failed: a bug of ours, and nothing seen.
fn lost() -> RawWindow {
    let unseen = Unseen {
        what: "arp and adverts".to_owned(),
        errno: String::new(),
        message: "the listener failed".to_owned(),
    };
    RawWindow {
        errors: vec![unseen],
        ..RawWindow::default()
    }
}

/// The checker's own addresses; none if they can't be had, which only loses a means.
fn own() -> Vec<OwnAddress> {
    let list = interfaces::list().unwrap_or_default();
    let of = |one: interfaces::Interface| {
        let addresses = one.addresses.into_iter();
        addresses.map(move |(address, length)| OwnAddress {
            interface: one.name.clone(),
            address,
            prefix_length: Some(length),
            held_ms: None,
        })
    };
    list.into_iter().flat_map(of).collect()
}

/// The checker's neighbours; none if they can't be had, which only loses a means.
fn neighbours() -> Vec<Neighbour> {
    let entries = netlink::neighbours().unwrap_or_default().into_iter();
    let entry = |entry: netlink::Neighbour| Neighbour {
        address: entry.address,
        mac: entry.mac,
        interface: entry.index.to_string(),
    };
    entries.map(entry).collect()
}

/// What this check adds to the history; none if it could not name the holder.
fn line(pair: &Pair, evidence: &Evidence, verdict: &Verdict, past: &[Line]) -> Option<Line> {
    let holder = pair.members[verdict.holder?].name.clone();
    let mut become_master = past
        .iter()
        .rfind(|line| line.pair == pair.name)
        .map_or_else(Default::default, |last| last.become_master.clone());
    for stated in &evidence.facts {
        let instances = stated.facts.keepalived.iter().flatten();
        let mut of_pair = instances.filter(|i| pair.vip.is_some_and(|vip| i.vips.contains(&vip)));
        if let Some(count) = of_pair.find_map(|instance| instance.counters.get("become_master")) {
            become_master.insert(pair.members[stated.member].name.clone(), *count);
        }
    }
    Some(Line {
        at_ms: evidence.now_ms,
        pair: pair.name.clone(),
        holder,
        become_master,
    })
}
