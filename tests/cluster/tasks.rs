//! What the API says of tasks.

use serde_json::{Value, json};

use crate::{
    api::{Answer, Call, failed},
    task::{Task, id},
    world::World,
};

/// How many tasks the cluster remembers (as measured).
const NEWEST: usize = 59;

impl World {
    /// What all answers about a task have in common.
    fn task_row(&self, task: &Task) -> Value {
        let starttime = self.epoch + task.start as i64;
        let number = |from: usize| {
            let text = task.upid.split(':').nth(from).unwrap_or_default();
            i64::from_str_radix(text, 16).unwrap_or(0)
        };
        let (user, token) = task.user.split_once('!').unwrap_or((&task.user, ""));
        let mut row = json!({"upid": task.upid, "node": task.node, "pid": number(2), "pstart": number(3),
            "starttime": starttime, "type": task.kind, "id": id(task.vmid), "user": user});
        if !token.is_empty() {
            row["tokenid"] = token.into();
        }
        if let Some(end) = task.end {
            row["endtime"] = (self.epoch + end as i64).into();
            row["status"] = task.exit.clone().into();
        }
        row
    }

    /// In a node's own list one that runs says so, in capitals, and has user and token in one.
    fn node_task_row(&self, task: &Task) -> Value {
        let mut row = self.task_row(task);
        if task.running() {
            row["status"] = "RUNNING".into();
            row["saved"] = "0".into();
            row["user"] = task.user.as_str().into();
            row.as_object_mut().map(|row| row.remove("tokenid"));
        }
        row
    }

    /// In the cluster's list there are no process numbers, and one that runs has no status.
    fn cluster_task_row(&self, task: &Task) -> Value {
        let mut row = self.task_row(task);
        row["saved"] = if task.running() { "0" } else { "1" }.into();
        if let Some(row) = row.as_object_mut() {
            row.remove("pstart");
            if !task.running() {
                row.remove("pid");
            }
        }
        row
    }

    /// Others' tasks need Sys.Audit on the node.
    fn sees_task(&self, call: &Call, task: &Task) -> bool {
        task.user == call.token
            || self.may(call.token, &format!("/nodes/{}", task.node), "Sys.Audit")
    }

    pub fn cluster_tasks(&self, call: &Call) -> Value {
        let seen = self
            .tasks
            .iter()
            .rev()
            .filter(|t| self.online(&t.node) && self.sees_task(call, t));
        seen.take(NEWEST)
            .map(|t| self.cluster_task_row(t))
            .collect()
    }

    pub fn node_tasks(&self, call: &Call) -> Value {
        let (start, limit) = (call.number("start", 0.0), call.number("limit", 50.0));
        let rows = self.chosen(call).into_iter();
        rows.skip(start as usize)
            .take(limit as usize)
            .map(|t| self.node_task_row(t))
            .collect()
    }

    /// How many tasks there are, whatever page was asked for.
    pub fn total_tasks(&self, call: &Call) -> usize {
        self.chosen(call).len()
    }

    fn chosen(&self, call: &Call) -> Vec<&Task> {
        let (node, source) = (call.text("node"), call.text("source"));
        let kinds = call.text("typefilter");
        let rows = self.tasks.iter().rev().filter(|t| {
            let listed = match source.as_str() {
                "all" => true,
                "active" => t.running(),
                _ => !t.running(),
            };
            t.node == node
                && listed
                && (!call.has("vmid") || t.vmid == call.vmid())
                && (kinds.is_empty() || t.kind == kinds)
                && t.user.contains(&call.text("userfilter"))
                && (!call.has("since")
                    || (self.epoch + t.start as i64) as f64 >= call.number("since", 0.0))
                && self.sees_task(call, t)
        });
        rows.collect()
    }

    fn task(&self, call: &Call) -> Result<usize, (u16, String)> {
        let upid = call.text("upid");
        let found = self
            .tasks
            .iter()
            .position(|t| t.upid == upid && t.node == call.text("node"));
        let Some(found) = found else {
            return failed(400, "upid: no such task");
        };
        if self.sees_task(call, &self.tasks[found]) {
            Ok(found)
        } else {
            failed(
                403,
                format!(
                    "Permission check failed (/nodes/{}, Sys.Audit)",
                    call.text("node")
                ),
            )
        }
    }

    pub fn task_status(&self, call: &Call) -> Answer {
        let task = &self.tasks[self.task(call)?];
        let mut row = self.task_row(task);
        row.as_object_mut().map(|row| row.remove("endtime"));
        row["status"] = if task.running() { "running" } else { "stopped" }.into();
        if let Some(exit) = &task.exit {
            row["exitstatus"] = exit.as_str().into();
        }
        Ok(row)
    }

    /// How many lines there are, whatever part was asked for.
    pub fn total_lines(&self, call: &Call) -> usize {
        let task = self.task(call).map(|number| self.tasks[number].log.len());
        task.unwrap_or(0).max(1)
    }

    pub fn task_log(&self, call: &Call) -> Answer {
        let task = &self.tasks[self.task(call)?];
        let (start, limit) = (
            call.number("start", 0.0) as usize,
            call.number("limit", 50.0) as usize,
        );
        let limit = if limit == 0 { usize::MAX } else { limit };
        if task.log.is_empty() {
            return Ok(json!([{"n": 1, "t": "no content"}]));
        }
        let lines = task.log.iter().enumerate().skip(start).take(limit);
        Ok(lines.map(|(n, t)| json!({"n": n + 1, "t": t})).collect())
    }

    pub fn task_stop(&mut self, call: &Call) -> Answer {
        let number = self.task(call)?;
        if self.tasks[number].user != call.token
            && !self.may(
                call.token,
                &format!("/nodes/{}", call.text("node")),
                "Sys.Modify",
            )
        {
            return failed(
                403,
                format!(
                    "Permission check failed (/nodes/{}, Sys.Modify)",
                    call.text("node")
                ),
            );
        }
        self.stop_task(number);
        Ok(Value::Null)
    }
}
