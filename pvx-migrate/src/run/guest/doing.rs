//! A guest that is being made or removed: what is asked for, what was tried, and what the journal is
//! told of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::{
    decision::{Finish, Next},
    mark,
    order::Order,
    seen::{Guest, Past},
};
use crate::{
    journal::{
        file::Journal,
        guest_line::{Asked, Call, Deed, GuestLine, HostKey, Stage},
    },
    pve::{Failure, Pve},
    run::{
        clock::{Clock, Pace},
        moving::NOT_BEGUN,
        progress::Board,
    },
};

/// Codes of what leaves a step open in the journal: the same command goes on with it.
const OPEN: [&str; 3] = ["unread", "no-quorum", NOT_BEGUN];

/// What a run shares.
pub struct Maker<'a> {
    /// The cluster.
    pub pve: &'a Pve,
    /// None in a dry run.
    pub journal: Option<&'a Journal>,
    /// Its clock.
    pub clock: &'a Clock,
    /// What people see.
    pub board: &'a Board,
    /// For how long a lost quorum is waited for, in seconds.
    pub quorum_wait_s: f64,
    /// For how long the agent of a VM that was started is waited for, in seconds.
    pub agent_wait_s: f64,
    /// The journal's own ID.
    pub run: &'a str,
}

/// How it ended.
#[derive(Clone, Debug)]
pub struct Report {
    /// The line as the journal has it, or would have it.
    pub line: GuestLine,
    /// Something was asked of the cluster that it has done.
    pub changed: bool,
    /// Why it is not as it should be.
    pub error: Option<(&'static str, String)>,
    /// How long it took, in seconds.
    pub took_s: u64,
    /// What should be known of it.
    pub warnings: Vec<(&'static str, String)>,
    /// Of a guest that was there: what is not as asked.
    pub differs: Vec<String>,
    /// Of a creation: the guest was there.
    pub existed: bool,
    /// And the run that has made it, by its mark.
    pub made_by: Option<String>,
}

/// A guest that is at it.
pub(super) struct Doing<'a> {
    pub(super) order: &'a Order,
    pub(super) mark: String,
    run: &'a str,
    pub(super) past: Past,
    /// The requests of which the end is looked for.
    pub(super) requests: BTreeMap<(Call, String), Asked>,
    /// An earlier run had begun it.
    resumed: bool,
    /// The last request.
    pub(super) last: Option<Asked>,
    pub(super) created: Option<String>,
    pub(super) print: Option<u64>,
    pub(super) host_keys: Vec<HostKey>,
    pub(super) took_ms: BTreeMap<String, u64>,
    /// When what is under way was asked for.
    pub(super) asked_at: Timestamp,
    pub(super) unread_s: f64,
    /// For how long a request could not be sent, in seconds.
    pub(super) unsent_s: f64,
    pub(super) changed: bool,
    pub(super) warnings: Vec<(&'static str, String)>,
    pub(super) began: Timestamp,
    pub(super) pace: Pace,
}

impl<'a> Doing<'a> {
    pub(super) fn new(maker: &Maker<'a>, order: &'a Order, last: Option<&GuestLine>) -> Self {
        let began = maker.clock.now();
        let mark = match order.deed {
            Deed::Create => mark::makes(maker.run),
            Deed::Destroy => mark::destroys(maker.run),
        };
        let mut this = Self {
            order,
            mark,
            run: maker.run,
            past: Past {
                quorum_wait_s: maker.quorum_wait_s,
                ..Past::default()
            },
            requests: BTreeMap::new(),
            resumed: false,
            last: None,
            created: None,
            print: None,
            host_keys: Vec::new(),
            took_ms: BTreeMap::new(),
            asked_at: began,
            unread_s: 0.0,
            unsent_s: 0.0,
            changed: false,
            warnings: Vec::new(),
            began,
            pace: Pace::default(),
        };
        if let Some(line) = last {
            this.resume(line);
        }
        this
    }

    /// What an earlier run has asked for, and may have got.
    fn resume(&mut self, line: &GuestLine) {
        self.created.clone_from(&line.created);
        self.host_keys.clone_from(&line.host_keys);
        self.took_ms.clone_from(&line.took_ms);
        self.print = line.print;
        if !line.is_open() {
            return;
        }
        self.resumed = true;
        if let Some(upid) = &line.created {
            let tried = self.past.at(Call::Create, "");
            (tried.open, tried.upid) = (true, Some(upid.clone()));
            // Of what a person was to see to, the task may have been found only.
            tried.named = line.phase != Stage::Stuck;
        }
        if let Some(asked) = &line.request {
            let tried = self.past.at(asked.call, &asked.disk);
            tried.open = true;
            tried.upid.clone_from(&line.upid);
            tried.named = line.phase == Stage::Task;
            self.remember(asked);
        }
    }

    pub(super) fn remember(&mut self, asked: &Asked) {
        let key = (asked.call, asked.disk.clone());
        self.requests.insert(key, asked.clone());
        self.last = Some(asked.clone());
    }

    /// What is there is not what this run has made: what is known of its making is none of that guest's.
    pub(super) fn not_ours(&mut self) {
        self.host_keys.clear();
        self.took_ms.clear();
        if !self.past.of(Call::Create).named {
            self.created = None;
            self.changed = false;
        }
    }

    /// Nothing of it was begun.
    pub(super) fn is_fresh(&self) -> bool {
        !self.resumed && self.last.is_none()
    }

    /// Somebody has asked to begin nothing new, and this would: a creation, or a removal up to the
    /// request that can't be taken back.
    pub(super) fn would_begin(&self, next: &Next) -> bool {
        let decisive = match self.order.deed {
            Deed::Create => Call::Create,
            Deed::Destroy => Call::Destroy,
        };
        let waits = matches!(next, Next::Wait(_) | Next::Follow(_));
        let asks = matches!(next, Next::Ask(..));
        !self.past.of(decisive).open && (asks || waits && self.is_fresh())
    }

    /// Whether this is its end in the journal, too. What was never begun is not, and neither is what
    /// could not be found out.
    pub(super) fn ends(&self, finish: &Finish) -> bool {
        let open = matches!(finish, Finish::Failed(code, _) if OPEN.contains(code));
        !self.is_fresh() && !open
    }

    pub(super) fn line(&self, at: Timestamp, phase: Stage) -> GuestLine {
        let order = self.order;
        let tried = self
            .last
            .as_ref()
            .map(|asked| self.past.of_disk(asked.call, &asked.disk));
        GuestLine {
            at,
            cluster: order.cluster.clone(),
            vmid: order.vmid,
            kind: order.kind,
            name: order.name.clone(),
            node: order.node.clone(),
            action: order.deed,
            phase,
            run: self.run.to_owned(),
            upid: tried.and_then(|tried| tried.upid),
            created: self.created.clone(),
            resize: order.resize.clone(),
            start: order.start,
            print: self.print,
            host_keys: self.host_keys.clone(),
            took_ms: self.took_ms.clone(),
            code: None,
            message: None,
            request: self.last.clone(),
        }
    }
}

/// Gives a guest another description, if its configuration is still the one that was seen.
pub(super) fn describe(pve: &Pve, vmid: u32, guest: &Guest, text: &str) -> Result<(), Failure> {
    let path = format!(
        "/nodes/{}/{}/{vmid}/config",
        guest.node,
        guest.kind.as_str()
    );
    let Some(digest) = &guest.digest else {
        return Err(Failure::Strange(
            "the configuration has no digest".to_owned(),
        ));
    };
    let change = if text.is_empty() {
        ("delete", "description")
    } else {
        ("description", text)
    };
    pve.put::<Value>(&path, &[change, ("digest", digest)])
        .map(drop)
}
