//! Runs a plan: what acts, and so looks before, writes down what it is about to do, looks
//! after, and leaves nothing stopped that ran.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read, Write},
    path::PathBuf,
    sync::mpsc,
    thread,
    time::Duration,
};

use anyhow::anyhow;
use jiff::Timestamp;
use serde_json::{Value, json};
use vmid::{
    exit::{self, Answer, Stop},
    stream::{self, Kept, error_object},
};

use crate::{
    journal::{
        event::{Event, Phase},
        file::{Journal, Line},
    },
    plan::record::{Action, Step},
    pve::Pve,
};

pub mod args;
pub mod check;
pub mod clock;
pub mod look;
pub mod mover;
pub mod next;
pub mod progress;
pub mod queue;
pub mod seen;
pub mod task;

use clock::Clock;
use mover::{Mover, Report};
use progress::Board;
use queue::{Limits, Queue};

/// How a plan is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The journal; none in a dry run.
    pub journal: Option<PathBuf>,
    /// How many moves at once.
    pub limits: Limits,
    /// Move what can be moved, though a running guest will stay.
    pub partial: bool,
    /// The oldest state that a plan may rest on, in seconds.
    pub max_age_s: i64,
    /// The time.
    pub now: Timestamp,
    /// Standard error is a terminal.
    pub terminal: bool,
}

/// A line of the plan, and what becomes of it.
struct Row {
    kept: Kept,
    step: Option<Step>,
}

/// Runs the plan on `input`; one record for each of its lines goes to `output`, when it is done.
///
/// # Errors
///
/// The plan is none, is old, or is another cluster's; the journal is another run's or can't be
/// written; the cluster does not answer; or a guest needs a person (its record says what to do).
pub fn run(
    pve: &Pve,
    options: &Options,
    clock: &Clock,
    input: impl Read,
    output: impl Write,
) -> Result<Answer, Stop> {
    let rows = read(input)?;
    let steps: Vec<&Step> = rows.iter().filter_map(|row| row.step.as_ref()).collect();
    let mut out = Out {
        output,
        failed: None,
        no: false,
    };
    let mut answer = Answer::no_if(rows.iter().any(|row| row.step.is_none()));
    for row in rows.iter().filter(|row| row.step.is_none()) {
        out.line(row.kept.record().text());
    }
    let opened = match &options.journal {
        Some(path) => Some(Journal::open(path)?),
        None => None,
    };
    let (journal, last) = opened.map_or((None, BTreeMap::new()), |(journal, last)| {
        (Some(journal), last)
    });
    same_cluster(pve, &steps, &last)?;
    let mut todo = sort(&steps, &last);
    for (event, before) in &todo.done {
        answer = answer.max(Answer::no_if(event.phase == Phase::Failed));
        out.line(&record(event, false, before.as_ref(), None));
    }
    let fresh: Vec<&Step> = todo.fresh.iter().map(|at| steps[*at]).collect();
    if let Err(stop) = young_enough(&fresh, options) {
        if todo.unfinished.is_empty() {
            return Err(stop);
        }
        exit::say(
            "pvx-migrate",
            &format!("{stop}; only what was under way is brought to its end"),
        );
        answer = Answer::No;
        todo.fresh.clear();
    } else if !may_begin(&steps, &todo, options, &mut out) {
        todo.fresh.clear();
    }
    let queue = Queue::new(&steps, &todo, options.limits);
    let mover = Mover {
        pve,
        journal: journal.as_ref(),
        clock,
        board: &Board::default(),
    };
    let outcome = work(&mover, queue, options, &mut out);
    answer = answer.max(outcome.answer);
    if let Some(stop) = outcome.stop(clock) {
        return Err(stop);
    }
    out.end(answer)
}

/// The plan, read to its end before anything is done.
fn read(input: impl Read) -> Result<Vec<Row>, Stop> {
    let mut rows = Vec::new();
    let mut seen = BTreeSet::new();
    for (number, kept) in (1..).zip(stream::read_all(input)?) {
        let record = kept.record();
        let step = if record.has_error() {
            None
        } else {
            let step: Step = serde_json::from_str(record.text()).map_err(|error| {
                Stop::input(anyhow!(
                    "stdin: record {number}: no step of a plan: {error}"
                ))
            })?;
            if step.action.acts() && step.to.is_none() {
                return Err(Stop::input(anyhow!(
                    "stdin: record {number}: {} has no node to go to",
                    step.vmid
                )));
            }
            if !seen.insert(step.vmid) {
                return Err(Stop::input(anyhow!(
                    "stdin: record {number}: {} is in the plan twice",
                    step.vmid
                )));
            }
            Some(step)
        };
        rows.push(Row { kept, step });
    }
    Ok(rows)
}

