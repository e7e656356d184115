//! What one look at the cluster shows of a guest, and what was done about it so far.

use crate::{plan::record::Action, state::Kind};

/// A guest as it is to end up, and what it was before.
#[derive(Clone, Debug)]
pub struct Intent {
    /// Its ID.
    pub vmid: u32,
    /// VM or container.
    pub kind: Kind,
    /// The node it is on before.
    pub from: String,
    /// The node it is to go to.
    pub to: String,
    /// It ran before, and must run afterwards.
    pub was_running: bool,
    /// It stood still before (paused, suspended), and is left so: PVE resumes no such VM.
    pub was_paused: bool,
    /// How it is moved.
    pub action: Action,
    /// The HA manager has it.
    pub ha: bool,
    /// HA moves it for another guest's request: none is made for it.
    pub along: bool,
    /// The time a clean shutdown gets, in seconds.
    pub timeout_s: u64,
    /// For how long a lost quorum is waited for, in seconds.
    pub quorum_wait_s: u64,
    /// Of a move that was asked for earlier, only the end is looked after; no new one is asked for.
    pub repair_only: bool,
}

/// What one look shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// The cluster has no quorum: until it has, nothing can be changed.
    pub no_quorum: bool,
    /// The node that has its configuration; none if it is in no list.
    pub node: Option<String>,
    /// That node answers.
    pub reached: bool,
    /// It runs.
    pub running: bool,
    /// A VM whose processors stand still (`qmpstatus` is not `running`), and did not before.
    pub paused: bool,
    /// The lock in its configuration.
    pub lock: Option<String>,
    /// The UPID of a task about it that runs, and its type.
    pub task: Option<(String, String)>,
    /// What the HA manager says of it.
    pub ha: Option<HaSeen>,
}

/// What the HA manager says of a guest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HaSeen {
    /// Where it has it.
    pub node: String,
    /// `started`, `stopped`, `migrate`, `error`, ...
    pub state: String,
}

/// How a migration task ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct End {
    /// `OK`, or with warnings.
    pub ok: bool,
    /// Its container was told to shut down, and had not when the task ended: it may yet.
    pub told_to_stop: bool,
    /// The reason, as its log tells it.
    pub reason: String,
    /// The volumes that it had begun to write at its target.
    pub begun: Vec<String>,
}

/// What was done about a guest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Past {
    /// A move to the target was asked for, and may have had its effect.
    pub asked: bool,
    /// How often it was asked for, in this run.
    pub requests: u32,
    /// The cluster has named the task of the last request: it was heard, whatever becomes of it.
    pub named: bool,
    /// How the last migration ended, if that is known.
    pub end: Option<End>,
    /// Starts on the target, starts on the source, resumes, moves back.
    pub starts_there: u32,
    /// See `starts_there`.
    pub starts_here: u32,
    /// See `starts_there`.
    pub resumes: u32,
    /// See `starts_there`.
    pub moves_back: u32,
    /// Shutdowns that this run asked for.
    pub shutdowns: u32,
    /// For how long nothing was done and nothing changed, in seconds.
    pub waited_s: f64,
    /// For how long the HA manager has had it on the target, settled, in seconds.
    pub settled_s: f64,
    /// How often a task took far longer than it should. After the first time it gets as
    /// long again.
    pub overdue: u32,
    /// It was seen on the target.
    pub arrived: bool,
    /// Why the last start, resume or move back failed.
    pub trouble: Option<String>,
    /// Why it did not start on the target.
    pub no_start: Option<String>,
    /// Why the shutdown that came of the request failed.
    pub no_stop: Option<String>,
    /// What came back instead of an answer to the last request for a move or a shutdown.
    pub answer: Option<String>,
    /// Shutdowns that were asked for, those included that left no trace.
    pub shutdown_requests: u32,
    /// The last request was refused as its node has no quorum.
    pub no_quorum: bool,
    /// For how long quorum was waited for, in seconds, in all.
    pub quorum_s: f64,
    /// The end of a hung migration was asked for; that is done once.
    pub ended_task: bool,
}
