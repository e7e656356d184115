//! `hacheck check`: what it is told, what is seen ([`crate::look`]), what that means ([`crate::judge`]).

use std::{
    io::{self, Write},
    path::Path,
};

use vmid::exit::{Answer, Stop, reason};

use crate::{
    Done, Surroundings,
    checked::Checked,
    cli::{Check, Form},
    evidence::State,
    finding::Severity,
    history::{self, Line, Past},
    judge::{self, Evidence, Verdict},
    look::{self, Known},
    nagios,
    pairs::Pair,
    prometheus, report,
    sources::{self, Call},
    textfile, told, views,
    wanted::Wanted,
};

/// Checks the pairs and services that the call names, and writes one record for each.
///
/// # Errors
///
/// The pairs or a file that was named can't be used, or `output` failed.
pub fn run(
    args: &Check,
    surroundings: &mut Surroundings<'_>,
    output: impl Write,
) -> Result<Done, Stop> {
    args.pairs.no_words()?;
    if let Some(path) = &args.textfile {
        textfile::check_name(path)
            .map_err(|why| Stop::input(anyhow::anyhow!("--textfile: {}: {why}", path.display())))?;
    }
    let files = told::paths(&args.facts).chain(args.guests.as_deref());
    let call = Call {
        command: "check",
        pairs: &args.pairs,
        wanted: Wanted {
            pairs: &args.pair,
            services: &args.service,
        },
        others: files.collect(),
    };
    let pairs = call.read(surroundings)?;
    let pairs: Vec<&Pair> = pairs.iter().collect();
    let known = Known {
        told: sources::told(&args.facts)?,
        places: sources::places(args.guests.as_deref())?,
    };
    let past = match &args.history {
        None => Vec::new(),
        Some(path) => {
            let past = history::read(path);
            past.map_err(|error| Stop::file(&path.display().to_string(), error))?
        }
    };
    for stranger in told::strangers(&pairs, &known.told) {
        (surroundings.say)(&stranger);
    }

    let views: Vec<Pair> = pairs.iter().flat_map(|pair| pair.views()).collect();
    let views: Vec<&Pair> = views.iter().collect();
    let mut looked = look::looked(args, &views, &known, surroundings.now_ms).into_iter();
    let mut checked = Vec::new();
    for (pair, views) in pairs.iter().copied().zip(views::by_pair(&views)) {
        let mut judged = Vec::new();
        for (view, (mut evidence, probes_ms)) in views.iter().zip(looked.by_ref()) {
            let verdict = verdict(args, view, &mut evidence, &past)?;
            judged.push(((evidence, probes_ms), verdict));
        }
        checked.push(Checked::of(pair, judged));
    }

    // Neither of both is lost because the other can't be written.
    let done = say(args, &checked, surroundings, output);
    let Some(path) = &args.textfile else {
        return done;
    };
    match (metrics(path, &checked, surroundings.now_ms), done) {
        (Ok(()), done) => done,
        // A plugin has one line, and what it says of the pairs is worse than that.
        (Err(error), Ok(Done::Plugin(code))) => {
            (surroundings.say)(&format!("{}: {}", path.display(), reason(&error)));
            Ok(Done::Plugin(if code == 0 { 3 } else { code }))
        }
        (Err(error), _) => Err(Stop::outside(anyhow::anyhow!(
            "{}: {}",
            path.display(),
            reason(&error)
        ))),
    }
}

/// The verdicts in the form that was asked for, and what they all come to.
fn say(
    args: &Check,
    checked: &[Checked<'_>],
    surroundings: &Surroundings<'_>,
    mut output: impl Write,
) -> Result<Done, Stop> {
    if args.nagios {
        let code = nagios::write(checked, &mut output).map_err(Stop::output)?;
        output.flush().map_err(Stop::output)?;
        return Ok(Done::Plugin(code));
    }
    let written = match args.format {
        Form::Json => report::json(checked, surroundings.terminal, &mut output),
        Form::Table => report::table(checked, &mut output),
        Form::Prometheus => prometheus::write(checked, surroundings.now_ms, &mut output),
    };
    written
        .and_then(|()| output.flush())
        .map_err(Stop::output)?;
    let worst = checked.iter().map(Checked::severity).max();
    Ok(Done::Answer(Answer::no_if(worst > Some(Severity::Info))))
}

/// What a view's evidence means, with the history if one is kept, to which it is added.
fn verdict(
    args: &Check,
    view: &Pair,
    evidence: &mut Evidence,
    past: &[Line],
) -> Result<Verdict, Stop> {
    let verdict = judge::judge(view, evidence, args.accept_blind);
    let Some(path) = &args.history else {
        return Ok(verdict);
    };
    let Some(now) = line(view, evidence, &verdict, past) else {
        return Ok(verdict);
    };
    evidence.past = Some(Past::of(past, &now));
    let added = history::add(path, past, &now);
    added.map_err(|error| {
        let why = reason(&error);
        Stop::outside(anyhow::anyhow!("{}: {why}", path.display()))
    })?;
    Ok(judge::judge(view, evidence, args.accept_blind))
}

fn metrics(path: &Path, checked: &[Checked<'_>], now_ms: i64) -> io::Result<()> {
    let mut text = Vec::new();
    prometheus::write(checked, now_ms, &mut text)?;
    textfile::replace(path, &text)
}

/// What this check adds to the history; none if it could not name the holder.
fn line(pair: &Pair, evidence: &Evidence, verdict: &Verdict, past: &[Line]) -> Option<Line> {
    let holder = pair.members[verdict.holder?].name.clone();
    let vip = pair.vip.filter(|_| pair.has_several());
    let mut last = past.iter();
    let last = last.rfind(|line| line.pair == pair.name && line.vip == vip);
    let (mut become_master, mut master_since_ms) = last.map_or_else(Default::default, |last| {
        (last.become_master.clone(), last.master_since_ms.clone())
    });
    for stated in &evidence.facts {
        let name = &pair.members[stated.member].name;
        let instances = stated.facts.keepalived.iter().flatten();
        let mut of_pair = instances.filter(|i| pair.vip.is_some_and(|vip| i.has(vip)));
        let Some(instance) = of_pair.next() else {
            continue;
        };
        if let Some(count) = instance.counters.get("become_master") {
            become_master.insert(name.clone(), *count);
        }
        match instance
            .last_transition_ms
            .filter(|_| instance.state == State::Master)
        {
            Some(since) => master_since_ms.insert(name.clone(), since),
            None => master_since_ms.remove(name),
        };
    }
    Some(Line {
        at_ms: evidence.now_ms,
        pair: pair.name.clone(),
        vip,
        holder,
        become_master,
        master_since_ms,
    })
}
