//! Many reads at once over few connections, and what becomes of those that fail.

use std::{
    collections::BTreeSet,
    ops::Deref,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context as _, anyhow};
use serde_json::{Value, value::RawValue};
use vmid::exit::Stop;

use crate::{
    pve::{Failure, Pve},
    unreadable::told,
};

/// Connections, and so requests at a time; PVE's proxy has three workers by default.
const CONNECTIONS: usize = 4;

/// How often a read is sent whose answer got lost, or that failed for a moment.
const ATTEMPTS: u32 = 3;

/// The same for a read of a node that it passes on to: one that hangs may take 30 s to say nothing.
const ATTEMPTS_AT_NODE: u32 = 2;

/// The cluster, and those of its nodes that have given no answer: they are not asked again, so
/// that one node that hangs is no reason to know nothing of the others.
#[derive(Debug)]
pub(super) struct Asker<'a> {
    pve: &'a Pve,
    mute: Mutex<BTreeSet<String>>,
}

impl<'a> Asker<'a> {
    pub(super) fn new(pve: &'a Pve) -> Self {
        Self {
            pve,
            mute: Mutex::default(),
        }
    }

    /// The nodes that have given no answer.
    pub(super) fn mute(&self) -> Vec<String> {
        let mute = self.mute.lock().map(|mute| mute.iter().cloned().collect());
        mute.unwrap_or_default()
    }

    fn is_mute(&self, node: &str) -> bool {
        self.mute.lock().is_ok_and(|mute| mute.contains(node))
    }

    fn gave_no_answer(&self, node: &str) {
        if let Ok(mut mute) = self.mute.lock() {
            mute.insert(node.to_owned());
        }
    }
}

impl Deref for Asker<'_> {
    type Target = Pve;

    fn deref(&self) -> &Pve {
        self.pve
    }
}

pub(super) type Raw = Box<RawValue>;
pub(super) type Reply = Result<Raw, Failure>;

/// All answers, in the order of the paths.
pub(super) fn fetch(pve: &Asker<'_>, paths: &[String]) -> Vec<Reply> {
    let replies = each(paths, |path| ask(pve, path));
    let broken = || Err(Failure::Strange("a request broke off".to_owned()));
    replies
        .into_iter()
        .map(|reply| reply.unwrap_or_else(broken))
        .collect()
}

/// `work` done for each item, by as many threads as there are connections; the results in
/// the order of the items, none where a thread broke off.
pub(super) fn each<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<Option<R>> {
    let results: Vec<Mutex<Option<R>>> = items.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..CONNECTIONS.min(items.len()) {
            scope.spawn(|| {
                while let Some(at) = Some(next.fetch_add(1, Ordering::Relaxed))
                    && let (Some(item), Some(result)) = (items.get(at), results.get(at))
                {
                    let done = work(item);
                    if let Ok(mut result) = result.lock() {
                        *result = Some(done);
                    }
                }
            });
        }
    });
    results
        .into_iter()
        .map(|result| result.into_inner().ok().flatten())
        .collect()
}

/// One read; repeated where its answer got lost: to read twice harms nobody. A node that the
/// request is passed on to and that gives no answer is as one that is out of reach.
pub(super) fn ask(pve: &Asker<'_>, path: &str) -> Reply {
    let at = path.strip_prefix("/nodes/");
    let node = at.and_then(|rest| rest.split('/').next());
    let attempts = match node {
        Some(_) => ATTEMPTS_AT_NODE,
        None => ATTEMPTS,
    };
    let mut attempt = 1;
    loop {
        if let Some(node) = node.filter(|node| pve.is_mute(node)) {
            return Err(no_answer(node));
        }
        match (pve.get::<Raw>(path), node) {
            (Err(Failure::Lost(lost)), _) if attempt < attempts && !lost.unsent => {
                thread::sleep(Duration::from_millis(100 << attempt));
                attempt += 1;
            }
            (Err(Failure::Lost(_)), Some(node)) => {
                pve.gave_no_answer(node);
                return Err(no_answer(node));
            }
            (reply, _) => return reply,
        }
    }
}

/// As pveproxy says of a node that it can't reach.
fn no_answer(node: &str) -> Failure {
    Failure::Status {
        status: 595,
        message: format!("{node} gives no answer"),
        refused: false,
    }
}

/// An answer without which there is no state.
pub(super) fn needed(pve: &Pve, path: &str, reply: Reply) -> Result<Value, Stop> {
    let raw = reply.map_err(|failure| failed(pve, path, failure))?;
    serde_json::from_str(raw.get())
        .map_err(|error| strange(pve, &format!("{path}: {}", told(&error))))
}

/// An answer that may be missing: the token may not see it, or this PVE doesn't have it,
/// or the node it would come from is gone.
pub(super) fn seen(pve: &Pve, path: &str, reply: Reply) -> Result<Option<Value>, Stop> {
    match reply {
        Err(Failure::Status { status, .. }) if status != 401 => Ok(None),
        reply => needed(pve, path, reply).map(Some),
    }
}

pub(super) fn parsed(raw: &Raw) -> Value {
    // cannot fail: it was parsed once already
    serde_json::from_str(raw.get()).unwrap_or_default()
}

pub(super) fn value(raw: Option<&Raw>) -> Option<Value> {
    raw.map(parsed)
}

pub(super) fn failed(pve: &Pve, path: &str, failure: Failure) -> Stop {
    let refused = failure.status() == Some(401);
    let stop = anyhow!("{}{path}: {failure}", pve.base());
    if refused {
        return Stop::outside(stop)
            .hint("the cluster does not know the token, or its secret is another");
    }
    Stop::outside(stop)
}

pub(super) fn strange(pve: &Pve, what: &str) -> Stop {
    let error = Err::<(), _>(anyhow!("{what}")).with_context(|| pve.base().to_owned());
    // cannot fail: it is an error
    Stop::outside(error.err().unwrap_or_else(|| anyhow!("{what}")))
}