/// The cluster must be the plan's and the journal's.
fn same_cluster(pve: &Pve, steps: &[&Step], last: &BTreeMap<u32, Line>) -> Result<(), Stop> {
    let rows: Vec<Value> = pve
        .get("/cluster/status")
        .map_err(|failure| Stop::outside(anyhow!("{}: {failure}", pve.base())))?;
    let named = |kind: &str| {
        let row = rows.iter().find(|row| row["type"] == kind);
        row.and_then(|row| row["name"].as_str()).map(str::to_owned)
    };
    let name = named("cluster")
        .or_else(|| named("node"))
        .unwrap_or_default();
    let planned = steps.iter().map(|step| (&step.cluster, "the plan"));
    let written = last
        .values()
        .map(|line| (&line.event.cluster, "the journal"));
    for (cluster, whose) in planned.chain(written) {
        if *cluster != name {
            return Err(Stop::input(anyhow!(
                "{whose} is of the cluster {cluster:?}, {} is {name:?}",
                pve.base()
            )));
        }
    }
    Ok(())
}

/// What is to be done with the steps, by the journal.
#[derive(Debug, Default)]
pub struct Todo {
    /// Steps that nothing was asked for yet, by their place in the plan.
    pub fresh: Vec<usize>,
    /// Moves that were cut off; whether the plan has them.
    pub unfinished: Vec<(Line, Option<usize>)>,
    /// Steps that are done, with what became of them.
    pub done: Vec<(Event, Option<(String, String)>)>,
}

/// A journal's line counts for a plan that is older than it; what was cut off counts for any.
fn sort(steps: &[&Step], last: &BTreeMap<u32, Line>) -> Todo {
    let mut todo = Todo::default();
    for (at, step) in steps
        .iter()
        .enumerate()
        .filter(|(_, step)| step.action.acts())
    {
        let Some(line) = last.get(&step.vmid) else {
            todo.fresh.push(at);
            continue;
        };
        match line.event.phase {
            Phase::Requested | Phase::Task => todo.unfinished.push((line.clone(), Some(at))),
            Phase::Stuck if line.request.is_some() => {
                todo.unfinished.push((line.clone(), Some(at)))
            }
            Phase::Verified | Phase::Returned | Phase::Failed if line.event.at >= step.state_at => {
                let why = line.event.message.clone().unwrap_or_default();
                let error =
                    (line.event.phase == Phase::Failed).then(|| ("not-moved".to_owned(), why));
                todo.done.push((line.event.clone(), error));
            }
            _ => todo.fresh.push(at),
        }
    }
    let planned: BTreeSet<u32> = steps.iter().map(|step| step.vmid).collect();
    let others = last
        .values()
        .filter(|line| !planned.contains(&line.event.vmid));
    let cut = others.filter(|line| matches!(line.event.phase, Phase::Requested | Phase::Task));
    todo.unfinished.extend(cut.map(|line| (line.clone(), None)));
    todo
}

fn young_enough(steps: &[&Step], options: &Options) -> Result<(), Stop> {
    let oldest = steps.iter().map(|step| step.state_at).min();
    let Some(age) = oldest.map(|at| options.now.as_second() - at.as_second()) else {
        return Ok(());
    };
    if age > options.max_age_s {
        let what = anyhow!(
            "the plan rests on a state that is {age} s old; --max-age is {} s",
            options.max_age_s
        );
        return Err(Stop::input(what).hint("make a new one, or give a longer --max-age"));
    }
    Ok(())
}

/// Without --partial nothing is begun if a running guest would stay; the records say so.
fn may_begin<W: Write>(steps: &[&Step], todo: &Todo, options: &Options, out: &mut Out<W>) -> bool {
    let mut left = false;
    for step in steps.iter().filter(|step| step.action == Action::Blocked) {
        let why: Vec<&str> = step
            .blockers
            .iter()
            .map(|blocker| blocker.message.as_str())
            .collect();
        left |= step.was_running;
        out.line(&plain(step, Some(("blocked", &why.join("; ")))));
    }
    for step in steps.iter().filter(|step| step.action == Action::Leave) {
        out.line(&plain(step, None));
    }
    // The answer is "no" all the same, when the rest is done.
    out.no = left;
    if !left || options.partial {
        return true;
    }
    for at in &todo.fresh {
        let why = "not begun: a running guest would stay on the node; --partial moves the others";
        out.line(&plain(steps[*at], Some(("not-begun", why))));
    }
    false
}

/// How the work went.
#[derive(Debug)]
struct Outcome {
    answer: Answer,
    help: usize,
    left: usize,
    begun: usize,
}

impl Outcome {
    /// What an operator has to hear, if anything.
    fn stop(&self, clock: &Clock) -> Option<Stop> {
        let again = "run the same command with the same journal to go on";
        if self.begun > 0 {
            let what = anyhow!(
                "left alone: {} moves under way go on without anybody looking after them",
                self.begun
            );
            return Some(Stop::outside(what).hint(again));
        }
        if self.help > 0 {
            let what = anyhow!(
                "{} guests need a person: see \"error\" in their records",
                self.help
            );
            return Some(Stop::outside(what).hint(again));
        }
        if clock.interrupts.count() > 0 {
            let what = anyhow!(
                "stopped: {} moves were not begun, nothing is under way",
                self.left
            );
            return Some(Stop::outside(what).hint(again));
        }
        None
    }
}

