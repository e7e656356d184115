//! One look at an ID: who has it, and the tasks about it.
//!
//! That an ID is free says `/cluster/nextid`, which needs no privilege and sees every guest; a token
//! whose rights rest on a pool may not read the configuration of an ID that is in no pool yet.

use serde_json::Value;

use super::{
    config::guest,
    order::Order,
    seen::{Guest, Id, Seen},
};
use crate::{
    journal::guest_line::{Asked, Call},
    node_name,
    pve::{Failure, Pve},
    run::{
        look::{has_ended, unreachable},
        members::Members,
        task::{Task, is_newer, newest},
    },
    state::{Kind, is_true},
};

/// Types of tasks about a guest beside which nothing is done, with those that move it.
const CHANGING: [&str; 10] = [
    "vzcreate",
    "qmcreate",
    "vzrestore",
    "qmrestore",
    "vzdestroy",
    "qmdestroy",
    "resize",
    "vzreboot",
    "vztemplate",
    "qmtemplate",
];

/// What a look shows, and the tasks by which later ones are told.
#[derive(Debug, Default)]
pub struct Look {
    /// What the next thing is decided by.
    pub seen: Seen,
    /// Tasks about the ID on the node that is asked, newest first.
    tasks: Vec<String>,
}

impl Look {
    /// The newest tasks on a node, to tell later ones by.
    #[must_use]
    pub fn newest(&self, node: &str) -> Vec<String> {
        newest(self.tasks.iter().map(String::as_str), node)
    }

    /// The newest task since a request that is its answer; `user` is whose it must be.
    #[must_use]
    pub fn since(&self, asked: &Asked, node: &str, user: &str) -> Option<&str> {
        let mut tasks = self.tasks.iter().map(String::as_str);
        tasks.find(|upid| is_newer(upid, node, &asked.before) && answers(upid, asked.call, user))
    }

    /// The newest creation of this ID by this user, whenever it was.
    #[must_use]
    pub fn creation(&self, user: &str) -> Option<&str> {
        let mut tasks = self.tasks.iter().map(String::as_str);
        tasks.find(|upid| answers(upid, Call::Create, user))
    }
}

/// What a task does, if it does what can be asked for here.
#[must_use]
pub fn call_of(kind: &str) -> Option<Call> {
    match kind {
        "vzcreate" | "qmcreate" => Some(Call::Create),
        "resize" => Some(Call::Resize),
        "vzstart" | "qmstart" | "hastart" => Some(Call::Start),
        "vzshutdown" | "qmshutdown" | "hashutdown" | "hastop" => Some(Call::Shutdown),
        "vzdestroy" | "qmdestroy" => Some(Call::Destroy),
        _ => None,
    }
}

fn answers(upid: &str, call: Call, user: &str) -> bool {
    // HA's own tasks and those of a start that HA makes run as root.
    let whose = |task: &Task<'_>| matches!(call, Call::Start | Call::Shutdown) || task.user == user;
    Task::of(upid).is_some_and(|task| call_of(task.kind) == Some(call) && whose(&task))
}

/// Looks once.
///
/// # Errors
///
/// The cluster does not answer, or not as a cluster does. A node that is down is no error.
pub fn look(pve: &Pve, order: &Order) -> Result<Look, Failure> {
    let mut look = Look::default();
    // First the tasks, then the guest: of a task that has ended meanwhile the guest shows what it did.
    tasks(pve, order, &mut look)?;
    let members = Members::read(pve)?;
    look.seen.no_quorum = !members.quorate;
    look.seen.node_online = members.has_online(&order.node);
    look.seen.id = id(pve, order)?;
    Ok(look)
}

fn tasks(pve: &Pve, order: &Order, look: &mut Look) -> Result<(), Failure> {
    let (node, vmid) = (&order.node, order.vmid);
    let path = format!("/nodes/{node}/tasks?source=all&limit=50&vmid={vmid}");
    let rows: Vec<Value> = match pve.get(&path) {
        Err(failure) if unreachable(&failure) => return Ok(()),
        rows => rows?,
    };
    look.seen.tasks_known = true;
    let mut tasks: Vec<(u64, String, bool)> = Vec::new();
    for row in rows {
        let upid = row["upid"].as_str().unwrap_or_default();
        let Some(task) = Task::of(upid).filter(|task| task.id == vmid.to_string()) else {
            continue;
        };
        tasks.push((task.start, upid.to_owned(), has_ended(&row)));
    }
    tasks.sort_by_key(|task| std::cmp::Reverse(task.0));
    let runs = |(_, upid, ended): &(u64, String, bool)| {
        let changes = |task: &Task<'_>| task.moves() || CHANGING.contains(&task.kind);
        (!*ended && Task::of(upid).is_some_and(|task| changes(&task))).then(|| upid.clone())
    };
    look.seen.task = tasks.iter().find_map(runs);
    look.tasks = tasks.into_iter().map(|task| task.1).collect();
    Ok(())
}

