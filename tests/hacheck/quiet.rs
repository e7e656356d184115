//! No false alarm: 200 checks with raw sockets and facts of pairs that are well, or are
//! changing hands as they should. By keepalived's defaults: with ten adverts a second a
//! machine that is busy enough makes holders change that nobody asked to.

use std::{
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
];

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
            verdict.wants_status("ok").wants_only(&["holder"]);
        },
        rest,
    );
}

/// n1's daemon is stopped and started again, as for an upgrade, over and over.
fn hand_overs(lab: &Lab) {
    // A busy machine can make the outage of a second so long that a check finds the VIP gone.
    let gone = AtomicUsize::new(0);
    let judge = |verdict: &Verdict| {
        let critical = verdict.findings().filter(|f| f["severity"] == "critical");
        let (down, strange): (Vec<_>, Vec<_>) = critical.partition(|f| {
            let message = f["message"].as_str().unwrap();
            f["code"] == "vip-down" && message.contains("it changed hands while this check ran")
        });
        assert!(strange.is_empty(), "{}", verdict.0);
        gone.fetch_add(usize::from(!down.is_empty()), Ordering::Relaxed);
        // That the preferred one has it not, and that its daemon is stopped, is so at times.
        let true_then = [
            "holder",
            "holder-unexpected",
            "holder-unknown",
            "vrrp-daemon-dead",
            "blind",
            "vip-down",
        ];
        verdict.wants_only(&true_then);
    };
    looks(lab, 60, Eyes::Both, judge, || {
        lab.run(&["kill-master", "stop"]);
        lab.until_held("dns", "n2");
        lab.run(&["heal"]);
        lab.until_held("dns", "n1");
    });
    assert!(
        gone.into_inner() <= 6,
        "a clean hand-over takes less than a second"
    );
}

/// keepalived's parent starts a child that was killed again. By the phase of the adverts
/// the backup takes over for a moment or does not, and the VIP is really gone for seconds:
/// that may be said, but nobody is a second holder, a stranger or wrongly configured.
fn respawned(lab: &Lab) {
    let judge = |verdict: &Verdict| {
        let critical = verdict.findings().filter(|f| f["severity"] == "critical");
        let strange = critical
            .filter(|finding| finding["code"] != "vip-down")
            .count();
        assert_eq!(strange, 0, "{}", verdict.0);
        verdict.lacks(&["config-drift", "vrrp-daemon-dead"]);
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
