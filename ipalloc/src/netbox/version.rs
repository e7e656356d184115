//! Which NetBox answers, as each of its answers says in the header `API-Version`: what it
//! can depends on that, and no request is spent on asking.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use vmid::http::Answer;

/// Major and minor, as `4.7`.
pub(super) type Version = (u16, u16);

/// From this on a change with `If-Match` is refused where the record is another by now.
const IF_MATCH: Version = (4, 6);

/// From this on there are tokens of version 2 (`nbt_...`, sent with `Bearer`).
const BEARER: Version = (4, 5);

/// What the last answer said; a clone knows what the others learn.
#[derive(Clone, Debug, Default)]
pub(super) struct Known(Arc<AtomicU32>);

impl Known {
    /// Notes what an answer says; one of a proxy says nothing.
    pub fn learn(&self, answer: &Answer) {
        if let Some((major, minor)) = of(answer) {
            let packed = u32::from(major) << 16 | u32::from(minor);
            self.0.store(packed, Ordering::Relaxed);
        }
    }

    /// The version; none if no answer has said it.
    pub fn get(&self) -> Option<Version> {
        let packed = self.0.load(Ordering::Relaxed);
        let low = |bits: u32| u16::try_from(bits & 0xffff).unwrap_or_default();
        (packed > 0).then(|| (low(packed >> 16), low(packed)))
    }

    /// The server honours `If-Match`. One that does not say its version may not.
    pub fn has_if_match(&self) -> bool {
        self.get().is_some_and(|version| version >= IF_MATCH)
    }
}

/// The version that an answer says, if it is one that knows tokens of version 1 only.
pub(super) fn without_bearer(answer: &Answer) -> Option<Version> {
    of(answer).filter(|version| *version < BEARER)
}

fn of(answer: &Answer) -> Option<Version> {
    let (major, rest) = answer.header("api-version")?.split_once('.')?;
    let minor = rest.split('.').next().unwrap_or_default();
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_say() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, Option<Version>, bool)] = &[
            ("the oldest",          "4.2",    Some((4, 2)),  false),
            ("the last without",    "4.5",    Some((4, 5)),  false),
            ("the first with it",   "4.6",    Some((4, 6)),  true),
            ("two digits",          "4.10",   Some((4, 10)), true),
            ("the next",            "5.0",    Some((5, 0)),  true),
            ("with a patch level",  "4.5.10", Some((4, 5)),  false),
            ("no version",          "four",   None,          false),
            ("half of one",         "4",      None,          false),
        ];
        for (name, said, want, if_match) in cases {
            let known = Known::default();
            known.clone().learn(&Answer {
                headers: vec![("API-Version".to_owned(), (*said).to_owned())],
                ..Answer::default()
            });
            assert_eq!(
                (known.get(), known.has_if_match()),
                (*want, *if_match),
                "{name}"
            );
            known.learn(&Answer::default());
            assert_eq!(known.get(), *want, "{name}, then a proxy's page");
        }
    }
}