/// Who has the ID.
///
/// # Errors
///
/// See [`look`].
pub fn id(pve: &Pve, order: &Order) -> Result<Id, Failure> {
    if is_free(pve, order.vmid)? {
        return Ok(Id::Free);
    }
    let rows: Vec<Value> = pve.get("/cluster/resources?type=vm")?;
    let row = rows.iter().find(|row| row["vmid"] == order.vmid);
    // The overview is made of what each node has told, and may be without a new guest for a moment.
    let (kind, node) = match row {
        Some(row) => {
            let node = row["node"].as_str().unwrap_or_default();
            node_name::check(node)
                .map_err(|wrong| Failure::Strange(format!("/cluster/resources: {wrong}")))?;
            let kind = match row["type"].as_str() {
                Some("qemu") => Kind::Qemu,
                Some("lxc") => Kind::Lxc,
                _ => {
                    return Err(Failure::Strange(
                        "/cluster/resources: a guest of no known type".to_owned(),
                    ));
                }
            };
            (kind, node.to_owned())
        }
        None => (order.kind, order.node.clone()),
    };
    let path = format!("/nodes/{node}/{}/{}", kind.as_str(), order.vmid);
    let config: Value = match pve.get(&format!("{path}/config")) {
        Ok(config) => config,
        Err(failure) if unreachable(&failure) => {
            let mut guest = guest(order.vmid, kind, &node, &Value::Null);
            guest.reached = false;
            return Ok(Id::from(guest));
        }
        Err(failure) if failure.status() == Some(403) => return Ok(Id::Hidden),
        // Where it isn't, another one is that the token does not see, or it has just gone.
        Err(failure) if failure.status() == Some(500) => {
            return if is_free(pve, order.vmid)? {
                Ok(Id::Free)
            } else {
                Ok(Id::Hidden)
            };
        }
        Err(failure) => return Err(failure),
    };
    let mut guest = guest(order.vmid, kind, &node, &config);
    status(pve, &path, &mut guest)?;
    Ok(Id::from(guest))
}

fn status(pve: &Pve, path: &str, guest: &mut Guest) -> Result<(), Failure> {
    match pve.get::<Value>(&format!("{path}/status/current")) {
        Ok(current) => {
            guest.running = current["status"] == "running";
            guest.managed = is_true(&current["ha"]["managed"]);
        }
        Err(failure) if unreachable(&failure) => guest.reached = false,
        // It went between the two requests: the next look tells.
        Err(failure) if failure.status() == Some(500) => guest.reached = false,
        Err(failure) => return Err(failure),
    }
    Ok(())
}

/// Whether no guest of the cluster has the ID.
fn is_free(pve: &Pve, vmid: u32) -> Result<bool, Failure> {
    match pve.get::<Value>(&format!("/cluster/nextid?vmid={vmid}")) {
        Ok(_) => Ok(true),
        Err(Failure::Status {
            status: 400,
            refused: true,
            message,
        }) if message.contains("already exists") => Ok(false),
        Err(failure) => Err(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_task_answers_a_request() {
        const ME: &str = "p@pve!t";
        let upid = |kind: &str, start: u32, user: &str| {
            format!("UPID:a:00000001:00000001:{start:08X}:{kind}:100:{user}:")
        };
        let asked = |call: Call| Asked {
            call,
            disk: String::new(),
            before: vec![upid("vzcreate", 5, ME)],
        };
        #[rustfmt::skip]
        let cases = [
            ("a creation",                Call::Create,   "vzcreate",  6, ME,         true),
            ("of a VM",                   Call::Create,   "qmcreate",  6, ME,         true),
            ("of before",                 Call::Create,   "vzcreate",  4, ME,         false),
            ("the very one",              Call::Create,   "vzcreate",  5, ME,         false),
            ("another token's",           Call::Create,   "vzcreate",  6, "p@pve!u",  false),
            ("a start is no creation",    Call::Create,   "vzstart",   6, ME,         false),
            ("a removal",                 Call::Destroy,  "vzdestroy", 6, ME,         true),
            ("root's removal",            Call::Destroy,  "qmdestroy", 6, "root@pam", false),
            ("a resize",                  Call::Resize,   "resize",    6, ME,         true),
            ("the HA manager's stop",     Call::Shutdown, "hastop",    6, "root@pam", true),
        ];
        for (name, call, kind, start, user, want) in cases {
            let tasks = vec![upid(kind, start, user)];
            let look = Look {
                tasks,
                ..Look::default()
            };
            assert_eq!(look.since(&asked(call), "a", ME).is_some(), want, "{name}");
        }
    }
}
