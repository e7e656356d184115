//! When a container's migration is ended because its target is gone. Pure.
//!
//! Where the target loses its power in the middle of the copy, PVE's pipe waits for the network for
//! minutes, the container being down. Told to end, the task rolls back and starts it within seconds.
//! At any other moment its end could leave the container down or cut off a move that would have
//! come to its end: then a silent task is only told of.

/// For how long all must hold, in each look, in seconds: a node that is only slow is back by then.
const HOLDS_S: f64 = 30.0;

/// What a look shows of a migration that may hang.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    /// It is a container's migration to its target that this run, or the one it goes on with, has
    /// asked for.
    pub own: bool,
    /// The endpoint's part of the cluster has quorum.
    pub quorate: bool,
    /// The source is online in /cluster/status.
    pub source_online: bool,
    /// The target is online in /cluster/status.
    pub target_online: bool,
    /// The log is past "starting migration of CT": the container is down, and is copied.
    pub copying: bool,
    /// The source answers with the container's configuration, and the lock in it is `migrate`.
    pub locked: bool,
}

impl Sight {
    /// Nothing but the end of the task will bring the container back soon.
    #[must_use]
    pub fn is_hopeless(&self) -> bool {
        self.own
            && self.quorate
            && self.source_online
            && !self.target_online
            && self.copying
            && self.locked
    }
}

/// Looks at one migration, from its beginning to its end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Watch {
    held_s: Option<f64>,
    ended: bool,
}

impl Watch {
    /// Goes on with a migration whose end was asked for already, if it was: that is done once.
    #[must_use]
    pub fn new(ended: bool) -> Self {
        Self {
            held_s: None,
            ended,
        }
    }

    /// Counts a look that comes `passed_s` seconds after the last one; `None` is a look that got
    /// no answer. Whether the task is to be ended now.
    pub fn look(&mut self, sight: Option<Sight>, passed_s: f64) -> bool {
        if !sight.is_some_and(|sight| sight.is_hopeless()) {
            self.held_s = None;
            return false;
        }
        let held_s = self.held_s.map_or(0.0, |held_s| held_s + passed_s);
        self.held_s = Some(held_s);
        let now = held_s >= HOLDS_S && !self.ended;
        self.ended |= now;
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GONE: Sight = Sight {
        own: true,
        quorate: true,
        source_online: true,
        target_online: false,
        copying: true,
        locked: true,
    };

    /// After how many seconds of looks, one a second, it is ended; none in two minutes of them.
    fn ended(mut watch: Watch, sight: impl Fn(u32) -> Option<Sight>) -> Vec<u32> {
        (0..120)
            .filter(|second| watch.look(sight(*second), 1.0))
            .collect()
    }

    #[test]
    fn only_where_all_holds() {
        #[rustfmt::skip]
        let cases = [
            ("all holds",                     GONE, true),
            ("somebody else's task",          Sight { own: false, ..GONE }, false),
            ("no quorum",                     Sight { quorate: false, ..GONE }, false),
            ("the source is offline, too",    Sight { source_online: false, ..GONE }, false),
            ("the target is online",          Sight { target_online: true, ..GONE }, false),
            ("it is still shutting down",     Sight { copying: false, ..GONE }, false),
            ("no lock, or another",           Sight { locked: false, ..GONE }, false),
        ];
        for (name, sight, want) in cases {
            let when = ended(Watch::default(), |_| Some(sight));
            assert_eq!(when, if want { vec![30] } else { vec![] }, "{name}");
        }
    }

    #[test]
    fn in_each_look_over_half_a_minute_and_once() {
        let but = |at: u32, sight: Option<Sight>| {
            ended(Watch::default(), |second| {
                if second == at { sight } else { Some(GONE) }
            })
        };
        let back = Some(Sight {
            target_online: true,
            ..GONE
        });
        assert_eq!(but(29, back), [60], "the target was back for a moment");
        assert_eq!(but(29, None), [60], "one look got no answer");
        assert_eq!(but(40, back), [30], "it is ended once");
        assert!(
            ended(Watch::new(true), |_| Some(GONE)).is_empty(),
            "and not again by a later run"
        );
    }
}