/// The workers: one thread per move that is under way; this one hands out and writes down.
fn work<W: Write>(
    mover: &Mover<'_>,
    mut queue: Queue,
    options: &Options,
    out: &mut Out<W>,
) -> Outcome {
    let mut outcome = Outcome {
        answer: Answer::Yes,
        help: 0,
        left: 0,
        begun: 0,
    };
    let (tell, told) = mpsc::channel();
    let done = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        let (board, done) = (mover.board, &done);
        scope.spawn(move || show(board, options.terminal, done));
        loop {
            if mover.clock.interrupts.count() == 0 {
                while let Some(job) = queue.take() {
                    let tell = tell.clone();
                    scope.spawn(move || {
                        let result = if mover.journal.is_none() {
                            Ok(mover.rehearse(&job.step))
                        } else {
                            mover.drive(&job.step, job.last.as_ref(), job.repair_only)
                        };
                        // cannot fail: the receiver outlives the scope
                        let _ = tell.send((job, result));
                    });
                }
            }
            if queue.running() == 0 {
                break;
            }
            // A worker always tells; the sender that stays here keeps the channel open.
            let Ok((job, result)) = told.recv() else {
                break;
            };
            match result {
                Err(clock::Abandoned) => {
                    outcome.begun += 1;
                    queue.end(&job, false);
                    let why = "left to the journal: what was asked of the cluster goes on";
                    out.line(&plain(&job.step, Some(("abandoned", why))));
                }
                Ok(report) => {
                    queue.end(&job, runs_somewhere(&report));
                    outcome.answer = outcome.answer.max(Answer::no_if(report.error.is_some()));
                    outcome.help += usize::from(report.event.phase == Phase::Stuck);
                    let error = report
                        .error
                        .as_ref()
                        .map(|(code, why)| ((*code).to_owned(), why.clone()));
                    if options.terminal {
                        mover.board.clear();
                    }
                    out.line(&record(
                        &report.event,
                        report.changed,
                        error.as_ref(),
                        Some(report.took_s),
                    ));
                    if out.failed.is_some() {
                        mover.clock.interrupts.stop(); // nobody reads on
                    }
                }
            }
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    for (step, why) in queue.rest() {
        outcome.left += 1;
        outcome.answer = Answer::No;
        out.line(&plain(step, Some(("not-begun", &why))));
    }
    outcome
}

/// After this step those that wait for it may go on: its guest is not down.
fn runs_somewhere(report: &Report) -> bool {
    report.event.phase != Phase::Stuck
}

/// Tells people how far it is: bars on a terminal, elsewhere plain lines every 10 s.
fn show(board: &Board, terminal: bool, done: &std::sync::atomic::AtomicBool) {
    let mut ticks = 0_u32;
    while !done.load(std::sync::atomic::Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(100));
        ticks += 1;
        if terminal && ticks.is_multiple_of(3) {
            board.draw();
        } else if !terminal && ticks.is_multiple_of(100) {
            for line in board.plain() {
                exit::say("pvx-migrate", &line);
            }
        }
    }
    if terminal {
        board.clear();
    }
}

/// A record of an event, as the journal has it, with what a pipeline wants to know.
fn record(
    event: &Event,
    changed: bool,
    error: Option<&(String, String)>,
    took_s: Option<u64>,
) -> String {
    let mut value = serde_json::to_value(event).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        fields.shift_remove("message");
        fields.insert("changed".into(), changed.into());
        if let Some(took_s) = took_s {
            fields.insert("took_s".into(), took_s.into());
        }
        if let Some((code, message)) = error {
            fields.insert("error".into(), json!({"code": code, "message": message}));
        }
    }
    value.to_string()
}

/// A record of a step that nothing was done for.
fn plain(step: &Step, error: Option<(&str, &str)>) -> String {
    let fields = json!({"vmid": step.vmid, "type": step.kind, "name": step.name, "from": step.from, "to": step.to,
        "action": step.action, "was_running": step.was_running, "changed": false});
    let text = fields.to_string();
    match error {
        None => text,
        Some((code, message)) => format!(
            "{},\"error\":{}}}",
            text.trim_end_matches('}'),
            error_object(code, message)
        ),
    }
}

/// Standard output: its failure stops the run, but what is under way goes on to its end.
struct Out<W> {
    output: W,
    failed: Option<std::io::Error>,
    no: bool,
}

impl<W: Write> Out<W> {
    fn line(&mut self, text: &str) {
        let written = self
            .output
            .write_all(format!("{text}\n").as_bytes())
            .and_then(|()| self.output.flush());
        if let Err(error) = written {
            self.failed.get_or_insert(error);
        }
    }

    fn end(mut self, answer: Answer) -> Result<Answer, Stop> {
        match self.failed.take() {
            Some(error) => Err(Stop::output(error).after_acting()),
            None => Ok(answer.max(Answer::no_if(self.no))),
        }
    }
}
