//! What to do next with a guest that is to be removed, from what is seen of its ID.
//!
//! Pure, and the same for one that is under way and for one that was cut off. Only the guest that the
//! plan names, by ID and by name, on the node that it names, is ever touched; what the last look
//! refuses is not done. The first row that fits counts:
//!
//! | seen                                       | next                                          |
//! |--------------------------------------------|-----------------------------------------------|
//! | no quorum, and no task                     | wait; then failed: no-quorum                  |
//! | the ID is free                             | gone                                          |
//! | another guest, its removal not asked for   | failed: changed, unseen                       |
//! | another guest, its removal asked for       | gone if the task says so; else stuck: changed |
//! | a task                                     | follow                                        |
//! | its removal failed                         | failed: not-destroyed                         |
//! | its removal ended well, and it is there    | wait; then stuck: changed                     |
//! | its removal asked for, no trace, the mark  | wait; mark and ask once more                  |
//! | the same, and not the mark                 | stuck: changed                                |
//! | a lock                                     | wait; then failed: locked                     |
//! | it runs                                    | shut down; or failed: running, did-not-stop   |
//! | not marked since the last request          | mark: a change with the configuration's digest |
//! | marked                                     | destroy                                       |
//!
//! A mark that an earlier try has left says whose removal it was, and not that the guest is still as that
//! try saw it: before each DELETE the description is written once more.

use super::{
    super::next::LOST_S,
    again::{Again, REQUESTS, again, may_show_up},
    create::{LOCKED_S, SETTLES_S, endless, unreached, without_quorum},
    decision::{Finish, Next, failed, stuck},
    order::Order,
    seen::{Guest, Id, Past, Seen, Tried},
};
use crate::journal::guest_line::Call;

/// What the HA manager needs on top to stop what it was told to, in seconds (17 measured).
const HA_S: f64 = 60.0;

/// The next thing to do.
#[must_use]
pub fn next(order: &Order, mark: &str, seen: &Seen, past: &Past) -> Next {
    if let Some(next) = without_quorum(order, seen, past) {
        return next;
    }
    if past.overdue {
        return endless(order, seen);
    }
    let tried = past.of(Call::Destroy);
    let guest = match &seen.id {
        Id::Free => {
            return match &seen.task {
                Some(upid) if tried.open => Next::Follow(upid.clone()),
                _ => Next::Finish(Finish::Gone),
            };
        }
        Id::Hidden => {
            return other(
                order,
                seen,
                past,
                &tried,
                "unseen",
                "a guest that the token does not see (VM.Audit)",
            );
        }
        Id::Taken(guest) => guest,
    };
    if !guest.reached {
        return unreached(order, past, guest);
    }
    let name = guest.name.as_deref();
    if guest.kind != order.kind || name != Some(&order.name) {
        let name = name.map_or("a guest without a name".to_owned(), |name| {
            format!("{name:?}")
        });
        return other(
            order,
            seen,
            past,
            &tried,
            "changed",
            &format!("{name} on {}", guest.node),
        );
    }
    if guest.node != order.node {
        let what = format!("{:?}, which is on {} now", order.name, guest.node);
        return other(order, seen, past, &tried, "changed", &what);
    }
    named(order, mark, seen, past, guest, &tried)
}

/// The ID is not that of the guest that the plan names.
fn other(
    order: &Order,
    seen: &Seen,
    past: &Past,
    tried: &Tried,
    code: &'static str,
    who: &str,
) -> Next {
    let (vmid, name, node) = (order.vmid, &order.name, &order.node);
    if !tried.open {
        return failed(
            code,
            format!("{vmid} is {who}; the plan names {name:?} on {node}; nothing was done"),
        );
    }
    if let Some(upid) = &seen.task {
        return Next::Follow(upid.clone());
    }
    if tried.end.as_ref().is_some_and(|end| end.ok) {
        return Next::Finish(Finish::Gone);
    }
    if past.waited_s < LOST_S {
        return Next::Wait("the request's task is not seen yet");
    }
    stuck(
        code,
        format!(
            "{vmid} is {who} now; whether {name:?} was removed is not known, and nothing more is done"
        ),
    )
}

