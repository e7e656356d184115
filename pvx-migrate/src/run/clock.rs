//! Waiting, and being told to stop.
//!
//! Time is counted in what was waited, not by the clock on the wall: a laptop that slept in
//! between does not come back to deadlines that all have passed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::anyhow;
use jiff::Timestamp;

/// A second Ctrl-C: what is under way is left to the journal.
#[derive(Clone, Copy, Debug)]
pub struct Abandoned;

/// How often somebody asked to stop: one starts nothing new, two leaves all.
#[derive(Clone, Debug, Default)]
pub struct Interrupts(pub Arc<AtomicUsize>);

impl Interrupts {
    /// How often.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Asks to start nothing new.
    pub fn stop(&self) {
        self.0.fetch_max(1, Ordering::Relaxed);
    }
}

/// How many seconds pass in one, by what `PVX_SPEED` says: a simulated cluster of the tests has a
/// fast clock. On a real one it would cut every patience of a run short, so it is bounded.
///
/// # Errors
///
/// It is no number in 1..=1000.
pub fn speed(said: Option<&str>) -> anyhow::Result<Option<f64>> {
    let Some(said) = said.filter(|said| !said.is_empty()) else {
        return Ok(None);
    };
    let speed = said.parse::<f64>().ok();
    let speed = speed.filter(|speed| (1.0..=1000.0).contains(speed));
    let wrong = || anyhow!("PVX_SPEED is {said:?}, and must be a number from 1 to 1000");
    speed.map(Some).ok_or_else(wrong)
}

/// The clock of a run.
#[derive(Clone, Debug)]
pub struct Clock {
    /// Told to stop.
    pub interrupts: Interrupts,
    /// Seconds that pass in one: 1, but for a simulated cluster.
    pub speed: f64,
}

impl Clock {
    /// The time of day, for what is written down; nothing is decided by it.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    /// How many seconds have passed since then.
    #[must_use]
    pub fn since(&self, then: Timestamp) -> u64 {
        let real = self.now().duration_since(then).as_secs_f64();
        (real * self.speed).max(0.0) as u64
    }

    /// Waits so many seconds.
    ///
    /// # Errors
    ///
    /// [`Abandoned`], at once.
    pub fn wait(&self, seconds: f64) -> Result<(), Abandoned> {
        let mut left = Duration::from_secs_f64(seconds / self.speed);
        while !left.is_zero() {
            let part = left.min(Duration::from_millis(200));
            if self.interrupts.count() >= 2 {
                return Err(Abandoned);
            }
            thread::sleep(part);
            left -= part;
        }
        Ok(())
    }
}

/// How long to wait before the next look: soon at first, then once a second, and less often
/// when it takes minutes.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    next: f64,
    waited: f64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            next: 0.25,
            waited: 0.0,
        }
    }
}

impl Pace {
    /// How long the next wait will be, in seconds.
    #[must_use]
    pub fn next(&self) -> f64 {
        self.next
    }

    /// The next wait, in seconds: 0.25 at first, 1 soon, 3 after two minutes.
    pub fn step(&mut self) -> f64 {
        let now = self.next;
        self.waited += now;
        let most = if self.waited < 120.0 { 1.0 } else { 3.0 };
        self.next = (now * 1.5).min(most);
        now
    }
}

/// How long to wait before the status of a task that has been followed for so long is asked for
/// again, both in seconds: a hundredth of that, so that its end is seen late by half a percent of what
/// it took; at least 0.25, at most 3.
#[must_use]
pub fn task_pause(waited: f64) -> f64 {
    (waited / 100.0).clamp(0.25, 3.0)
}

#[cfg(test)]
mod speed_tests {
    use super::*;

    /// Over a task of any length what is lost by looking too late stays within half a percent, but
    /// for the shortest and for what takes minutes.
    #[test]
    fn pauses_grow_with_what_was_waited() {
        let cases = [
            (0.0, 0.25),
            (25.0, 0.25),
            (60.0, 0.6),
            (200.0, 2.0),
            (3600.0, 3.0),
        ];
        for (waited, want) in cases {
            assert!((task_pause(waited) - want).abs() < 1e-9, "{waited}");
        }
    }

    #[test]
    fn speeds() {
        #[rustfmt::skip]
        let cases: &[(&str, Option<&str>, Result<Option<f64>, ()>)] = &[
            ("unset",    None,          Ok(None)),
            ("empty",    Some(""),      Ok(None)),
            ("slowest",  Some("1"),     Ok(Some(1.0))),
            ("fastest",  Some("1000"),  Ok(Some(1000.0))),
            ("faster",   Some("1001"),  Err(())),
            ("slower",   Some("0.5"),   Err(())),
            ("infinity", Some("inf"),   Err(())),
            ("none",     Some("nan"),   Err(())),
            ("a word",   Some("fast"),  Err(())),
        ];
        for (name, said, want) in cases {
            assert_eq!(speed(*said).map_err(drop), *want, "{name}");
        }
    }
}
