//! What to do next with a guest that is being made, from what is seen of its ID.
//!
//! Pure, and the same for one that is under way and for one that was cut off. Whether a guest is this
//! run's own says the mark in its description alone. Nothing is ever removed. The first row that fits
//! counts:
//!
//! | seen                                    | next                                             |
//! |-----------------------------------------|--------------------------------------------------|
//! | no quorum, and no task                  | wait; then failed: no-quorum                     |
//! | the ID is free, nothing asked           | create; or failed: node-offline, changed         |
//! | free, asked, the task failed            | failed: not-made                                 |
//! | free, asked, no trace                   | wait; ask once more; then failed: not-made       |
//! | a guest that the token does not see     | failed: vmid-taken; if ours was cut off: stuck   |
//! | a guest without a name                  | wait; then failed: vmid-taken; ours: stale-lock  |
//! | another name, another kind              | failed: vmid-taken                               |
//! | the name, another run's mark            | exists                                           |
//! | the name, no mark                       | exists; if our task has made it: stuck: changed  |
//! | the mark, a lock                        | wait; then stuck: stale-lock, or locked          |
//! | the mark, and its making failed         | stuck: half-made                                 |
//! | the mark, a disk is too small           | resize; then failed: resize-failed               |
//! | the mark, it does not run               | start; then failed: start-failed                 |
//! | the mark, and all is as asked           | made                                             |

use super::{
    super::next::{LOST_S, NODE_S},
    again::{Again, REQUESTS, again, may_show_up},
    config::bytes,
    decision::{Finish, Next, failed, stuck},
    mark,
    order::Order,
    seen::{Guest, Id, Past, Seen, Tried},
};
use crate::journal::guest_line::{Call, Deed};

/// For what a task has done to show in the lists, in seconds.
pub(super) const SETTLES_S: f64 = 30.0;
/// For a guest of somebody else's to get its name, in seconds.
const NAMELESS_S: f64 = 60.0;
/// For a lock after the task that had it, in seconds.
const STALE_S: f64 = 20.0;
/// For a lock that a backup has, in seconds.
pub(super) const LOCKED_S: f64 = 600.0;

/// The next thing to do.
#[must_use]
pub fn next(order: &Order, mark: &str, seen: &Seen, past: &Past) -> Next {
    if let Some(next) = without_quorum(order, seen, past) {
        return next;
    }
    let tried = past.of(Call::Create);
    if past.overdue {
        return endless(order, seen);
    }
    match &seen.id {
        Id::Free => free(order, seen, past, &tried),
        Id::Hidden => hidden(order, seen, past, &tried),
        Id::Taken(guest) => taken(order, mark, seen, past, guest, &tried),
    }
}

/// Without quorum nothing can be changed: it is waited for. A task may end all the same.
pub(super) fn without_quorum(order: &Order, seen: &Seen, past: &Past) -> Option<Next> {
    if seen.task.is_some() || !seen.no_quorum && !past.no_quorum {
        return None;
    }
    if past.quorum_s < past.quorum_wait_s {
        return seen
            .no_quorum
            .then_some(Next::Wait("the cluster has no quorum"));
    }
    let done = match order.deed {
        _ if !past.asked() => "nothing was done",
        Deed::Create => "when it has quorum, run again with this journal, which goes on",
        Deed::Destroy => "when it has quorum, run again with this plan and journal, which goes on",
    };
    let what = format!("the cluster has no quorum, which was waited for: {done}");
    Some(failed("no-quorum", what))
}

/// A task that goes on for ever.
pub(super) fn endless(order: &Order, seen: &Seen) -> Next {
    let node = &order.node;
    let upid = seen.task.as_deref().unwrap_or("a task");
    stuck(
        "no-progress",
        format!(
            "{upid} goes on without an end: see its log; to end it, on {node}: pvesh delete '/nodes/{node}/tasks/{upid}', after which Proxmox VE cleans up; then run again with this journal"
        ),
    )
}

fn free(order: &Order, seen: &Seen, past: &Past, tried: &Tried) -> Next {
    let (vmid, node) = (order.vmid, &order.node);
    if let Some(why) = &tried.refused {
        return failed("refused", why.clone());
    }
    if !tried.open {
        return if order.exists {
            let what = format!(
                "{vmid} was there when this was planned, and is not any more; nothing was made"
            );
            failed("changed", what)
        } else if order.repair_only {
            failed(
                "not-made",
                "nothing was made, and no plan asks for it any more",
            )
        } else if !seen.node_online {
            failed(
                "node-offline",
                format!("{node} is not online; nothing was done"),
            )
        } else {
            Next::Ask(Call::Create, String::new())
        };
    }
    if let Some(upid) = &seen.task {
        return Next::Follow(upid.clone());
    }
    match &tried.end {
        Some(end) if !end.ok => failed("not-made", end.reason.clone()),
        Some(_) if past.waited_s < SETTLES_S => Next::Wait("it is not in the lists yet"),
        Some(_) => stuck(
            "gone",
            format!(
                "{vmid} was made, and is gone: somebody has removed it, or its node {node} does not say; nothing more is done"
            ),
        ),
        None => no_trace(order, seen, past, tried),
    }
}

