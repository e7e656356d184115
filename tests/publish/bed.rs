//! Name servers that can be logged in to (tests/lab/guest), an IPAM of files, and publish-names run beside them.
//!
//! The servers' programs are this host's own (tests/lab/guest-dns); their names are those of the tests.

use std::{env, fs, ops::Deref, process::Command};

use serde_json::{Value, json};

use crate::namespaces::{Namespaces, not_run};
pub use crate::script::Answer;

/// The namespaces; they go with all that is in them.
pub struct Bed {
    namespaces: Namespaces,
}

impl Deref for Bed {
    type Target = Namespaces;

    fn deref(&self) -> &Namespaces {
        &self.namespaces
    }
}

impl Bed {
    /// None where such namespaces or the programs aren't to be had; then it was said.
    pub fn new(test: &str, programs: &[&str]) -> Option<Self> {
        let folders = env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
        let there = |program: &&&str| !env::split_paths(&folders).any(|f| f.join(program).exists());
        if let Some(program) = programs.iter().find(there) {
            not_run("publish", test, &format!("no {program}"));
            return None;
        }
        let namespaces = Namespaces::new("publish", test)?;
        let bed = Self { namespaces };
        bed.ipam(&[("web", 70), ("db", 71), ("mail", 72)]);
        Some(bed)
    }

    /// The IPAM: a name in lab.example and the last number of its address each.
    pub fn ipam(&self, hosts: &[(&str, u8)]) {
        let folder = self.path("ipam");
        fs::create_dir_all(&folder).unwrap();
        fs::write(
            folder.join("prefixes.csv"),
            "prefix,vlan,status\n192.168.30.0/24,30,active\n",
        )
        .unwrap();
        let mut rows = "address,status,dns_name,cf_ipalloc_key\n".to_owned();
        for (name, last) in hosts {
            rows += &format!("192.168.30.{last}/24,active,{name}.lab.example,{name}\n");
        }
        let new = folder.join("new.csv");
        fs::write(&new, rows).unwrap();
        fs::rename(new, folder.join("ip-addresses.csv")).unwrap();
    }

    /// The site, with these name servers.
    pub fn site(&self, servers: &[Value]) {
        let site = json!({"domain": "lab.example", "vlans": [{"vlan": 30, "prefix": "192.168.30.0/24"}], "dns": {"servers": servers}});
        fs::write(self.path("site.json"), site.to_string()).unwrap();
    }

    /// A name server, whose dnsmasq runs.
    pub fn server(&self, name: &str, address: &str) {
        self.bash(&format!("guest up {name} {address}"));
        self.bash(&format!("guest-dns {name}"));
        self.inside(name, "dns start");
    }

    /// Two of them, of dnsmasq's configuration, as the site has them.
    pub fn two(&self) -> [Value; 2] {
        let servers = [("ns-1", 51), ("ns-2", 52)].map(|(name, last)| {
            let address = format!("192.168.30.{last}");
            self.server(name, &address);
            dnsmasq(name, &address)
        });
        self.site(&servers);
        servers
    }

    /// publish-names, not yet begun.
    pub fn publishing(&self, words: &[&str]) -> Command {
        let mut command = self.command("publish-names");
        command
            .args(["--identity", "/mnt/lab/id", "--ipam"])
            .arg(self.path("ipam"))
            .args(words);
        command
    }

    /// publish-names with another hacheck: a script, in which $real is the real one.
    pub fn with_hacheck(&self, script: &str, words: &[&str]) -> Answer {
        let folder = self.path("fake");
        fs::create_dir_all(&folder).unwrap();
        fs::write(
            folder.join("hacheck"),
            format!("#!/bin/bash\nreal=$(type -ap hacheck | sed -n 2p)\n{script}\n"),
        )
        .unwrap();
        self.bash("chmod +x $TMPDIR/fake/hacheck");
        let mut command = self.command("bash");
        let path = folder.display();
        command
            .args([
                "-c",
                &format!("PATH={path}:$PATH exec publish-names \"$@\""),
                "bash",
            ])
            .args(["--identity", "/mnt/lab/id", "--ipam"])
            .arg(self.path("ipam"))
            .args(words);
        Answer::of(&command.output().unwrap())
    }

    pub fn publish(&self, words: &[&str]) -> Answer {
        Answer::of(&self.publishing(words).output().unwrap())
    }

    /// The first time, when no host key is known.
    pub fn first(&self) -> Answer {
        let site: Value =
            serde_json::from_slice(&fs::read(self.path("site.json")).unwrap()).unwrap();
        let servers = site["dns"]["servers"].as_array().unwrap();
        let names: Vec<&str> = servers
            .iter()
            .map(|server| server["name"].as_str().unwrap())
            .collect();
        self.publish(&["--apply", "--accept-new", &names.join(",")])
    }

    /// What a server answers to a name: the addresses.
    pub fn ask(&self, address: &str, name: &str) -> String {
        self.bash(&format!(
            "hacheck ask {address} {name}.lab.example </dev/null | jq -r '.answers | join(\" \")'"
        ))
    }
}

/// A server with a file of dnsmasq's configuration.
pub fn dnsmasq(name: &str, address: &str) -> Value {
    json!({"name": name, "address": address, "format": "dnsmasq", "file": "/etc/dnsmasq.d/names.conf",
        "check": "dnsmasq --test --conf-dir=/etc/dnsmasq.d", "reload": "dns restart"})
}

impl Answer {
    /// The records of a run in which every server answers from its names.
    pub fn published(&self, changed: bool) -> &[Value] {
        assert_eq!(self.code, Some(0), "{self:#?}");
        for record in &self.records {
            let got = (&record["verified"], &record["changed"], &record["error"]);
            assert_eq!(
                got,
                (&json!(true), &json!(changed), &Value::Null),
                "{self:#?}"
            );
        }
        &self.records
    }

    /// The codes of all servers, in their order; an empty one is none.
    pub fn codes(&self) -> Vec<&str> {
        self.records
            .iter()
            .map(|record| record["error"]["code"].as_str().unwrap_or_default())
            .collect()
    }

    pub fn message(&self, place: usize) -> &str {
        self.records[place]["error"]["message"]
            .as_str()
            .unwrap_or_default()
    }
}