/// The guest that the plan names is there.
fn named(
    order: &Order,
    mark: &str,
    seen: &Seen,
    past: &Past,
    guest: &Guest,
    tried: &Tried,
) -> Next {
    let (vmid, name) = (order.vmid, &order.name);
    if let Some(upid) = &seen.task {
        return Next::Follow(upid.clone());
    }
    if let Some(why) = &tried.refused {
        return failed("refused", why.clone());
    }
    match &tried.end {
        Some(end) if !end.ok => return failed("not-destroyed", end.reason.clone()),
        Some(_) if past.waited_s < SETTLES_S => return Next::Wait("it is in the lists yet"),
        Some(_) => {
            return stuck(
                "changed",
                format!(
                    "the removal of {vmid} ended well, and {name:?} is there: another guest of that name, perhaps; nothing more is done"
                ),
            );
        }
        None if tried.open => return no_trace(order, mark, seen, past, guest, tried),
        None => {}
    }
    if order.repair_only {
        return failed(
            "not-destroyed",
            "its removal was not asked for yet, and no plan names it any more: it was not removed",
        );
    }
    if let Some(lock) = &guest.lock {
        return if past.waited_s < LOCKED_S {
            Next::Wait("it is locked")
        } else {
            failed(
                "locked",
                format!("{vmid} is locked ({lock}) for long; it was not removed"),
            )
        };
    }
    if guest.running {
        return stop(order, past);
    }
    remove(mark, past, guest)
}

/// Marks it, and once that is so asks for its removal.
fn remove(mark: &str, past: &Past, guest: &Guest) -> Next {
    if is_marked(mark, past, guest) {
        return Next::Ask(Call::Destroy, String::new());
    }
    let tried = past.of(Call::Mark);
    let shows = guest.mark.as_deref() == Some(mark);
    // Nothing is lost by writing the same once more: what shows needs no waiting for.
    if shows && tried.open && tried.refused.is_none() && tried.count < REQUESTS {
        return Next::Ask(Call::Mark, String::new());
    }
    match again(&tried, past, "its description does not show it yet", LOST_S) {
        Again::Ask => Next::Ask(Call::Mark, String::new()),
        Again::Wait(why) => Next::Wait(why),
        Again::No(why) => failed(
            "changed",
            format!(
                "its description could not be changed before its removal, so it was not removed: {why}"
            ),
        ),
    }
}

/// Its removal was asked for, and neither a task nor its absence shows it.
fn no_trace(
    order: &Order,
    mark: &str,
    seen: &Seen,
    past: &Past,
    guest: &Guest,
    tried: &Tried,
) -> Next {
    let (vmid, node) = (order.vmid, &order.node);
    let lost = tried.lost.as_deref().unwrap_or("the run was cut off");
    let unknown = || {
        format!(
            "whether {node} removes {vmid} is not known ({lost}), and it does not tell its tasks; when it is back, run again with this plan and journal"
        )
    };
    // What was waited for before it was marked once more is not waited for again behind that.
    if !is_marked(mark, past, guest)
        && let Some(wait) = may_show_up(seen, past, unknown)
    {
        return wait;
    }
    if guest.mark.as_deref() != Some(mark) || tried.upid.is_some() {
        return stuck(
            "changed",
            format!(
                "the removal of {vmid} was asked for and left no task ({lost}); the guest of that name is there and is not the one that this run has marked; nothing more is done"
            ),
        );
    }
    if order.repair_only || tried.count >= REQUESTS {
        return failed(
            "not-destroyed",
            format!("the request left no trace ({lost}); it is there"),
        );
    }
    if guest.lock.is_some() || guest.running {
        return failed(
            "changed",
            format!("{vmid} runs or is locked since; it was not removed"),
        );
    }
    remove(mark, past, guest)
}

/// It was marked since the last request for its removal, and bears the mark.
fn is_marked(mark: &str, past: &Past, guest: &Guest) -> bool {
    let written = past.of(Call::Mark).end.is_some_and(|end| end.ok);
    written && guest.mark.as_deref() == Some(mark)
}

fn stop(order: &Order, past: &Past) -> Next {
    let vmid = order.vmid;
    if !order.stop {
        return failed(
            "running",
            format!("{vmid} runs; it was not removed (plan remove --stop shuts it down)"),
        );
    }
    let patience = order.timeout_s as f64 + HA_S;
    match again(
        &past.of(Call::Shutdown),
        past,
        "it is shutting down",
        patience,
    ) {
        Again::Ask => Next::Ask(Call::Shutdown, String::new()),
        Again::Wait(why) => Next::Wait(why),
        Again::No(why) => failed(
            "did-not-stop",
            format!(
                "{vmid} did not shut down within {}s, and may yet do so; it was not removed: {why}",
                order.timeout_s
            ),
        ),
    }
}
