//! A case file: shell commands and exactly what each of them must answer.
//!
//! Nothing here runs anything: [`parse`] reads a case, [`complaint`] compares an
//! answer with what was expected. Both refuse rather than guess, because a case
//! that is misread is a case that cannot fail.

/// What a case file says: steps in order, and the files they find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    pub steps: Vec<Step>,
    /// Path below the case's folder, and the content.
    pub files: Vec<(String, String)>,
}

/// One command and the answer it must give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Line of the `$` in the case file, from 1.
    pub line: usize,
    pub command: String,
    pub expected: Expected,
}

/// The answer a step must give; in a line, `[..]` stands for any text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    pub code: Option<u8>,
    pub stdout: Vec<String>,
    pub stderr: Vec<String>,
}

/// The answer a step gave; the code is the one a shell would show (128 + signal).
#[derive(Debug)]
pub struct Answer {
    pub code: i32,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

/// Reads a case: prose that says why it exists, then steps, then files.
///
/// `$ COMMAND` begins a step and goes on in the next line after a backslash. Below it,
/// in any order, `? CODE` is the exit code (0 if absent), `! TEXT` a line of stderr and
/// any other line one of stdout; `[..]` in a line stands for any text. Empty lines
/// before the next step need not be in the output. `--- PATH` begins a file, which
/// goes on to the next one, byte for byte.
///
/// # Errors
///
/// What is malformed and on which line. A case without prose, without a step, or
/// with an expectation that belongs to no step is malformed.
pub fn parse(text: &str) -> Result<Case, String> {
    let mut case = Case {
        steps: Vec::new(),
        files: Vec::new(),
    };
    let mut prose = false;
    // Not lines(), which would take the carriage returns out of the files.
    let mut lines = (1..).zip(text.strip_suffix('\n').unwrap_or(text).split('\n'));
    while let Some((number, line)) = lines.next() {
        let at = |what: &str| format!("line {number}: {what}");
        if let Some(name) = line.strip_prefix("--- ") {
            if case.steps.is_empty() {
                return Err(at("a file before the first step"));
            }
            if !is_inside(name) {
                return Err(at(&format!("'{name}' is no path inside the case's folder")));
            }
            if case.files.iter().any(|(known, _)| known == name) {
                return Err(at(&format!("a second file '{name}'")));
            }
            case.files.push((name.to_owned(), String::new()));
        } else if line == "---" {
            return Err(at("'---' without a file name"));
        } else if let Some((_, content)) = case.files.last_mut() {
            content.push_str(line);
            content.push('\n');
        } else if line == "$" || line.starts_with("$ ") {
            let mut command = line[1..].trim_start().to_owned();
            while command.ends_with('\\') {
                let Some((_, more)) = lines.next() else {
                    return Err(at("the command's last line ends in a backslash"));
                };
                command.push('\n');
                command.push_str(more);
            }
            if command.trim().is_empty() {
                return Err(at("'$' without a command"));
            }
            case.steps.push(Step {
                line: number,
                command,
                expected: Expected::default(),
            });
        } else if let Some(step) = case.steps.last_mut() {
            step.expected.add(line).map_err(|what| at(&what))?;
        } else if ["?", "!"].contains(&line) || line.starts_with("? ") || line.starts_with("! ") {
            return Err(at("an expectation before the first step"));
        } else {
            prose |= !line.trim().is_empty();
        }
    }
    if case.steps.is_empty() {
        return Err("no step: no line begins with '$ '".to_owned());
    }
    if !prose {
        return Err("no prose before the first step: say why the case exists".to_owned());
    }
    Ok(case)
}

/// What is wrong with `answer`, in the syntax of a case file; `None` if nothing is.
pub fn complaint(expected: &Expected, answer: &Answer) -> Option<String> {
    let mut complaint = String::new();
    difference("", &expected.stdout, &lines(&answer.stdout), &mut complaint);
    difference(
        "! ",
        &expected.stderr,
        &lines(&answer.stderr),
        &mut complaint,
    );
    let code = i32::from(expected.code.unwrap_or(0));
    if code != answer.code {
        complaint += &format!("  - ? {code}\n  + ? {}\n", answer.code);
    }
    (!complaint.is_empty()).then_some(complaint)
}

impl Expected {
    fn add(&mut self, line: &str) -> Result<(), String> {
        if let Some(code) = line.strip_prefix("? ") {
            let code = code.trim();
            let Ok(code) = code.parse() else {
                return Err(format!("'{code}' is no exit code, 0..=255"));
            };
            if self.code.replace(code).is_some() {
                return Err("a second exit code for one step".to_owned());
            }
        } else if line == "!" || line.starts_with("! ") {
            self.stderr
                .push(line[1..].strip_prefix(' ').unwrap_or("").to_owned());
        } else {
            self.stdout.push(line.to_owned());
        }
        Ok(())
    }
}

/// Relative, and never up: a case writes nowhere but in its own folder.
fn is_inside(name: &str) -> bool {
    name.trim() == name && name.split('/').all(|part| !["", ".", ".."].contains(&part))
}

/// The lines of an output. Bytes that are no UTF-8 come as `\xNN`, and a missing
/// newline at the end as a line of its own, so that neither can go unseen.
fn lines(output: &[u8]) -> Vec<String> {
    let mut text = String::new();
    for chunk in output.utf8_chunks() {
        text += chunk.valid();
        for byte in chunk.invalid() {
            text += &format!("\\x{byte:02x}");
        }
    }
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    match lines.pop() {
        Some(rest) if !rest.is_empty() => {
            lines.extend([rest, r"\ no newline at the end".to_owned()]);
        }
        _ => {}
    }
    lines
}

/// Adds the lines that differ, `-` for expected and `+` for actual, to `report`.
fn difference(mark: &str, expected: &[String], actual: &[String], report: &mut String) {
    // Empty lines before the next step are for the reader of the case, unless the
    // output has them too.
    let empty_at_end = |lines: &[String]| lines.iter().rev().take_while(|l| l.is_empty()).count();
    let unused = empty_at_end(expected).saturating_sub(empty_at_end(actual));
    let expected = &expected[..expected.len() - unused];
    let same = |(want, got): &(&String, &String)| matches(want, got);
    let head = expected.iter().zip(actual).take_while(same).count();
    let (expected, actual) = (&expected[head..], &actual[head..]);
    let tail = expected
        .iter()
        .rev()
        .zip(actual.iter().rev())
        .take_while(same)
        .count();
    show('-', mark, &expected[..expected.len() - tail], report);
    show('+', mark, &actual[..actual.len() - tail], report);
}

fn show(sign: char, mark: &str, lines: &[String], report: &mut String) {
    const SHOWN: usize = 40;
    for line in lines.iter().take(SHOWN) {
        let visible: String = line
            .chars()
            .flat_map(|c| {
                if c.is_control() {
                    c.escape_default().collect()
                } else {
                    vec![c]
                }
            })
            .collect();
        *report += &format!("  {sign} {mark}{visible}\n");
    }
    if lines.len() > SHOWN {
        *report += &format!("  {sign} ({} more lines)\n", lines.len() - SHOWN);
    }
}

/// Whether `line` is `pattern`, where `[..]` stands for any text, none included.
fn matches(pattern: &str, line: &str) -> bool {
    let Some((first, pattern)) = pattern.split_once("[..]") else {
        return pattern == line;
    };
    let (middle, last) = pattern.rsplit_once("[..]").unwrap_or(("", pattern));
    let Some(mut rest) = line.strip_prefix(first) else {
        return false;
    };
    for part in middle.split("[..]") {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

mod tests {
    use super::*;

    const GOOD: &str = "\
Why this case exists.

$ tool one \\
      two
out 1

out [..] 2
! tool: bad: [..]
? 1

$ tool three
--- in.jsonl
{}

--- folder/b.csv
x,y\r
";

    #[test]
    fn parses_every_part() {
        let case = parse(GOOD).unwrap();
        let first = Step {
            line: 3,
            command: "tool one \\\n      two".to_owned(),
            expected: Expected {
                code: Some(1),
                stdout: ["out 1", "", "out [..] 2", ""].map(str::to_owned).to_vec(),
                stderr: vec!["tool: bad: [..]".to_owned()],
            },
        };
        assert_eq!(case.steps[0], first);
        assert_eq!((case.steps[1].line, case.steps.len()), (11, 2));
        assert_eq!(case.steps[1].command, "tool three");
        let files = [("in.jsonl", "{}\n\n"), ("folder/b.csv", "x,y\r\n")];
        assert_eq!(
            case.files,
            files.map(|(name, text)| (name.to_owned(), text.to_owned()))
        );
    }

    #[test]
    fn refuses_a_malformed_case() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, &str)] = &[
            ("empty",                     "",                                "no step"),
            ("prose only",                "Why.\n",                          "no step"),
            ("no prose",                  "\n$ true\n",                      "no prose"),
            ("file first",                "Why.\n--- a\nx\n$ true\n",        "line 2: a file before"),
            ("file without a name",       "Why.\n$ true\n---\n",             "line 3: '---'"),
            ("file outside",              "Why.\n$ true\n--- ../a\n",        "line 3: '../a'"),
            ("file with a full path",     "Why.\n$ true\n--- /etc/a\n",      "line 3: '/etc/a'"),
            ("file twice",                "Why.\n$ true\n--- a\n--- a\n",    "line 4: a second file"),
            ("no command",                "Why.\n$\n",                       "line 2: '$'"),
            ("blank command",             "Why.\n$  \n",                     "line 2: '$'"),
            ("command without an end",    "Why.\n$ true \\\n",               "line 2: the command"),
            ("code without a step",       "Why.\n? 1\n$ true\n",             "line 2: an expectation"),
            ("stderr without a step",     "Why.\n! x\n$ true\n",             "line 2: an expectation"),
            ("code that is none",         "Why.\n$ true\n? one\n",           "line 3: 'one'"),
            ("code past 255",             "Why.\n$ true\n? 256\n",           "line 3: '256'"),
            ("two codes",                 "Why.\n$ true\n? 1\n? 1\n",        "line 4: a second"),
        ];
        for (name, text, want) in cases {
            let refusal = parse(text).expect_err(name);
            assert!(refusal.starts_with(want), "{name}: {refusal}");
        }
    }

