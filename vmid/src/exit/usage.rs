//! A wrong call in two lines: what is wrong with it, and whose help to read.

use std::{ffi::OsString, process::ExitCode};

use clap::{
    Command, CommandFactory,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::{Stop, report, words};
use crate::positional;

/// What clap has to say of a call of the tool with the command line `C`: help and version
/// on stdout with code 0, a wrong call as one line, and the help of the subcommand (or the
/// similar name) as the hint, with code 2.
#[must_use]
pub fn usage<C: CommandFactory>(error: &clap::Error) -> ExitCode {
    let command = C::command();
    let tool = command.get_name().to_owned();
    if !error.use_stderr() {
        return match error.print() {
            Ok(()) => ExitCode::SUCCESS,
            Err(broken) => report(&tool, Err(Stop::output(broken))),
        };
    }
    let called = called(&command, std::env::args_os().skip(1));
    let (what, tip) = told(error);
    let hint = tip.unwrap_or_else(|| format!("try '{called} --help'"));
    report(
        &tool,
        Err(Stop::input(anyhow::anyhow!("{what}")).hint(hint)),
    )
}

/// What is wrong with a call, in one line: for a tool that has to say it elsewhere than on
/// stderr.
#[must_use]
pub fn wrong_call(error: &clap::Error) -> String {
    told(error).0
}

/// What is wrong, and the name that was probably meant.
fn told(error: &clap::Error) -> (String, Option<String>) {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return ("what to do is missing".to_owned(), None);
    }
    if let Some(file) = file(error) {
        return (positional::told(&file), None);
    }
    let text = error.render().to_string();
    let mut paragraphs = text.split("\n\n").map(one_line);
    let what = paragraphs.next().unwrap_or_default();
    let what = what.strip_prefix("error: ").unwrap_or(&what);
    // clap's other tip, to pass a word behind `--`, is never what was meant.
    let tips = paragraphs.filter_map(|p| p.strip_prefix("tip: ").map(str::to_owned));
    let tip = tips.into_iter().find(|tip| !tip.starts_with("to pass "));
    // A value parser that refuses a file has said it all.
    if let Some((_, told)) = what.split_once("': ").filter(|_| is_file_refused(error)) {
        return (told.to_owned(), None);
    }
    (words::plain(what), tip)
}

/// A value was refused because it looks like a file.
fn is_file_refused(error: &clap::Error) -> bool {
    let value = error.get(ContextKind::InvalidValue);
    let is_file =
        matches!(value, Some(ContextValue::String(value)) if positional::looks_like_file(value));
    let cause = std::error::Error::source(error);
    is_file && cause.is_some_and(|cause| cause.to_string().contains(" looks like a file; "))
}

/// The word that is not known, if it looks like a file.
fn file(error: &clap::Error) -> Option<String> {
    let kind = match error.kind() {
        ErrorKind::UnknownArgument => ContextKind::InvalidArg,
        ErrorKind::InvalidSubcommand | ErrorKind::ArgumentConflict => {
            ContextKind::InvalidSubcommand
        }
        _ => return None,
    };
    match error.get(kind)? {
        ContextValue::String(word) => Some(word.clone())
            .filter(|word| !word.starts_with('-') && positional::looks_like_file(word)),
        _ => None,
    }
}

/// The tool and the subcommands that the call names: `pvx-migrate plan drain`.
fn called(command: &Command, words: impl IntoIterator<Item = OsString>) -> String {
    let (mut path, mut command) = (vec![command.get_name()], command);
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let word = word.to_string_lossy();
        if word == "--" {
            break;
        }
        if word.starts_with('-') {
            if takes_next(command, &word) {
                words.next();
            }
        } else if let Some(below) = command.find_subcommand(&*word) {
            path.push(below.get_name());
            command = below;
        }
    }
    path.join(" ")
}

/// The option's value is the next word.
fn takes_next(command: &Command, word: &str) -> bool {
    let option = command.get_arguments().find(|option| {
        let long = option
            .get_long()
            .is_some_and(|long| word.strip_prefix("--") == Some(long));
        let short = option
            .get_short()
            .is_some_and(|short| word.strip_prefix('-') == Some(&*short.to_string()));
        long || short
    });
    option.is_some_and(|option| option.get_action().takes_values())
}

fn one_line(paragraph: &str) -> String {
    paragraph.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Arg, ArgAction};

    fn command() -> Command {
        let drain = Command::new("drain").arg(Arg::new("to").long("to").short('t'));
        let plan = Command::new("plan")
            .arg(Arg::new("apply").long("apply").action(ArgAction::SetTrue))
            .subcommand(drain)
            .subcommand(Command::new("move"));
        Command::new("pvx")
            .subcommand(plan)
            .subcommand(Command::new("run"))
    }

    #[test]
    fn whose_help() {
        #[rustfmt::skip]
        let cases = [
            ("",                          "pvx"),
            ("nonsense",                  "pvx"),
            ("run x",                     "pvx run"),
            ("plan --apply drain node1",  "pvx plan drain"),
            ("plan drain --to move n",    "pvx plan drain"),
            ("plan drain -t move",        "pvx plan drain"),
            ("plan --aply move",          "pvx plan move"),
            ("plan -- drain",             "pvx plan"),
        ];
        for (words, want) in cases {
            let words = words.split_whitespace().map(OsString::from);
            assert_eq!(called(&command(), words), want);
        }
    }

    #[test]
    fn what_is_said() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, Option<&str>)] = &[
            ("run guests.jsonl", "guests.jsonl looks like a file; records come on standard input: <guests.jsonl", None),
            ("guests.jsonl",     "guests.jsonl looks like a file; records come on standard input: <guests.jsonl", None),
            ("run web",          "unexpected argument 'web' found", None),
            ("plan drain --node", "unexpected argument '--node' found", None),
            ("plan --aply",      "unexpected argument '--aply' found", Some("a similar argument exists: '--apply'")),
        ];
        for (words, want, tip) in cases {
            let words = ["pvx"].into_iter().chain(words.split_whitespace());
            let error = command().try_get_matches_from(words).unwrap_err();
            assert_eq!(told(&error), ((*want).to_owned(), tip.map(str::to_owned)));
        }
    }
}
