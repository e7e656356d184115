//! How long is waited before a request is sent again: what the server wishes, and no more
//! than a minute in all, so that a run ends while somebody still waits for it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};

use super::Answer;

/// The longest that a client waits in all before requests that it repeats.
pub(super) const WAIT_LIMIT: Duration = Duration::from_secs(60);

/// How long to wait, as `Retry-After` has it (RFC 9110, 10.2.3): seconds, or a date, which is
/// reckoned from the answer's own `Date`; `now` is for an answer without one. None if it has
/// no such header, or none that can be read.
pub(super) fn wished(answer: &Answer, now: SystemTime) -> Option<Duration> {
    let text = answer.header("retry-after")?.trim();
    if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
        // More than fits is more than anybody waits.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let then = date(text)?;
    let sent = answer.header("date").and_then(date);
    let now = sent.or_else(|| Timestamp::try_from(now).ok())?;
    Some(Duration::try_from(then.duration_since(now)).unwrap_or_default())
}

/// `Wed, 21 Oct 2026 07:28:00 GMT`
fn date(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text).ok()
}

/// How long a client and its clones have waited, in all. Those that wait at the same time wait once.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting(Arc<Mutex<Waited>>);

#[derive(Debug, Default)]
struct Waited {
    spent: Duration,
    until: Option<Instant>,
}

impl Waiting {
    /// Notes that it is waited for `pause`, from `now` on. False if that would be more than
    /// [`WAIT_LIMIT`] in all; then nothing is noted.
    pub fn grant(&self, now: Instant, pause: Duration) -> bool {
        if pause > WAIT_LIMIT {
            return false;
        }
        let end = now + pause;
        let mut waited = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let more = waited.until.map_or(pause, |until| {
            end.saturating_duration_since(until).min(pause)
        });
        if waited.spent + more > WAIT_LIMIT {
            return false;
        }
        waited.spent += more;
        waited.until = Some(waited.until.map_or(end, |until| until.max(end)));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_of_servers() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_792_567_680); // 2026-10-21T07:28:00Z
        let date = "Wed, 21 Oct 2026 07:28:00 GMT";
        #[rustfmt::skip]
        let cases: &[(&str, &[(&str, &str)], Option<u64>)] = &[
            ("seconds",                  &[("Retry-After", "7")], Some(7)),
            ("none at all",              &[("retry-after", "0")], Some(0)),
            ("more than fits",           &[("Retry-After", "99999999999999999999")], Some(u64::MAX)),
            ("a date",                   &[("Retry-After", "Wed, 21 Oct 2026 07:28:09 GMT")], Some(9)),
            ("a date by its own clock",  &[("Retry-After", "Wed, 21 Oct 2026 09:28:09 GMT"), ("Date", "Wed, 21 Oct 2026 09:28:04 GMT")], Some(5)),
            ("a date that is over",      &[("Retry-After", date), ("Date", "Wed, 21 Oct 2026 07:28:01 GMT")], Some(0)),
            ("with a fraction",          &[("Retry-After", "1.5")], None),
            ("less than none",           &[("Retry-After", "-5")], None),
            ("empty",                    &[("Retry-After", "")], None),
            ("not there",                &[("Date", date)], None),
        ];
        for (name, headers, want) in cases {
            let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            let answer = Answer {
                headers: headers.iter().map(owned).collect(),
                ..Answer::default()
            };
            assert_eq!(
                wished(&answer, now),
                want.map(Duration::from_secs),
                "{name}"
            );
        }
    }

    #[test]
    fn a_minute_in_all() {
        let (waiting, start) = (Waiting::default(), Instant::now());
        let at = |start: u64, pause: u64| (Duration::from_secs(start), Duration::from_secs(pause));
        #[rustfmt::skip]
        let cases = [
            ("the first",             at(0, 20),  true),
            ("another at that time",  at(0, 20),  true),
            ("one within it",         at(5, 10),  true),
            ("longer than what is left", at(20, 41), false),
            ("all that is left",      at(20, 40), true),
            ("one second more",       at(60, 1),  false),
        ];
        for (name, (from, pause), want) in cases {
            assert_eq!(waiting.clone().grant(start + from, pause), want, "{name}");
        }
        let forever = Duration::from_secs(u64::MAX);
        assert!(!Waiting::default().grant(start, forever));
    }
}