/// A creation was asked for, and neither a task nor a guest shows it.
fn no_trace(order: &Order, seen: &Seen, past: &Past, tried: &Tried) -> Next {
    let (vmid, node) = (order.vmid, &order.node);
    let lost = tried.lost.as_deref().unwrap_or("the run was cut off");
    let unknown = || {
        format!(
            "whether {node} makes {vmid} is not known ({lost}), and it does not tell its tasks; when it is back, run again with this journal"
        )
    };
    if let Some(wait) = may_show_up(seen, past, unknown) {
        return wait;
    }
    if tried.upid.is_some() {
        return failed(
            "not-made",
            "its task is gone from the list, and there is no guest",
        );
    }
    if order.exists || order.repair_only || tried.count >= REQUESTS || !seen.node_online {
        return failed(
            "not-made",
            format!("the request left no trace ({lost}); there is no guest"),
        );
    }
    Next::Ask(Call::Create, String::new())
}

fn hidden(order: &Order, seen: &Seen, past: &Past, tried: &Tried) -> Next {
    let (vmid, node, command) = (order.vmid, &order.node, order.kind.command());
    let taken = || {
        failed(
            "vmid-taken",
            format!(
                "{vmid} is taken by a guest that the token does not see (VM.Audit); it was not touched"
            ),
        )
    };
    if !tried.open {
        return taken();
    }
    if let Some(upid) = &seen.task {
        return Next::Follow(upid.clone());
    }
    match &tried.end {
        Some(end) if !end.ok => stuck(
            "stale-lock",
            format!(
                "{}; {vmid} is taken, perhaps by what is left of it: on {node}: {command} config {vmid}; only if that shows nothing but lock: create: {command} unlock {vmid} && {command} destroy {vmid}",
                end.reason
            ),
        ),
        Some(_) if past.waited_s < SETTLES_S => Next::Wait("the token does not see it yet"),
        Some(_) => stuck(
            "unseen",
            format!(
                "{vmid} was made, and the token does not see it: it needs VM.Audit there (a pool that it holds for, or /vms); then run again with this journal"
            ),
        ),
        None if past.waited_s < NAMELESS_S => Next::Wait("the token does not see it yet"),
        None if seen.tasks_known && tried.upid.is_none() => taken(),
        None => stuck(
            "unseen",
            format!(
                "{vmid} is taken by a guest that the token does not see, and how its making ended is not known; on {node}: {command} config {vmid}"
            ),
        ),
    }
}

fn taken(
    order: &Order,
    mark: &str,
    seen: &Seen,
    past: &Past,
    guest: &Guest,
    tried: &Tried,
) -> Next {
    let vmid = order.vmid;
    if !guest.reached {
        return unreached(order, past, guest);
    }
    let marked = guest.mark.as_deref();
    let others = marked.filter(|has| *has != mark).and_then(mark::maker);
    let other = |what: String| {
        let by = others.map(|run| format!(", made by the run {run}"));
        failed(
            "vmid-taken",
            format!(
                "{vmid} is {what} on {}{}; it was not touched",
                guest.node,
                by.unwrap_or_default()
            ),
        )
    };
    let kind = match guest.kind {
        crate::state::Kind::Qemu => "a VM",
        crate::state::Kind::Lxc => "a container",
    };
    let Some(name) = &guest.name else {
        return nameless(order, seen, past, guest, tried);
    };
    if guest.kind != order.kind {
        return other(format!("{kind}, {name:?},"));
    }
    if *name != order.name {
        return other(format!("{name:?}"));
    }
    if marked != Some(mark) {
        let made = tried.open && tried.end.as_ref().is_some_and(|end| end.ok);
        // A task that was only found is the other run's if the guest is: both have one token.
        return if made && (tried.named || others.is_none()) {
            stuck(
                "changed",
                format!(
                    "{vmid} was made, and its description has not this run's mark ({mark}) any more; see whether it is that guest"
                ),
            )
        } else {
            Next::Finish(Finish::Exists)
        };
    }
    ours(order, seen, past, guest, tried)
}

pub(super) fn unreached(order: &Order, past: &Past, guest: &Guest) -> Next {
    let (vmid, node) = (order.vmid, &guest.node);
    if past.waited_s < NODE_S {
        Next::Wait("its node does not answer")
    } else if past.asked() {
        stuck(
            "node-down",
            format!("{node} does not answer; when it is back, run again with this journal"),
        )
    } else {
        failed(
            "node-down",
            format!("{node}, which has {vmid}, does not answer; nothing was done"),
        )
    }
}

