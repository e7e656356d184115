//! Nodes that lose their power, boot again, or stop telling of themselves.

use crate::{migrate::Phase, task::Job, world::World};

/// For how long TCP sends again before it gives a silent peer up, in seconds: what
/// `tcp_retries2` = 15 comes to (Linux, ip-sysctl).
const TCP_GIVES_UP_S: f64 = 924.6;

/// How soon after a reboot of the peer a hanging connection is reset: TCP's longest
/// pause between two tries (Linux, TCP_RTO_MAX), in seconds.
const TCP_RETRY_S: f64 = 120.0;

impl World {
    pub fn online(&self, node: &str) -> bool {
        self.nodes.get(node).is_some_and(|node| node.online)
    }

    /// The node that answers: the first that can.
    pub fn local(&self) -> String {
        let first = self.nodes.iter().find(|(_, node)| node.online);
        first.map(|(name, _)| name.clone()).unwrap_or_default()
    }

    /// Whether corosync counts it, as the answering node has it: without quorum it counts itself alone.
    pub fn member(&self, node: &str) -> bool {
        self.online(node) && (self.quorate || node == self.local())
    }

    pub fn address(&self, node: &str) -> String {
        let id = self.nodes.keys().position(|name| name == node);
        format!("192.0.2.{}", 11 + id.unwrap_or(0))
    }

    /// A node dies. If it loses its power, nobody is told: a copy to it hangs until TCP gives
    /// up. If its connections are reset first, a copy fails at once.
    pub fn node_down(&mut self, name: &str, reset: bool) {
        let Some(node) = self.nodes.get_mut(name) else {
            return;
        };
        node.online = false;
        self.falls_silent(name);
        for number in 0..self.tasks.len() {
            let task = &self.tasks[number];
            if task.running() && task.node == name {
                if let Job::Migrate(migration) = self.tasks[number].job.clone() {
                    self.leave_copy(number, &migration);
                }
                self.end(number, "unexpected status");
            } else if task.running() && self.copies_to(number, name) {
                let wait = if reset { 0.1 } else { TCP_GIVES_UP_S };
                self.breaks(number, wait, if reset { &[CLOSED] } else { &[BROKEN] });
            }
        }
        self.guests_die(name);
        self.count_votes();
    }

    /// What works on a guest ends where it is, and says nothing more.
    pub fn workers_die(&mut self, vmid: u32) {
        for number in 0..self.tasks.len() {
            if self.tasks[number].running() && self.tasks[number].vmid == vmid {
                if let Job::Migrate(migration) = self.tasks[number].job.clone() {
                    self.leave_copy(number, &migration);
                }
                self.end(number, "unexpected status");
            }
        }
    }

    fn guests_die(&mut self, node: &str) {
        let there = self.guests.values().filter(|g| g.node == node);
        let there: Vec<u32> = there.map(|g| g.vmid).collect();
        for vmid in there {
            self.change(vmid, "node died", |g| {
                g.running = false;
                g.qmp = None;
                g.stops_at = None;
            });
        }
    }

    fn copies_to(&self, task: usize, node: &str) -> bool {
        let Job::Migrate(migration) = &self.tasks[task].job else {
            return false;
        };
        matches!(migration.phase, Phase::Copy { .. } | Phase::Broken(_)) && migration.target == node
    }

    /// A copy goes no further, and its worker notices after so many seconds.
    fn breaks(&mut self, task: usize, wait: f64, words: &'static [&'static str]) {
        if let Job::Migrate(migration) = &mut self.tasks[task].job {
            migration.phase = Phase::Broken(words);
            self.wait(task, wait);
        }
    }

    /// Quorum by what is online; a node alone among few has none.
    fn count_votes(&mut self) {
        let online = self.nodes.values().filter(|n| n.online).count();
        self.quorate = online * 2 > self.nodes.len();
    }

    /// A node that boots starts what is to be started at boot, and is not locked.
    pub fn node_up(&mut self, name: &str) {
        let Some(node) = self.nodes.get_mut(name) else {
            return;
        };
        node.online = true;
        self.speaks_again(name);
        self.count_votes();
        for number in 0..self.tasks.len() {
            if self.tasks[number].running() && self.copies_to(number, name) {
                self.breaks(number, TCP_RETRY_S, &[RESET]);
            }
        }
        if !self.quorate {
            return; // pve-guests waits for it, and that is not told here
        }
        let start: Vec<u32> = self
            .guests
            .values()
            .filter(|g| g.node == name && g.text("onboot") == "1" && g.lock.is_none())
            .map(|g| g.vmid)
            .collect();
        for vmid in start {
            self.change(vmid, "node booted", |g| g.running = true);
        }
    }
}

const CLOSED: &str = "Connection to ADDRESS closed by remote host.";
const RESET: &str = "client_loop: send disconnect: Connection reset by peer";
const BROKEN: &str = "client_loop: send disconnect: Broken pipe";
