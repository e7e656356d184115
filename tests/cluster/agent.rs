//! Guest agents of VMs, as far as `agent/file-read` goes (API2/Qemu/Agent.pm, QemuServer/Agent.pm).
//!
//! The scenario's `agents` say of a VM's ID from when on after its start one answers (`after_s`), and where
//! its files are: `files` by path, or below `root`, a folder that they are read from as they are then.

use std::{collections::BTreeMap, fs, path::PathBuf};

use serde_json::{Value, json};

use crate::{
    api::{Answer, Call, failed},
    world::World,
};

/// What the API reads of a file, in bytes.
const MOST: usize = 16 << 20;

pub struct Agent {
    after_s: f64,
    files: BTreeMap<String, String>,
    root: Option<PathBuf>,
}

impl Agent {
    pub fn parse(entry: &Value) -> Self {
        Self {
            after_s: entry["after_s"].as_f64().unwrap_or(0.0),
            files: serde_json::from_value(entry["files"].clone()).unwrap_or_default(),
            root: entry["root"].as_str().map(PathBuf::from),
        }
    }

    fn read(&self, path: &str) -> Option<String> {
        let below = |root: &PathBuf| fs::read(root.join(path.trim_start_matches('/'))).ok();
        let found = self.root.as_ref().and_then(below);
        let text = found.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        text.or_else(|| self.files.get(path).cloned())
    }
}

impl World {
    pub fn agent_file(&self, call: &Call) -> Answer {
        let vmid = call.vmid();
        let guest = self.guest(vmid);
        if !guest.config.contains_key("agent") {
            return failed(500, "No QEMU guest agent configured");
        }
        if !guest.running {
            return failed(500, format!("VM {vmid} is not running"));
        }
        let up = |agent: &&Agent| self.now >= guest.started_at + agent.after_s;
        let Some(agent) = self.agents.get(&vmid).filter(up) else {
            return failed(500, "QEMU guest agent is not running");
        };
        let path = call.text("file");
        let Some(text) = agent.read(&path) else {
            let what = format!(
                "Agent error: failed to open file '{path}' (mode: 'r'): No such file or directory"
            );
            return failed(500, what);
        };
        let mut answer = json!({"content": text, "bytes-read": text.len().min(MOST)});
        if text.len() > MOST {
            answer["truncated"] = 1.into();
        }
        Ok(answer)
    }
}
