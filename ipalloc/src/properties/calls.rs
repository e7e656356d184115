//! Calls of the tool as the binary makes them, and what can be said of any of them.

use std::{collections::BTreeMap, fs, path::Path, sync::OnceLock};

use clap::Parser as _;
use jiff::Timestamp;
use serde_json::{Value, json};
use vmid::exit::{Answer, Stop};

use super::oracle::{Ask, Rules, Source};
use crate::{
    Surroundings,
    cli::{Cli, Environment},
};

/// What a call printed and how it ended.
#[derive(Debug)]
pub struct Said {
    pub text: String,
    pub end: Result<Answer, Stop>,
}

impl Said {
    pub fn records(&self) -> Vec<Value> {
        let lines = self.text.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Every record was handled; a failure to run at all is none of the two answers.
    pub fn is_yes(&self) -> bool {
        match &self.end {
            Ok(answer) => *answer == Answer::Yes,
            Err(stop) => panic!("{stop}"),
        }
    }
}

/// `ipalloc VERB --ipam FOLDER ARGS...`
pub fn call(folder: &Path, now: Timestamp, args: &[String], input: &[u8]) -> Said {
    let ipam = folder.to_str().unwrap();
    let line = ["ipalloc", &args[0], "--ipam", ipam].into_iter();
    let site = ["--site", site()];
    let line = line.chain(site.into_iter().filter(|_| args[0] == "allocate"));
    let cli = Cli::try_parse_from(line.chain(args[1..].iter().map(String::as_str))).unwrap();
    let mut out = Vec::new();
    let environment = Environment::default();
    let surroundings = Surroundings { environment, now };
    let end = crate::run(&cli.command, &surroundings, input, &mut out, false);
    let text = String::from_utf8(out).unwrap();
    Said { text, end }
}

/// A site that says nothing, so that no call says that none was named.
fn site() -> &'static str {
    static SITE: OnceLock<tempfile::NamedTempFile> = OnceLock::new();
    let file = SITE.get_or_init(|| {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "{}").unwrap();
        file
    });
    file.path().to_str().unwrap()
}

/// A rehearsal, then the call itself: the first changes nothing and says what the second does.
pub fn call_twice(folder: &Path, now: Timestamp, args: &[String], input: &[u8]) -> Said {
    let before = snapshot(folder);
    let rehearsal = [args, &["--dry-run".to_owned()]].concat();
    let told = call(folder, now, &rehearsal, input);
    assert_eq!(snapshot(folder), before, "a rehearsal changes nothing");
    let done = call(folder, now, args, input);
    assert_eq!(told.is_yes(), done.is_yes());
    assert_eq!(told.text.replace(",\"dry_run\":true", ""), done.text);
    let count = |text: &str, field: &str| text.matches(field).count();
    let told = count(&told.text, "\"dry_run\":true");
    assert_eq!(told, count(&done.text, "\"changed\":"));
    done
}

/// All files of the folder but the lock, which holds nothing.
pub fn snapshot(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name != ".ipalloc.lock" {
            files.insert(name, fs::read(entry.path()).unwrap());
        }
    }
    files
}

pub fn words(words: &[&str]) -> Vec<String> {
    words.iter().copied().map(str::to_owned).collect()
}

/// The code of the `error` that a record carries.
pub fn code(answer: &Value) -> Option<&str> {
    answer["error"]["code"].as_str()
}

impl Rules {
    pub fn flags(&self) -> Vec<String> {
        let mut all = words(&["--gateway", self.gateway]);
        for avoid in &self.avoid {
            all.extend(["--avoid".to_owned(), avoid.flag()]);
        }
        all.extend(self.adopt.then(|| "--adopt".to_owned()));
        all.extend(self.reassign.then(|| "--reassign".to_owned()));
        all.extend(self.force.then(|| "--force".to_owned()));
        let domain = self.domain.into_iter();
        all.extend(domain.flat_map(|domain| words(&["--domain", domain])));
        all
    }
}

impl Ask {
    /// As a record, with a field that is none of the tool's business.
    pub fn record(&self) -> Value {
        let mut record = json!({"name": self.name, "note": {"kept": [1, 2]}});
        match &self.source {
            Source::Vlan(vlan) => record["vlan"] = (*vlan).into(),
            Source::Prefix(net) => record["prefix"] = net.to_string().into(),
            Source::Range(first, last) => record["range"] = format!("{first}-{last}").into(),
            Source::Nothing => {}
        }
        if let Some(vrf) = self.vrf {
            record["vrf"] = if vrf.is_empty() { "Global" } else { vrf }.into();
        }
        if let Some(interface) = self.interface {
            record["interface"] = interface.into();
        }
        if let Some(wanted) = self.wanted {
            record["address"] = wanted.to_string().into();
        }
        if let Some(family) = self.family {
            record["family"] = family.into();
        }
        if self.next {
            record["fallback"] = "next".into();
        }
        record
    }
}
