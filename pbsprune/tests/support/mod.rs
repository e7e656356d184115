//! Runs the library as `main` does, without a process, for thousands of lists a second.

use std::path::PathBuf;

use clap::Parser as _;
use pbsprune::{Surroundings, cli::Cli, zone::Zone};
use serde_json::Value;

/// What a run gave.
pub struct Run {
    /// The exit code: 0 or 1, else 2 or 3 with the message.
    pub code: Result<u8, (u8, String)>,
    /// Standard output.
    pub output: String,
    /// Lines for stderr.
    #[allow(dead_code)]
    pub notes: Vec<String>,
}

impl Run {
    /// The records of the output.
    pub fn records(&self) -> Vec<Value> {
        let lines = self.output.lines();
        lines
            .map(|line| serde_json::from_str(line).expect("a record a line"))
            .collect()
    }
}

/// 2026-11-22T00:00:00Z, the `now` of all these runs.
pub const NOW: i64 = 1_795_305_600;

/// Calls `pbsprune CALL <input`.
pub fn prune(call: &[impl AsRef<str>], input: &[u8]) -> Run {
    let words = call.iter().map(AsRef::as_ref);
    let cli = Cli::try_parse_from(std::iter::once("pbsprune").chain(words)).expect("a valid call");
    let zone = cli
        .clock()
        .tz
        .clone()
        .unwrap_or_else(|| Zone::parse("UTC").expect("a zone"));
    let (mut output, mut notes) = (Vec::new(), Vec::new());
    let mut say = |note: &str| notes.push(note.to_owned());
    let mut around = Surroundings {
        now: NOW,
        zone,
        terminal: false,
        say: &mut say,
        plugin: None,
    };
    let result = pbsprune::run(&cli, &mut around, input, &mut output);
    let code = match result {
        Ok(answer) => Ok(u8::from(answer == vmid::exit::Answer::No)),
        Err(stop) => {
            // The code itself is private to vmid::exit; what it prints as tells the kind.
            let code = if format!("{stop:?}").contains("Caller") {
                2
            } else {
                3
            };
            Err((code, stop.to_string()))
        }
    };
    let output = String::from_utf8(output).expect("text");
    Run {
        code,
        output,
        notes,
    }
}

/// The vectors and shapes.
#[allow(dead_code)]
pub fn data() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/data/pbsprune")
}