/// While a guest is made, its configuration has a lock and nothing else.
fn nameless(order: &Order, seen: &Seen, past: &Past, guest: &Guest, tried: &Tried) -> Next {
    let vmid = order.vmid;
    if let Some(upid) = &seen.task {
        return Next::Follow(upid.clone());
    }
    let ended = tried.end.as_ref().filter(|_| tried.open);
    match ended {
        Some(end) if !end.ok && past.waited_s >= STALE_S => stale(order, guest, &end.reason),
        Some(_) if past.waited_s < SETTLES_S => Next::Wait("it is being made"),
        Some(_) => stale(order, guest, "its making ended well, and it has no name"),
        None if past.waited_s < NAMELESS_S => Next::Wait("somebody makes a guest of that ID"),
        None if tried.upid.is_some() || tried.open && !seen.tasks_known => {
            stale(order, guest, "its task is gone")
        }
        None => failed(
            "vmid-taken",
            format!(
                "{vmid} is being made by somebody else on {}, or was left so; it was not touched",
                guest.node
            ),
        ),
    }
}

/// What is left of a creation whose worker was killed: no API call removes it, not even root's token.
fn stale(order: &Order, guest: &Guest, why: &str) -> Next {
    let (vmid, command, node) = (order.vmid, guest.kind.command(), &guest.node);
    let lock = guest.lock.as_deref().unwrap_or("none");
    stuck(
        "stale-lock",
        format!(
            "{why}; {vmid} is left with the lock {lock}, which no token may take off; its disk may be in no configuration: on {node}: {command} unlock {vmid} && {command} destroy {vmid}; then make it again with a new plan"
        ),
    )
}

/// The guest bears this journal's mark.
fn ours(order: &Order, seen: &Seen, past: &Past, guest: &Guest, tried: &Tried) -> Next {
    let (vmid, command, node) = (order.vmid, guest.kind.command(), &guest.node);
    if let Some(upid) = &seen.task {
        return Next::Follow(upid.clone());
    }
    if let Some(lock) = &guest.lock {
        let (most, why) = if lock == "create" {
            (STALE_S, true)
        } else {
            (LOCKED_S, false)
        };
        return if past.waited_s < most {
            Next::Wait("it is locked")
        } else if why {
            let reason = tried
                .end
                .as_ref()
                .map_or("its task has ended", |end| &end.reason);
            stale(order, guest, reason)
        } else {
            stuck(
                "locked",
                format!(
                    "{vmid} is made, and locked ({lock}) for long; when that is over, run again with this journal"
                ),
            )
        };
    }
    if let Some(end) = tried.end.as_ref().filter(|end| !end.ok) {
        return stuck(
            "half-made",
            format!(
                "{}; a part of it is there: on {node}: {command} config {vmid}; if it is of no use: {command} destroy {vmid}",
                end.reason
            ),
        );
    }
    if *node != order.node {
        let what = format!(
            "{vmid} was made on {}, and somebody has moved it to {node}; nothing more is done",
            order.node
        );
        return stuck("elsewhere", what);
    }
    for (disk, size) in &order.resize {
        if let Some(next) = enlarge(order, past, guest, disk, size) {
            return next;
        }
    }
    if order.start && !guest.running {
        return start(order, past, guest);
    }
    Next::Finish(Finish::Made)
}

fn enlarge(order: &Order, past: &Past, guest: &Guest, disk: &str, size: &str) -> Option<Next> {
    let tried = past.of_disk(Call::Resize, disk);
    let ended_well = tried.end.as_ref().is_some_and(|end| end.ok);
    let has = guest.sizes.get(disk);
    if ended_well && has.is_none() || has.copied() >= bytes(size) && has.is_some() {
        return None;
    }
    let vmid = order.vmid;
    let code = "resize-failed";
    let made = |why: &str| {
        failed(
            code,
            format!("{vmid} is made, its {disk} is not {size}: {why}"),
        )
    };
    Some(
        match again(&tried, past, "its size does not show yet", SETTLES_S) {
            Again::Ask => Next::Ask(Call::Resize, disk.to_owned()),
            Again::Wait(why) => Next::Wait(why),
            Again::No(why) => made(&why),
        },
    )
}

fn start(order: &Order, past: &Past, guest: &Guest) -> Next {
    let (vmid, node, command) = (order.vmid, &guest.node, guest.kind.command());
    match again(&past.of(Call::Start), past, "it does not run yet", LOST_S) {
        Again::Ask => Next::Ask(Call::Start, String::new()),
        Again::Wait(why) => Next::Wait(why),
        Again::No(why) => failed(
            "start-failed",
            format!("{vmid} is made, and does not start: {why}; on {node}: {command} start {vmid}"),
        ),
    }
}
