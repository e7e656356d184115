//! The commands of a README and what it says that they print. Nothing here runs anything.

/// A line `    $ COMMAND` of a README and the lines printed below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Line of the `$`, from 1.
    pub line: usize,
    pub text: String,
    /// The lines below, without their indentation; none if the README doesn't show what comes.
    pub shown: Vec<String>,
}

/// The commands of a README in order.
///
/// A command is an indented line that begins with `$ `, and goes on after a backslash at the end. What follows
/// with at least the same indentation, up to the next command, is what it prints; blank lines may be among it.
pub fn commands(readme: &str) -> Vec<Command> {
    let mut found: Vec<Command> = Vec::new();
    let mut indent = None; // of the command whose output may follow
    let mut blanks = 0;
    let mut lines = (1..).zip(readme.lines());
    while let Some((number, line)) = lines.next() {
        let spaces = line.len() - line.trim_start().len();
        if let Some(command) = line[spaces..].strip_prefix("$ ").filter(|_| spaces >= 4) {
            let mut text = command.to_owned();
            while text.ends_with('\\') {
                let Some((_, more)) = lines.next() else { break };
                text.push('\n');
                text.push_str(more.trim_start());
            }
            found.push(Command {
                line: number,
                text,
                shown: Vec::new(),
            });
            (indent, blanks) = (Some(spaces), 0);
        } else if line.trim().is_empty() {
            blanks += 1;
        } else if let (Some(least), Some(command)) = (indent, found.last_mut())
            && spaces >= least
            // A blank line before any output ends the block: what follows is another one.
            && !(blanks > 0 && command.shown.is_empty())
        {
            command.shown.extend((0..blanks).map(|_| String::new()));
            command.shown.push(line[least..].to_owned());
            blanks = 0;
        } else {
            indent = None;
        }
    }
    found
}

/// Whether a README's lines are what came; `...` stands for any text, alone in a line for any lines.
///
/// A record that the README breaks into several lines, so that it can be read, is compared without white space.
pub fn is_shown(shown: &[String], came: &str) -> bool {
    let wanted = shown.join("\n");
    if matches(&wanted, came.trim_end()) {
        return true;
    }
    let broken = shown
        .first()
        .is_some_and(|line| line.starts_with('{') && !line.ends_with('}'));
    let solid = |text: &str| text.split_whitespace().collect::<String>();
    broken && matches(&solid(&wanted), &solid(came))
}

fn matches(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split("...");
    let Some(mut rest) = pieces.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else {
        return rest.is_empty();
    };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

mod tests {
    use super::*;

    #[test]
    fn finds_commands_and_what_they_print() {
        let readme = "Text with `$ no` command.\n\n    $ one | two   # why\n    a\n\n      b\n    $ three \\\n        four\n\nText.\n\n    not a command's\n    $ five\n\n    of another block\n";
        let found = commands(readme);
        let want: [(usize, &str, &[&str]); 3] = [
            (3, "one | two   # why", &["a", "", "  b"]),
            (7, "three \\\nfour", &[]),
            (13, "five", &[]),
        ];
        let got: Vec<_> = found
            .iter()
            .map(|c| (c.line, c.text.as_str(), c.shown.clone()))
            .collect();
        assert_eq!(got.len(), want.len());
        for ((line, text, shown), want) in got.into_iter().zip(want) {
            assert_eq!((line, text), (want.0, want.1));
            assert_eq!(shown, want.2);
        }
    }

    #[test]
    fn compares_with_what_is_left_out() {
        #[rustfmt::skip]
        let cases: &[(&str, &[&str], &str, bool)] = &[
            ("equal",                      &["a", "b"],           "a\nb\n",          true),
            ("other",                      &["a", "b"],           "a\nc\n",          false),
            ("one more",                   &["a"],                "a\nb\n",          false),
            ("blanks count",               &["a  b"],             "a b\n",           false),
            ("left out in a line",         &["{\"a\":1,...}"],    "{\"a\":1,\"b\":2}\n", true),
            ("left out lines",             &["a", "...", "d"],    "a\nb\nc\nd\n",    true),
            ("left out, other end",        &["a", "...", "d"],    "a\nb\nc\n",       false),
            ("left out at the end",        &["a", "..."],         "a\nb\nc\n",       true),
            ("a record in two lines",      &["{\"a\":1,", "\"b\":\"x", "y\"}"], "{\"a\":1,\"b\":\"x y\"}\n", true),
            ("another record in two",      &["{\"a\":1,", "\"b\":2}"], "{\"a\":1,\"b\":3}\n", false),
        ];
        for (name, shown, came, want) in cases {
            let shown: Vec<String> = shown.iter().map(|&line| line.to_owned()).collect();
            assert_eq!(is_shown(&shown, came), *want, "{name}");
        }
    }
}
