//! No false alarm: 200 checks with raw sockets and facts of pairs that are well, or are
//! changing hands as they should. By keepalived's defaults: with ten adverts a second a
//! machine that is busy enough makes holders change that nobody asked to.

use std::{
    env,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

use crate::{
    SLOW, Section,
    lab::{self, Eyes, Lab, Running, User},
    verdict::Verdict,
};

#[rustfmt::skip]
pub const SECTIONS: &[Section] = &[
    ("no_false_alarm_when_a_child_is_respawned", SLOW, respawned),
    ("no_false_alarm_in_hand_overs", SLOW, hand_overs),
    ("no_false_alarm_under_load", SLOW, load),
    ("a_moving_vip_is_looked_at_twice", &[("LAB_VRRP_VERSION", "3"), ("LAB_ADVERT_INT", "2")], twice),
];

/// Looks that a kind of VIP gets, each to be calm; more of them by HACHECK_LOOKS.
const LOOKS: usize = 3;

/// A pair that is well is so each time that it is looked at.
pub fn calm(look: impl Fn() -> Verdict) {
    let looks = env::var("HACHECK_LOOKS").map_or(LOOKS, |looks| looks.parse().unwrap());
    for _ in 0..looks {
        let verdict = look();
        verdict.wants_status("ok");
        verdict.wants_only(&["holder", "blind", "vip-not-used"]);
    }
}

/// Checks at a time.
const LOOKERS: usize = 9;

/// Makes `count` checks of all three pairs, some at a time, and `meanwhile` in between.
fn looks(
    lab: &Lab,
    count: usize,
    eyes: Eyes,
    judge: impl Fn(&Verdict) + Sync,
    meanwhile: impl Fn(),
) {
    let (left, over) = (AtomicUsize::new(count), AtomicBool::new(false));
    thread::scope(|scope| {
        let lookers: Vec<_> = (0..LOOKERS)
            .map(|looker| {
                let (left, over, judge) = (&left, &over, &judge);
                scope.spawn(move || {
                    let take = || {
                        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                            left.checked_sub(1)
                        })
                    };
                    while !over.load(Ordering::Relaxed) && take().is_ok() {
                        let verdict = lab.check(["dns", "caddy", "nfs"][looker % 3], eyes);
                        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                            judge(&verdict)
                        }))
                        .is_err()
                        {
                            over.store(true, Ordering::Relaxed);
                        }
                    }
                })
            })
            .collect();
        while !lookers.iter().all(|looker| looker.is_finished()) {
            meanwhile();
        }
    });
    assert!(!over.into_inner(), "a false alarm, see above");
}

fn rest() {
    thread::sleep(std::time::Duration::from_millis(20));
}

fn load(lab: &Lab) {
    let responder = concat!(env!("CARGO_MANIFEST_DIR"), "/lab/responder.py");
    let _asker = Running(
        lab.on("client", User::Root, lab::python())
            .args([responder, "ask", "192.168.10.110", "40053"])
            .spawn()
            .unwrap(),
    );
    let _other = Running(
        lab.on("stranger", User::Root, lab::python())
            .args([responder, "ask", "192.168.10.110", "40054"])
            .spawn()
            .unwrap(),
    );
    looks(
        lab,
        100,
        Eyes::Both,
        |verdict| {
            verdict.wants_status("ok").wants_only(&["holder", "blind"]);
        },
        rest,
    );
}

/// Nothing is wrong but what is true meanwhile: that n1 is away, and its daemon stopped.
fn only_moving(verdict: &Verdict) {
    let calm = ["ok", "warning"].contains(&verdict.status());
    assert!(calm, "{}", verdict.0);
    verdict.wants_only(&[
        "holder",
        "holder-unexpected",
        "vrrp-daemon-dead",
        "hand-over",
        "blind",
    ]);
}

/// n1's daemon is stopped and started again, as for an upgrade, over and over.
fn hand_overs(lab: &Lab) {
    looks(lab, 60, Eyes::Both, only_moving, || {
        lab.run(&["kill-master", "stop"]);
        lab.until_held("dns", "n2");
        lab.run(&["heal"]);
        lab.until_held("dns", "n1");
    });
}

/// The backup waits for 1.2 s, in which a check of 0.4 s finds nobody.
fn twice(lab: &Lab) {
    lab.run(&["kill-master", "stop"]);
    let file = lab.path("pairs.json");
    let verdict = lab.check_of(&file, "dns", Eyes::Raw, &["--timeout", "400ms"]);
    let calm = ["ok", "warning"].contains(&verdict.status());
    assert!(calm, "{}", verdict.0);
    // Three adverts of 2 s are more than the promised 5 s.
    verdict.wants("rto-unreachable", "warning", &["adverts"]);
    verdict
        .wants("hand-over", "info", &["arp"])
        .wants_message("hand-over", "vip-down")
        .wants_holder("n2", &["mac", "adverts"]);
    // Nobody at all is no hand-over.
    lab.run(&["kill-master", "stop"]);
    lab.check_of(&file, "dns", Eyes::Raw, &["--timeout", "400ms"])
        .wants("vip-down", "critical", &["arp"])
        .lacks(&["hand-over"]);
}

/// keepalived's parent starts a child that was killed again. By the phase of the adverts
/// the backup takes over for a moment or does not, and nobody has the VIP for up to 3 s.
fn respawned(lab: &Lab) {
    let judge = |verdict: &Verdict| {
        only_moving(verdict);
        verdict.lacks(&["vrrp-daemon-dead"]);
    };
    // Once: after a second time within a minute keepalived waits before it starts another,
    // and then there are two holders indeed.
    let killed = AtomicBool::new(false);
    looks(lab, 40, Eyes::Both, judge, || {
        if !killed.swap(true, Ordering::Relaxed) {
            thread::sleep(std::time::Duration::from_secs(2));
            lab.run(&["kill-master", "vrrp"]);
        }
        rest();
    });
    lab.until_held("dns", "n1");
}
