//! How all five tools end: one table of exit codes, one form of error line.
//!
//! Nothing below `main` exits by itself; it returns an [`Answer`] or a [`Stop`], and
//! [`report`] alone turns that into a line and a code. What does not end the run
//! (a warning, a value that `--raw` leaves out) is a line of [`say`].

use std::{fmt, io, process::ExitCode};

use crate::escape::escape;

mod usage;
pub mod words;

pub use usage::{usage, wrong_call};

/// What a run that came to its end has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// Every record was handled: exit code 0.
    Yes,
    /// For some record the answer is "no", and the record says why: exit code 1.
    No,
}

impl Answer {
    /// `No` if `failed`, else `Yes`.
    #[must_use]
    pub fn no_if(failed: bool) -> Self {
        if failed { Self::No } else { Self::Yes }
    }
}

/// Who has to act before the same call can succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    /// The caller: exit code 2.
    Caller,
    /// The operator of a server, disk or network: exit code 3.
    Operator,
    /// Nobody, the reader of stdout went away.
    Reader,
}

/// Why a run did not come to its end.
#[derive(Debug)]
pub struct Stop {
    who: Who,
    cause: anyhow::Error,
    more: Vec<String>,
    hint: Option<String>,
}

impl Stop {
    /// The call or the input is wrong (exit code 2); a retry is of no use.
    pub fn input(cause: impl Into<anyhow::Error>) -> Self {
        Self::new(Who::Caller, cause)
    }

    /// A server, a disk or the network failed (exit code 3); a retry may help.
    pub fn outside(cause: impl Into<anyhow::Error>) -> Self {
        Self::new(Who::Operator, cause)
    }

    /// What writing to stdout ran into: a reader that went away, or a disk.
    pub fn output(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::new(Who::Reader, error);
        }
        Self::new(Who::Operator, anyhow::Error::new(error).context("stdout"))
    }

    /// A vanished reader of a tool that acts: what it should have read was
    /// done all the same, so this must not look like success (exit code 3).
    #[must_use]
    pub fn after_acting(self) -> Self {
        match self.who {
            Who::Reader => Self::outside(self.cause.context("stdout: the reader is gone")),
            _ => self,
        }
    }

    /// A file that the caller named can't be read: the call is wrong (exit code 2).
    pub fn file(name: &str, error: io::Error) -> Self {
        Self::input(anyhow::anyhow!("{name}: {}", reason(&error)))
    }

    /// Adds a further line of the same weight: what else is wrong.
    #[must_use]
    pub fn also(mut self, line: impl Into<String>) -> Self {
        self.more.push(line.into());
        self
    }

    /// Adds the last line, `tool: hint: ...`.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The call or the input is wrong, or the token; nothing else helps.
    #[must_use]
    pub fn is_callers(&self) -> bool {
        self.who == Who::Caller
    }

    fn new(who: Who, cause: impl Into<anyhow::Error>) -> Self {
        Self {
            who,
            cause: cause.into(),
            more: Vec::new(),
            hint: None,
        }
    }

    fn code(&self) -> u8 {
        match self.who {
            Who::Reader => 0,
            Who::Caller => 2,
            Who::Operator => 3,
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.cause)
    }
}

/// The exit code of a run; prints the one line (and the hint) that a [`Stop`] deserves.
#[must_use]
pub fn report(tool: &str, result: Result<Answer, Stop>) -> ExitCode {
    match result {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Err(stop) => {
            if stop.who != Who::Reader {
                say(tool, &stop.to_string());
                for line in &stop.more {
                    say(tool, line);
                }
                if let Some(hint) = &stop.hint {
                    say(tool, &format!("hint: {hint}"));
                }
            }
            ExitCode::from(stop.code())
        }
    }
}

/// What the system says of a file, without its number: "no such file or directory".
#[must_use]
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error ") {
        Some((words, _)) => words.to_lowercase(),
        None => text,
    }
}

/// One line on stderr, `tool: message`; control characters in it are escaped.
///
/// A stderr that cannot be written to is ignored: there is nowhere left to say so.
pub fn say(tool: &str, message: &str) {
    use io::Write as _;
    let line = format!("{tool}: {}\n", escape(&words::without_numbers(message)));
    let _ = io::stderr().write_all(line.as_bytes());
}

/// Standard input is a terminal and the call names nothing else to read.
#[must_use]
pub fn nothing_to_read(tool: &str, wanted: &str) -> ExitCode {
    let what = anyhow::anyhow!("nothing to read: standard input is a terminal; expected {wanted}");
    report(
        tool,
        Err(Stop::input(what).hint(format!("try '{tool} --help'"))),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_the_table() {
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        let cases = [
            ("caller", Stop::input(anyhow::anyhow!("x")), 2),
            ("operator", Stop::outside(anyhow::anyhow!("x")), 3),
            ("reader gone", Stop::output(gone()), 0),
            (
                "reader gone after acting",
                Stop::output(gone()).after_acting(),
                3,
            ),
            (
                "disk full on stdout",
                Stop::output(io::ErrorKind::StorageFull.into()),
                3,
            ),
        ];
        for (name, stop, code) in cases {
            assert_eq!(stop.code(), code, "{name}");
        }
    }

    #[test]
    fn answers_add_up_to_the_worse() {
        assert_eq!(Answer::Yes.max(Answer::No), Answer::No);
        assert_eq!(Answer::no_if(false), Answer::Yes);
    }
}
