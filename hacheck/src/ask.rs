//! `hacheck ask`: what one DNS server answers to names, at its own address and no other's.
//!
//! What the answer should be is the caller's matter: that a name is not there (NXDOMAIN) is an
//! answer, that nothing came is none.

use std::{
    io::Write,
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use vmid::{
    exit::{Answer, Stop},
    positional,
    stream::{self, Kept, Lines, Value, quote},
};

use crate::{
    Surroundings,
    cli::Ask,
    probe::{
        Outcome,
        dns::{self, Kind, Said},
    },
    stdin::Waiting,
};

/// So many questions are asked at once: a server may take more for an attack.
const AT_ONCE: usize = 32;

/// Room for a DNS question, in bytes, as in [`crate::same`].
const STACK: usize = 128 * 1024;

/// What came of a question: how long it took, and the answer.
type Asked = (Duration, Result<Said, Outcome>);

/// Asks for each name of the call, or of the records of standard input.
///
/// # Errors
///
/// The call or its input is wrong, or `output` failed.
pub fn run(
    args: &Ask,
    surroundings: &Surroundings<'_>,
    output: impl Write,
) -> Result<Answer, Stop> {
    let records = records(args, surroundings)?;
    let deadline = Instant::now() + args.timeout;
    let server = SocketAddr::new(args.address, args.port);
    let mut lines = Lines::new(output, surroundings.terminal);
    let mut answer = Answer::Yes;
    for some in records.chunks(AT_ONCE) {
        let questions: Vec<_> = some.iter().map(|record| question(record, args)).collect();
        let asked = all(server, &questions, deadline);
        for ((record, question), asked) in some.iter().zip(&questions).zip(asked) {
            let is_told = tell(record, question, asked, &mut lines)?;
            answer = answer.max(Answer::no_if(!is_told));
        }
    }
    lines.flush().map_err(Stop::output)?;
    Ok(answer)
}

/// The names of the call as records, or those of standard input.
fn records(args: &Ask, surroundings: &Surroundings<'_>) -> Result<Vec<Kept>, Stop> {
    if !args.names.is_empty() {
        let names = args.names.iter();
        if let Some(word) = names.clone().find(|word| positional::looks_like_file(word)) {
            return Err(Stop::input(anyhow::anyhow!(positional::told(word))));
        }
        let text: String = names
            .map(|name| json!({"name": name}).to_string() + "\n")
            .collect();
        return stream::parse(text.as_bytes()).map_err(|bad| Stop::input(anyhow::Error::new(bad)));
    }
    let outside = |error| Stop::outside(anyhow::anyhow!("stdin: {error}"));
    let waiting = surroundings
        .stdin
        .waiting(Duration::ZERO)
        .map_err(outside)?;
    if waiting == Waiting::Terminal {
        let what = anyhow::anyhow!("nothing to ask for: standard input is a terminal");
        return Err(Stop::input(what).hint("hacheck ask ADDRESS NAME"));
    }
    let text = surroundings.stdin.read().map_err(outside)?;
    stream::parse(&text).map_err(|bad| Stop::input(anyhow::Error::new(bad).context("stdin")))
}

/// The name and type that a record asks for; none if it has an error already.
fn question(record: &Kept, args: &Ask) -> Result<Option<(String, Kind)>, String> {
    let record = record.record();
    if record.has_error() {
        return Ok(None);
    }
    let name = match record.value("name") {
        Value::Text(name) if dns::is_name(&name) => name.into_owned(),
        Value::Absent | Value::Null => return Err("it has no name".to_owned()),
        _ => {
            let raw = record.raw("name").unwrap_or_default();
            return Err(format!("its name is {}, no DNS name", stream::excerpt(raw)));
        }
    };
    let kind = match record.value("type") {
        Value::Absent | Value::Null => Some(args.kind),
        Value::Text(kind) => Kind::parse(&kind),
        _ => None,
    };
    match kind {
        Some(kind) => Ok(Some((name, kind))),
        None => {
            let raw = stream::excerpt(record.raw("type").unwrap_or_default());
            Err(format!("its type is {raw}, not A, AAAA, SOA or TXT"))
        }
    }
}

/// Asks all these at once; none is asked where there is no question.
fn all(
    server: SocketAddr,
    questions: &[Result<Option<(String, Kind)>, String>],
    deadline: Instant,
) -> Vec<Option<Asked>> {
    thread::scope(|scope| {
        let start = |question: &'_ Result<Option<(String, Kind)>, String>| {
            let (name, kind) = question.as_ref().ok()?.clone()?;
            let ask = move || {
                let begun = Instant::now();
                let said = dns::said(server, &name, kind, deadline);
                (begun.elapsed(), said)
            };
            let thread = thread::Builder::new().stack_size(STACK);
            Some(thread.spawn_scoped(scope, ask))
        };
        let running: Vec<_> = questions.iter().map(start).collect();
        let running = running.into_iter();
        running
            .map(|thread| {
                thread.map(|thread| match thread.map(|thread| thread.join()) {
                    Ok(Ok(asked)) => asked,
                    _ => (
                        Duration::ZERO,
                        Err(Outcome::Wrong("no thread for it".to_owned())),
                    ),
                })
            })
            .collect()
    })
}

/// Writes the record with what came; false where that is an error.
fn tell<W: Write>(
    record: &Kept,
    question: &Result<Option<(String, Kind)>, String>,
    asked: Option<Asked>,
    lines: &mut Lines<W>,
) -> Result<bool, Stop> {
    let record = record.record();
    let written = match (question, asked) {
        (Err(what), _) => lines.fail(record, &[], "bad-record", what),
        (Ok(_), None) => lines.write(record, &[]),
        (Ok(_), Some((took, Ok(said)))) => {
            let answers = json!(said.data).to_string();
            let (rcode, took) = (quote(&said.rcode), took.as_millis().to_string());
            let set = [
                ("rcode", &*rcode),
                ("answers", &answers),
                ("took_ms", &took),
            ];
            return match lines.write(record, &set) {
                Ok(()) => Ok(true),
                Err(error) => Err(Stop::output(error)),
            };
        }
        (Ok(_), Some((took, Err(outcome)))) => {
            let took = took.as_millis().to_string();
            let set = [("took_ms", &*took)];
            lines.fail(record, &set, "no-answer", &outcome.to_string())
        }
    };
    written.map_err(Stop::output)?;
    Ok(false)
}
