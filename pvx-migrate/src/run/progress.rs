//! How far a task is, by its log; and the lines that tell people.

use std::{
    collections::BTreeMap,
    io::Write as _,
    sync::{Mutex, PoisonError},
};

use vmid::escape::escape;

/// What a log line says of progress: what is copied, and how much of it in percent, never
/// above 100 (a VM that writes to its memory sends more than it has).
///
/// `bytes` is what the plan expects to be copied, for lines that say only what was.
#[must_use]
pub fn percent(line: &str, bytes: u64) -> Option<(&'static str, u8)> {
    let share =
        |done: f64, of: f64| (of > 0.0).then(|| (done / of * 100.0).clamp(0.0, 100.0) as u8);
    if let Some((_, rest)) = line.split_once("transferred ") {
        let what = if rest.contains("VM-state") {
            "memory"
        } else {
            "disk"
        };
        let (done, rest) = rest.split_once(" of ")?;
        return Some((what, share(size(done)?, size(rest)?)?));
    }
    if line.contains(" copied, ") {
        // dd: `N bytes (.., ..) copied, N s, R MB/s`, perhaps behind a time.
        let done = line.split(" bytes (").next()?.rsplit(' ').next()?;
        return Some(("disk", share(done.parse().ok()?, bytes as f64)?));
    }
    // zfs send -v: `22:52:48   1.05G   zdata/subvol-1-disk-0@__migration__`.
    let mut words = line.split_whitespace().rev();
    let (dataset, sent) = (words.next()?, words.next()?);
    if dataset.contains('@') && words.next()?.contains(':') {
        return Some(("disk", share(size(sent)?, bytes as f64)?));
    }
    None
}

/// `512.0 MiB`, `2.0 GiB VM-state`, `1.05G` in bytes.
fn size(text: &str) -> Option<f64> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let number: f64 = text[..end].parse().ok()?;
    let shift = match text[end..].trim_start().bytes().next() {
        Some(b'K') => 10,
        Some(b'M') => 20,
        Some(b'G') => 30,
        Some(b'T') => 40,
        _ => 0,
    };
    Some(number * (1_u64 << shift) as f64)
}

/// What is under way, a line per guest, for stderr.
#[derive(Debug, Default)]
pub struct Board {
    lines: Mutex<BTreeMap<u32, Line>>,
    shown: Mutex<usize>,
}

#[derive(Debug, Clone)]
struct Line {
    head: String,
    state: String,
    percent: Option<u8>,
}

impl Board {
    /// A guest's move has begun.
    pub fn begin(&self, vmid: u32, head: String) {
        let line = Line {
            head,
            state: "looking".into(),
            percent: None,
        };
        self.lines().insert(vmid, line);
    }

    /// What is done with it now, and how far that is.
    pub fn tell(&self, vmid: u32, state: &str, percent: Option<u8>) {
        if let Some(line) = self.lines().get_mut(&vmid) {
            state.clone_into(&mut line.state);
            line.percent = percent;
        }
    }

    /// Its move has ended.
    pub fn end(&self, vmid: u32) {
        self.lines().remove(&vmid);
    }

    /// One plain line for each guest.
    #[must_use]
    pub fn plain(&self) -> Vec<String> {
        let lines = self.lines().clone();
        let text = |line: &Line| match line.percent {
            Some(percent) => format!("{}: {} {percent} %", line.head, line.state),
            None => format!("{}: {}", line.head, line.state),
        };
        lines.values().map(text).collect()
    }

    /// Draws all lines with their bars over those that were drawn before.
    pub fn draw(&self) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = self.lines().clone();
        let mut text = erase(*shown);
        for line in lines.values() {
            let bar = line.percent.map_or_else(String::new, bar);
            let said = format!("{}: {} {bar}", line.head, line.state);
            let said: String = escape(&said).chars().take(WIDTH).collect();
            text += &said;
            text += "\n";
        }
        *shown = lines.len();
        let _ = std::io::stderr().write_all(text.as_bytes());
    }

    /// Removes what was drawn.
    pub fn clear(&self) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = std::io::stderr().write_all(erase(*shown).as_bytes());
        *shown = 0;
    }

    fn lines(&self) -> std::sync::MutexGuard<'_, BTreeMap<u32, Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Columns of a line; longer ones would wrap, and the next drawing miss its place.
const WIDTH: usize = 79;

/// Up so many lines, and away with all below (ECMA-48 CUU and ED).
fn erase(lines: usize) -> String {
    if lines == 0 {
        String::new()
    } else {
        format!("\x1b[{lines}A\x1b[J")
    }
}

fn bar(percent: u8) -> String {
    let full = usize::from(percent) / 5;
    format!(
        "[{}{}] {percent:3} %",
        "#".repeat(full),
        ".".repeat(20 - full.min(20))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percents() {
        let gib = 1 << 30;
        #[rustfmt::skip]
        let cases = [
            ("memory",            "2026-11-21 22:52:48 migration active, transferred 512.0 MiB of 2.0 GiB VM-state, 112.4 MiB/s", Some(("memory", 25))),
            ("memory, dirty",     "migration active, transferred 3.1 GiB of 2.0 GiB VM-state, 9.0 MiB/s, VM dirties lots of memory: 1.0 GiB/s", Some(("memory", 100))),
            ("disk mirror",       "drive-scsi0: transferred 8.0 GiB of 32.0 GiB (25.00%) in 1m 10s", Some(("disk", 25))),
            ("nothing to mirror", "drive-scsi0: transferred 0.0 B of 0.0 B (0.00%) in 0s", None),
            ("dd",                "2026-11-21 22:52:48 268435456 bytes (268 MB, 256 MiB) copied, 3 s, 89.5 MB/s", Some(("disk", 25))),
            ("dd, more than all", "2147483648 bytes (2.1 GB, 2.0 GiB) copied, 3 s, 89.5 MB/s", Some(("disk", 100))),
            ("zfs send",          "22:52:48   512M   zdata/subvol-30070-disk-0@__migration__", Some(("disk", 50))),
            ("anything else",     "2026-11-21 22:52:48 starting migration of VM 10111 to node 'node5' (192.0.2.1)", None),
            ("empty",             "", None),
        ];
        for (name, line, want) in cases {
            assert_eq!(percent(line, gib), want, "{name}");
        }
    }

    #[test]
    fn bars_are_as_long_as_each_other() {
        for percent in [0, 1, 50, 99, 100] {
            assert_eq!(bar(percent).len(), 28, "{percent}");
        }
    }
}