    #[test]
    fn compares_code_stdout_and_stderr() {
        type Given<'a> = (i32, &'a str, &'a str);
        #[rustfmt::skip]
        let cases: &[(&str, &str, Given, &str)] = &[
            ("all the same",             "a\nb\n! e\n? 1", (1, "a\nb\n", "e\n"),    ""),
            ("nothing at all",           "",               (0, "", ""),             ""),
            ("unused empty line",        "a\n\n",          (0, "a\n", ""),          ""),
            ("used empty line",          "a\n\n",          (0, "a\n\n", ""),        ""),
            ("wrong code",               "a",              (2, "a\n", ""),          "  - ? 0\n  + ? 2\n"),
            ("code 0 expected as such",  "a\n? 0",         (1, "a\n", ""),          "  - ? 0\n  + ? 1\n"),
            ("failure expected",         "? 1",            (0, "", ""),             "  - ? 1\n  + ? 0\n"),
            ("killed by a signal",       "",               (137, "", ""),           "  - ? 0\n  + ? 137\n"),
            ("wrong line",               "a\nb\nc",        (0, "a\nx\nc\n", ""),    "  - b\n  + x\n"),
            ("missing last line",        "a\nb",           (0, "a\n", ""),          "  - b\n"),
            ("missing first line",       "a\nb",           (0, "b\n", ""),          "  - a\n"),
            ("missing empty line inside","a\n\nb",         (0, "a\nb\n", ""),       "  - \n"),
            ("added last line",          "a",              (0, "a\nb\n", ""),       "  + b\n"),
            ("added empty line",         "a",              (0, "a\n\n", ""),        "  + \n"),
            ("output, none expected",    "",               (0, "a\n", ""),          "  + a\n"),
            ("lines swapped",            "a\nb",           (0, "b\na\n", ""),       "  - a\n  - b\n  + b\n  + a\n"),
            ("line doubled",             "a",              (0, "a\na\n", ""),       "  + a\n"),
            ("no newline at the end",    "a",              (0, "a", ""),            "  + \\ no newline at the end\n"),
            ("carriage return",          "a",              (0, "a\r\n", ""),        "  - a\n  + a\\r\n"),
            ("blank at the end",         "a",              (0, "a \n", ""),         "  - a\n  + a \n"),
            ("unexpected stderr",        "a",              (0, "a\n", "e\n"),       "  + ! e\n"),
            ("missing stderr",           "a\n! e",         (0, "a\n", ""),          "  - ! e\n"),
            ("wrong stderr",             "! e",            (0, "", "f\n"),          "  - ! e\n  + ! f\n"),
            ("stderr on stdout",         "! e",            (0, "e\n", ""),          "  + e\n  - ! e\n"),
            ("second stderr line",       "! e",            (0, "", "e\nhint\n"),    "  + ! hint\n"),
        ];
        for (name, expectation, (code, stdout, stderr), want) in cases {
            let case = parse(&format!("Why.\n$ true\n{expectation}\n")).expect(name);
            let (stdout, stderr) = (stdout.as_bytes().to_vec(), stderr.as_bytes().to_vec());
            let got = complaint(
                &case.steps[0].expected,
                &Answer {
                    code: *code,
                    stdout,
                    stderr,
                },
            );
            assert_eq!(got.unwrap_or_default(), *want, "{name}");
        }
    }

    #[test]
    fn shows_bytes_that_are_no_text() {
        assert_eq!(lines(b"a\xff\n"), [r"a\xff"]);
    }

    #[test]
    fn matches_any_text_within_a_line() {
        let cases = [
            ("equal", "ab", "ab", true),
            ("other", "ab", "aB", false),
            ("longer", "ab", "abc", false),
            ("in the middle", "a[..]c", "abc", true),
            ("nothing", "a[..]c", "ac", true),
            ("at the start", "[..]c", "abc", true),
            ("at the end", "a[..]", "abc", true),
            ("alone", "[..]", "", true),
            ("wrong start", "a[..]", "ba", false),
            ("wrong end", "[..]c", "cd", false),
            ("start and end overlap", "ab[..]ba", "aba", false),
            ("two", "a[..]c[..]e", "abcde", true),
            ("two, out of order", "a[..]d[..]b[..]e", "abcde", false),
            ("middle takes the end", "a[..]b[..]b", "ab", false),
        ];
        for (name, pattern, line, want) in cases {
            assert_eq!(matches(pattern, line), want, "{name}");
        }
    }
}
