//! Guests that can be logged in to (tests/lab/guest), a mirror with packages of our own, and configure run beside them.

use std::{fs, ops::Deref};

use serde_json::{Value, json};

use crate::namespaces::Namespaces;
pub use crate::script::Answer;

/// The namespaces, and configure in them.
pub struct Bed(Namespaces);

impl Deref for Bed {
    type Target = Namespaces;

    fn deref(&self) -> &Namespaces {
        &self.0
    }
}

impl Bed {
    /// None where such namespaces or the root file system aren't to be had; then it was said.
    pub fn new(test: &str) -> Option<Self> {
        let bed = Self(Namespaces::new("configure", test)?);
        bed.site(&json!({}));
        Some(bed)
    }

    /// The site, whose template base has two packages; `more` replaces its keys.
    pub fn site(&self, more: &Value) {
        let mut site = json!({"timezone": "Europe/Berlin", "templates": {"base": {"packages": ["lab-tool", "unattended-upgrades"]}}});
        for (name, value) in more.as_object().unwrap() {
            site[name] = value.clone();
        }
        fs::write(self.path("site.json"), site.to_string()).unwrap();
    }

    /// A new guest, as the record that pvx-migrate run has of a container that it made.
    pub fn made(&self, name: &str, address: &str) -> Value {
        let script =
            format!("guest up {name} {address}; guest-mirror use {name}; guest keys {name}");
        let keys: Value = serde_json::from_str(&self.bash(&script)).unwrap();
        json!({"name": name, "vmid": 30000, "type": "lxc", "shape": "lxc", "address": format!("{address}/24"), "changed": true, "host_keys": keys})
    }

    pub fn configure(&self, words: &[&str], records: &[Value]) -> Answer {
        let mut command = self.command("configure");
        let input = self.path("records");
        let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
        fs::write(&input, lines).unwrap();
        command
            .args(["--identity", "/mnt/lab/id"])
            .args(words)
            .stdin(fs::File::open(input).unwrap());
        Answer::of(&command.output().unwrap())
    }
}

impl Answer {
    /// The one record of a run that went well.
    pub fn ready(&self) -> &Value {
        assert_eq!(self.code, Some(0), "{self:?}");
        let [record] = &self.records[..] else {
            panic!("{self:?}")
        };
        assert!(
            record["error"].is_null() && record["ready_ms"].is_u64(),
            "{record}"
        );
        record
    }

    /// That the one record is refused with this code, and says this.
    pub fn refused(&self, code: &str, part: &str, what: &str) {
        let error = &self.records.first().expect(what)["error"];
        assert_eq!(
            (self.code, error["code"].as_str()),
            (Some(1), Some(code)),
            "{what}: {self:?}"
        );
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(part), "{what}: {message}");
        assert!(
            self.said.contains(part) && self.said.lines().count() == 1,
            "{what}: {}",
            self.said
        );
    }
}
