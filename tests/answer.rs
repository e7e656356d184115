//! What a command answers, within a time limit: with all that it starts it is killed at the end of it.

use std::{
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    process::{Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use crate::case::Answer;

/// What `command` answers; at `limit` it is killed, with all that it started.
pub fn answer(mut command: Command, limit: Duration) -> Result<Answer, String> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let child = command.spawn().map_err(|error| format!("bash: {error}"))?;
    let group = child.id();
    let (tell, told) = mpsc::channel();
    // The output ends when the last process that holds it does, so this waits for
    // what the step left running, too.
    thread::spawn(move || tell.send(child.wait_with_output()));
    let Ok(output) = told.recv_timeout(limit) else {
        let kill = format!("kill -KILL -- -{group}");
        Command::new("bash")
            .arg("-c")
            .arg(kill)
            .status()
            .map_err(|error| error.to_string())?;
        return Err(format!(
            "killed: it was not done after {} s",
            limit.as_secs_f32()
        ));
    };
    let Output {
        status,
        stdout,
        stderr,
    } = output.map_err(|error| error.to_string())?;
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    let code = code.ok_or("neither exited nor was killed")?;
    Ok(Answer {
        code,
        stdout,
        stderr,
    })
}

mod tests {
    use std::time::Instant;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    fn bash(command: &str) -> Command {
        let mut bash = Command::new("bash");
        bash.arg("-c").arg(command);
        bash
    }

    #[test]
    fn answers_with_code_and_both_outputs() {
        let got = answer(bash("echo out; echo err >&2; exit 3"), LIMIT).unwrap();
        assert_eq!(
            (got.code, &got.stdout[..], &got.stderr[..]),
            (3, &b"out\n"[..], &b"err\n"[..])
        );
        assert_eq!(answer(bash("kill -KILL $$"), LIMIT).unwrap().code, 128 + 9);
        let filled = answer(bash("head -c 1000000 /dev/zero | tee /dev/stderr"), LIMIT).unwrap();
        assert_eq!(
            (filled.stdout.len(), filled.stderr.len()),
            (1_000_000, 1_000_000)
        );
    }

    #[test]
    fn kills_a_step_with_all_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("late");
        let late = format!("(sleep 1; echo > '{}') & sleep 60", file.display());
        let started = Instant::now();
        let error = answer(bash(&late), Duration::from_millis(300)).unwrap_err();
        assert!(error.starts_with("killed: "), "{error}");
        assert!(
            started.elapsed() < Duration::from_secs(1),
            "waited for the child"
        );
        thread::sleep(Duration::from_millis(1500).saturating_sub(started.elapsed()));
        assert!(!file.exists(), "the child lived on");
    }
}
